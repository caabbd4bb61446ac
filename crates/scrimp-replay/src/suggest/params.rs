//! Parameters of the queries in a log.

use std::{
    collections::{HashMap, HashSet, hash_map::RandomState},
    hash::BuildHasher,
};

/// Most names that are counted; the rest are known to exist, and no more.
const MAX_NAMES: usize = 256;
/// Most values of a name that are told apart.
const MAX_VALUES: usize = 64;
/// Longest name that is counted.
const MAX_LENGTH: usize = 64;

/// Counts of parameters.
#[derive(Debug, Default)]
pub(crate) struct Params {
    names: HashMap<String, Count>,
    /// There are names that were not counted, or that a rule cannot list.
    pub(super) others: bool,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Count {
    requests: u64,
    values: HashSet<u64>,
}

// === impl Params ===

impl Params {
    /// Counts the parameters of a request.
    pub(crate) fn note(&mut self, target: &str) {
        let Some((_, query)) = target.split_once('?') else {
            return;
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !is_plain(name) || (self.names.len() >= MAX_NAMES && !self.names.contains_key(name))
            {
                self.others = true;
                continue;
            }
            let value = self.hasher.hash_one(value);
            let count = match self.names.get_mut(name) {
                Some(count) => count,
                None => self.names.entry(name.to_owned()).or_default(),
            };
            count.requests += 1;
            if count.values.len() < MAX_VALUES {
                count.values.insert(value);
            }
        }
    }

    /// Returns the names in order, without those that `drop` selects.
    pub(super) fn without(&self, drop: impl Fn(&str) -> bool) -> Vec<&str> {
        let mut names: Vec<_> = self.names.keys().map(String::as_str).collect();
        names.retain(|name| !drop(name));
        names.sort_unstable();
        names
    }

    /// Returns the name of the most requests, of those with several values that `suits` accepts.
    pub(super) fn most_varied(&self, suits: impl Fn(&str) -> bool) -> Option<&str> {
        let varied = self
            .names
            .iter()
            .filter(|(_, count)| count.values.len() > 1);
        let suiting = varied.filter(|(name, _)| suits(name));
        let most = suiting.max_by_key(|(name, count)| {
            (
                count.values.len(),
                count.requests,
                std::cmp::Reverse(name.as_str()),
            )
        });
        most.map(|(name, _)| name.as_str())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.others
    }
}

/// Reports whether a rule can list a name.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    !name.is_empty()
        && name.len() <= MAX_LENGTH
        && name.bytes().all(plain)
        && !matches!(name, "none" | "all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_of_clients_are_bounded() {
        let mut params = Params::default();
        for number in 0..100 * MAX_NAMES {
            params.note(&format!(
                "/?n{number}={number}&q={number}&{}=1",
                "x".repeat(1_000)
            ));
        }
        assert!(params.others);
        assert_eq!(params.names.len(), MAX_NAMES);
        assert!(
            params
                .names
                .values()
                .all(|count| count.values.len() <= MAX_VALUES)
        );
        assert_eq!(params.most_varied(|_| true), Some("q"));
    }
}
