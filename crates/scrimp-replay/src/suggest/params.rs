//! Parameters of the queries in a log.

use std::{
    collections::{HashMap, HashSet, hash_map::RandomState},
    hash::BuildHasher,
};

use scrimp_core::KeyHashBuilder;

/// Most names that are counted; the rest are known to exist, and no more.
const MAX_NAMES: usize = 256;
/// Most values of a name that are told apart.
const MAX_VALUES: usize = 64;
/// Most paths that are told apart by whether they have a query.
const MAX_PATHS: usize = 1 << 17;
/// Longest name that is counted.
const MAX_LENGTH: usize = 64;

/// Counts of parameters.
#[derive(Debug, Default)]
pub(crate) struct Params {
    names: HashMap<String, Count>,
    /// There are names that were not counted, or that a rule cannot list.
    pub(super) others: bool,
    pub(super) paths: Paths,
}

/// The paths of targets with a query.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    /// Hashes.
    paths: Hashes,
    hasher: RandomState,
    /// There are too many to tell.
    any: bool,
}

#[derive(Debug, Default)]
struct Count {
    requests: u64,
    values: Hashes,
}

/// Keyed hashes, which are not hashed again.
type Hashes = HashSet<u64, KeyHashBuilder>;

// === impl Params ===

impl Params {
    /// Counts the parameters of a request.
    pub(crate) fn note(&mut self, target: &str) {
        let Some((path, query)) = target.split_once('?') else {
            return;
        };
        self.paths.insert(path);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let has_room = self.names.len() < MAX_NAMES;
            let count = match self.names.get_mut(name) {
                Some(count) => count,
                None if has_room && is_plain(name) => {
                    self.names.entry(name.to_owned()).or_default()
                }
                None => {
                    self.others = true;
                    continue;
                }
            };
            count.requests += 1;
            if count.values.len() < MAX_VALUES {
                count.values.insert(self.paths.hasher.hash_one(value));
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

// === impl Paths ===

impl Paths {
    fn insert(&mut self, path: &str) {
        if !self.any {
            self.paths.insert(self.hasher.hash_one(path));
            self.any = self.paths.len() >= MAX_PATHS;
        }
        if self.any {
            self.paths = Hashes::default();
        }
    }

    /// Reports whether a target with the path of this one may have a query.
    pub(super) fn may_have(&self, target: &str) -> bool {
        let path = target.split('?').next().unwrap_or(target);
        self.any || self.paths.contains(&self.hasher.hash_one(path))
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
    fn paths_are_told_apart_up_to_a_bound_and_then_any_may_have_a_query() {
        let mut paths = Paths::default();
        paths.insert("/a");
        assert!(paths.may_have("/a") && paths.may_have("/a?x=1") && !paths.may_have("/b"));
        for number in 0..2 * MAX_PATHS {
            paths.insert(&number.to_string());
            assert!(paths.paths.len() < MAX_PATHS);
        }
        assert!(paths.may_have("/b"));
    }

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
