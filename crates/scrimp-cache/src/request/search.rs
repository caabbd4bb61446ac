//! No-Vary-Search: parts of a query that do not change the response
//! (draft-ietf-httpbis-no-vary-search).
//!
//! The field comes with the response, and the key is needed with the request. So the variance of a
//! path is remembered from its response. The next request for the path is keyed by it, and its
//! response is stored only if it shows the same variance. A path whose variance changes costs one
//! more miss.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use http::{HeaderMap, Request};
use parking_lot::RwLock;
use scrimp_core::KeyHashBuilder;
use scrimp_http::{
    no_vary_search::{Ignored, SearchVariance},
    target::{authority, normal_authority},
};

/// Flag of the feature; without it, the whole query counts.
pub(crate) const IS_HEARD: bool = cfg!(feature = "no-vary-search");

/// Maximum number of remembered paths. Above it, all are forgotten and learned anew.
const MAX_PATHS: usize = 10_000;

/// The way a response depends on its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variance {
    /// The order of parameters counts.
    ordered: bool,
    /// Ignored parameters, decoded, as the names in a query are compared.
    ignored: Ignored,
}

/// The variances of paths, by the hash of the path and its authority. A collision of two paths
/// costs calls.
#[derive(Debug, Default)]
pub(crate) struct Variances(RwLock<HashMap<u64, Variance, KeyHashBuilder>>);

// === impl Variance ===

impl Variance {
    /// Reads the field. `None` if it is absent, malformed, or excludes nothing.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let SearchVariance { ordered, ignored } = SearchVariance::read(headers)?;
        let ignored = match ignored {
            Ignored::These(names) => Ignored::These(decoded(&names)),
            Ignored::AllBut(names) => Ignored::AllBut(decoded(&names)),
        };
        Some(Self { ordered, ignored })
    }

    /// Returns the parameters of a query that count, in the order of comparison.
    pub(crate) fn counting(&self, query: &str) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .filter(|(name, _)| match &self.ignored {
                Ignored::These(names) => !names.contains(name),
                Ignored::AllBut(names) => names.contains(name),
            })
            .collect();
        if !self.ordered {
            // The sort is stable: several values of one name keep their order.
            pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        pairs
    }
}

/// Decodes names, which are written as in a query: `+` and escapes have the same meaning.
fn decoded(names: &[String]) -> Vec<String> {
    let decode = |name: &String| {
        let mut pairs = form_urlencoded::parse(name.as_bytes());
        pairs
            .next()
            .map_or_else(String::new, |(name, _)| name.into_owned())
    };
    names.iter().map(decode).collect()
}

// === impl Variances ===

impl Variances {
    /// Returns the last variance of the path of a request.
    pub(crate) fn get<B>(&self, request: &Request<B>) -> Option<Variance> {
        let known = self.0.read();
        match known.is_empty() {
            true => None,
            false => known.get(&path(request)).cloned(),
        }
    }

    /// Notes the variance of a response. Returns whether the key was made with the same one.
    pub(crate) fn confirm(
        &self,
        request: &Request<()>,
        response: &HeaderMap,
        keyed_by: Option<&Variance>,
    ) -> bool {
        let shown = Variance::read(response);
        let same = shown.as_ref() == keyed_by;
        self.note(path(request), shown);
        same
    }

    fn note(&self, path: u64, shown: Option<Variance>) {
        let unchanged = self.0.read().get(&path) == shown.as_ref();
        if unchanged {
            return;
        }
        let mut known = self.0.write();
        match shown {
            Some(variance) => {
                if known.len() >= MAX_PATHS {
                    known.clear();
                }
                known.insert(path, variance);
            }
            None => {
                known.remove(&path);
            }
        }
    }
}

fn path<B>(request: &Request<B>) -> u64 {
    let authority = authority(request.uri(), request.headers());
    let mut hasher = DefaultHasher::new();
    normal_authority(authority).hash(&mut hasher);
    request.uri().path().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variance(text: &str) -> Option<Variance> {
        let mut headers = HeaderMap::new();
        headers.insert("no-vary-search", text.parse().unwrap());
        Variance::read(&headers)
    }

    fn same(text: &str, a: &str, b: &str) -> bool {
        let variance = variance(text).unwrap();
        variance.counting(a) == variance.counting(b)
    }

    #[test]
    fn the_examples_of_the_draft_hold() {
        assert!(same(r#"params=("utm" "id2")"#, "a=1&utm=x", "a=1"));
        assert!(!same(r#"params=("utm")"#, "a=1&utm=x", "a=2&utm=x"));
        assert!(same(r#"params, except=("a")"#, "a=1&b=2", "c&a=1"));
        assert!(!same(r#"params, except=("a")"#, "a=1", "a=2"));
        assert!(same("key-order", "a=1&b=2", "b=2&a=1"));
        assert!(!same("key-order", "a=1&a=2", "a=2&a=1"));
        assert!(same("params", "a=1", ""));
        assert!(same(r#"params=("%C3%A9+1")"#, "%c3%a9%201=x", ""));
        assert!(!same(r#"params=("utm")"#, "a=1&b=2", "b=2&a=1"));
    }

    #[test]
    fn what_is_malformed_or_says_nothing_is_no_variance() {
        for text in [
            "",
            "params=?0",
            "params=(a)",
            "except=(\"a\")",
            "key-order=1",
            "params=3",
            "=",
        ] {
            assert_eq!(variance(text), None, "{text}");
        }
    }
}
