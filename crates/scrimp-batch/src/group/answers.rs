//! Answers of a service to many requests at once.

/// The answers to a batch.
///
/// A `Vec` answers in the order of the requests and must have their number. One of another length
/// answers no request, because it is unknown which answer is missing. [`ByIndex`] names the
/// request of each answer.
pub trait Answers {
    /// The answer to one request.
    type Item;

    /// Returns the answers in the order of the requests, of which there are `asked`.
    ///
    /// # Errors
    ///
    /// The number of answers, if it is wrong, so that no answer can be matched.
    fn in_order(self, asked: usize) -> Result<Vec<Option<Self::Item>>, usize>;
}

/// Answers in any order, each with the index of its request in the batch.
///
/// A request without an answer is [missing](super::GroupError::Missing), and so is one with two
/// answers. An index beyond the batch is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ByIndex<T>(pub Vec<(usize, T)>);

impl<T> Answers for Vec<T> {
    type Item = T;

    fn in_order(self, asked: usize) -> Result<Vec<Option<T>>, usize> {
        if self.len() != asked {
            return Err(self.len());
        }
        Ok(self.into_iter().map(Some).collect())
    }
}

impl<T> Answers for ByIndex<T> {
    type Item = T;

    fn in_order(self, asked: usize) -> Result<Vec<Option<T>>, usize> {
        Ok(place(asked, self.0))
    }
}

/// Returns the answers by index. An index that comes twice has no answer, because neither can be
/// trusted.
pub(crate) fn place<T>(
    asked: usize,
    answers: impl IntoIterator<Item = (usize, T)>,
) -> Vec<Option<T>> {
    let mut places: Vec<Option<T>> = (0..asked).map(|_| None).collect();
    let mut seen = vec![false; asked];
    for (index, answer) in answers {
        let (Some(place), Some(seen)) = (places.get_mut(index), seen.get_mut(index)) else {
            continue;
        };
        let twice = std::mem::replace(seen, true);
        *place = (!twice).then_some(answer);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_comes_twice_or_is_too_large_answers_no_request() {
        let answers = ByIndex(vec![(2, 'c'), (0, 'a'), (2, 'x'), (9, 'z')]);
        assert_eq!(answers.in_order(4), Ok(vec![Some('a'), None, None, None]));
    }

    #[test]
    fn a_list_that_is_too_short_answers_no_request() {
        assert_eq!(vec!['a', 'b'].in_order(3), Err(2));
    }
}
