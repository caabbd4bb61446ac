//! The error of a model without a price, and names that are like its name.

use std::fmt;

use super::LeftOut;

/// Longest name that is compared: the time grows with the square.
const LONGEST: usize = 128;
/// Number of names that an error gives.
const GIVEN: usize = 3;

/// Error of a model that has no price in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PriceError {
    /// The model that was asked for.
    pub model: String,
    /// Reason for which its row has no price. `None` if there is no row.
    pub left_out: Option<LeftOut>,
    /// Up to three names with a price that are most like it, the nearest first.
    pub nearest: Vec<String>,
}

impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.left_out {
            Some(reason) => write!(f, "the model {:?} is left out: {reason}", self.model)?,
            None => write!(f, "no model is named {:?}", self.model)?,
        }
        match self.nearest.split_last() {
            None => Ok(()),
            Some((last, [])) => write!(f, "; the nearest is {last:?}"),
            Some((last, others)) => {
                let others: Vec<_> = others.iter().map(|name| format!("{name:?}")).collect();
                write!(f, "; the nearest are {} and {last:?}", others.join(", "))
            }
        }
    }
}

impl std::error::Error for PriceError {}

/// Returns the names that are most like `wanted`.
pub(super) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    if wanted.len() > LONGEST {
        return Vec::new();
    }
    let wanted = wanted.to_lowercase();
    let short = last_segment(&wanted);
    let most = (wanted.len() / 3).max(2);
    let mut found: Vec<(usize, &str)> = names
        .filter(|name| name.len() <= LONGEST)
        .filter_map(|name| {
            let lower = name.to_lowercase();
            // `openai/gpt-4o` is like `gpt-4o`, but less than that name itself.
            let whole = distance(&wanted, &lower);
            let part = 1 + distance(short, last_segment(&lower));
            let distance = whole.min(part);
            (distance <= most).then_some((distance, name))
        })
        .collect();
    found.sort_by_key(|(distance, name)| (*distance, name.len(), *name));
    let found = found.into_iter().take(GIVEN);
    found.map(|(_, name)| name.to_owned()).collect()
}

fn last_segment(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Counts the characters to insert, remove, replace or swap with their neighbour (Damerau and
/// Levenshtein's distance, restricted to one edit of each place).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            let swaps = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if swaps {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (a, b, expected) in [
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("gpt-4o-mini", "gpt-4o-mni", 1),
            ("gpt-4o", "gpt-o4", 1),
            ("abc", "xyz", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn the_nearest_names_come_first_and_unlike_names_do_not_come() {
        let names = [
            "gpt-4o",
            "gpt-4o-mini",
            "openai/gpt-4o-mini",
            "claude-sonnet-4",
        ];
        let of = |wanted: &str| nearest(wanted, names.into_iter());
        assert_eq!(of("gpt-4o-mni"), ["gpt-4o-mini", "openai/gpt-4o-mini"]);
        assert_eq!(of("GPT-4O-MINI"), ["gpt-4o-mini", "openai/gpt-4o-mini"]);
        assert_eq!(
            of("azure/gpt-4o-mini")[..2],
            ["gpt-4o-mini", "openai/gpt-4o-mini"]
        );
        assert!(of("zephyr").is_empty());
        assert!(of(&"x".repeat(LONGEST + 1)).is_empty());
    }
}
