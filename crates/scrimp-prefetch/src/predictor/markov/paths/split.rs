//! Paths, divided into parts, with those that are parameters.

use std::hash::{BuildHasher, RandomState};

use http::Uri;

use super::super::{
    context::mix,
    table::{Node, Table},
};

/// Parts of a path and query that are looked at. One with more has no template.
const PARTS: usize = 16;

/// Parameters of a path that are kept.
pub(super) const VALUES: usize = 4;

/// Bytes of them, together.
const BYTES: usize = 96;

/// Visits of a prefix from which its parts are told apart.
const KNOWN: u16 = 48;

/// Different parts behind a prefix from which rare ones are parameters.
const DIFFERENT: u8 = 12;

/// A part is rare if it has less than this share of the visits.
const RARE: u16 = 24;

/// The template of a path, and the values of its parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    /// Hash of the template. 0: none.
    pub(super) template: u64,
    /// Hash of the path with its query.
    pub(super) path: u64,
    ends: [u8; VALUES],
    text: [u8; BYTES],
}

/// Knows what followed each prefix of a path, by hashes with a key of the process.
pub(super) struct Parts {
    table: Table,
    names: RandomState,
}

// === impl Split ===

impl Split {
    pub(super) const NONE: Self = Self {
        template: 0,
        path: 0,
        ends: [0; VALUES],
        text: [0; BYTES],
    };

    /// Returns a value. `None` if there are fewer.
    pub(super) fn value(&self, at: usize) -> Option<&str> {
        let start = match at {
            0 => 0,
            _ => usize::from(*self.ends.get(at - 1)?),
        };
        let end = usize::from(*self.ends.get(at)?);
        let text = self.text.get(start..end).filter(|text| !text.is_empty())?;
        std::str::from_utf8(text).ok()
    }

    /// Returns the place of a value.
    pub(super) fn find(&self, value: &str) -> Option<usize> {
        (0..VALUES).find(|&at| self.value(at) == Some(value))
    }

    pub(super) fn has_values(&self) -> bool {
        self.ends[0] > 0
    }

    /// Adds a value, if there is room.
    fn push(&mut self, value: &str) {
        let Some(at) = (0..VALUES).find(|&at| self.value(at).is_none()) else {
            return;
        };
        let start = match at {
            0 => 0,
            _ => usize::from(self.ends[at - 1]),
        };
        if let Some(room) = self.text.get_mut(start..start + value.len()) {
            room.copy_from_slice(value.as_bytes());
            self.ends[at] = u8::try_from(start + value.len()).unwrap_or(u8::MAX);
        }
    }
}

// === impl Parts ===

impl Parts {
    pub(super) fn new(prefixes: usize) -> Self {
        Self {
            table: Table::new(prefixes),
            names: RandomState::new(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.table.bytes()
    }

    /// Returns the hash of a path with its query.
    pub(super) fn hash(&self, path: &str) -> u64 {
        let names = parts(path).map(|part| self.names.hash_one(part));
        names.fold(0, mix)
    }

    /// Returns the hash of some bytes.
    pub(super) fn hash_of(&self, bytes: &[u8]) -> u64 {
        self.names.hash_one(bytes)
    }

    /// Learns from a path, and divides it.
    pub(super) fn learn(&mut self, uri: &Uri) -> Split {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let (mut split, mut prefix) = (Split::NONE, 1);
        for (at, (sign, part)) in parts(path).enumerate() {
            if at == PARTS {
                return Split::NONE;
            }
            let name = self.names.hash_one((sign, part));
            split.path = mix(split.path, name);
            let slot = self.table.find(prefix);
            let is_parameter = is_rare(self.table.node(slot), name) && is_value(part);
            self.table.count(slot, short(name));
            if is_parameter {
                split.push(part);
            }
            let name = if is_parameter { sign.into() } else { name };
            prefix = mix(prefix, name);
        }
        split.template = prefix | 1;
        split
    }
}

/// Reports whether a part is one of many behind its prefix, by what followed that.
fn is_rare(node: &Node, name: u64) -> bool {
    let total = node.total();
    if total < KNOWN || node.different() < DIFFERENT {
        return false;
    }
    node.times(short(name)) < total / RARE
}

/// Returns the parts of a path with its query, each with the sign before it.
pub(super) fn parts(path: &str) -> impl Iterator<Item = (u8, &str)> {
    let mut rest = path;
    std::iter::from_fn(move || {
        let (sign, behind) = match rest.as_bytes().first()? {
            sign @ (b'/' | b'?' | b'&' | b'=') => (*sign, &rest[1..]),
            _ => (b'/', rest),
        };
        let end = behind.find(['/', '?', '&', '=']).unwrap_or(behind.len());
        let (part, after) = behind.split_at(end);
        rest = after;
        Some((sign, part))
    })
}

/// Reports whether a part can be put into another path: it does not lead elsewhere there, as written or once it is
/// decoded.
fn is_value(part: &str) -> bool {
    let is_dots = part.bytes().all(|byte| byte == b'.');
    !is_dots && !part.contains("%2e") && !part.contains("%2E")
}

/// Returns the lower half of a hash, other than 0.
#[expect(clippy::cast_possible_truncation, reason = "half of a hash")]
pub(super) fn short(hash: u64) -> u32 {
    hash as u32 | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(parts: &mut Parts, path: &str) -> Split {
        parts.learn(&path.parse().expect("a path"))
    }

    #[test]
    fn what_differs_from_visit_to_visit_is_a_parameter_and_what_is_frequent_is_not() {
        let mut parts = Parts::new(1_024);
        for n in 0..200 {
            learn(&mut parts, &format!("/products/{n}?page={n}"));
            learn(&mut parts, &format!("/products/{n}/reviews"));
            learn(&mut parts, "/cart");
        }
        let (one, other) = (
            learn(&mut parts, "/products/901?page=2"),
            learn(&mut parts, "/products/902?page=7"),
        );
        assert_eq!(one.template, other.template);
        assert_eq!(
            (one.value(0), one.value(1), one.value(2)),
            (Some("901"), Some("2"), None)
        );
        let reviews = learn(&mut parts, "/products/903/reviews");
        assert!(reviews.template != one.template && reviews.value(0) == Some("903"));
        assert!(!learn(&mut parts, "/cart").has_values());
        for path in ["/products/..", "/products/%2e%2E", "/products/"] {
            assert!(!learn(&mut parts, path).has_values(), "{path}");
        }
    }

    #[test]
    fn a_hundred_times_as_many_prefixes_take_no_more_memory() {
        let mut parts = Parts::new(64);
        let bytes = parts.bytes();
        for n in 0..6_400 {
            learn(&mut parts, &format!("/{n}/{n}/{n}"));
        }
        assert_eq!(parts.bytes(), bytes);
        let long = format!("/{}", "a/".repeat(PARTS));
        assert_eq!(learn(&mut parts, &long).template, 0);
        let mut split = Split::NONE;
        for _ in 0..100 * VALUES {
            split.push("123456789");
        }
        assert_eq!(split.value(VALUES - 1), Some("123456789"));
        split.push(&"9".repeat(1_000));
    }
}
