//! What a service answers to many requests at once.

/// The answers to a batch, each to be brought to the one who asked.
///
/// A `Vec` answers in the order of the requests and has to be as long: one that is not
/// answers nobody, since it cannot be known whose answer is missing. [`ByIndex`] says which
/// is which.
pub trait Answers {
    /// One answer.
    type Item;

    /// The answers in the order of the requests, of which there were `asked`.
    ///
    /// # Errors
    ///
    /// The number of answers, if it does not fit and so nothing can be said of any.
    fn in_order(self, asked: usize) -> Result<Vec<Option<Self::Item>>, usize>;
}

/// Answers that name the request they belong to by its index in the batch, in any order.
///
/// What is not answered is [missing](super::GroupError::Missing), and so is what is answered
/// twice. An index beyond the batch answers nobody.
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

/// Puts each answer in its place; what came twice is left out, as neither can be trusted.
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
    fn an_index_that_comes_twice_or_from_nowhere_answers_nobody() {
        let answers = ByIndex(vec![(2, 'c'), (0, 'a'), (2, 'x'), (9, 'z')]);
        assert_eq!(answers.in_order(4), Ok(vec![Some('a'), None, None, None]));
    }

    #[test]
    fn a_list_that_is_too_short_answers_nobody() {
        assert_eq!(vec!['a', 'b'].in_order(3), Err(2));
    }
}
