//! Labels that the cost of a call is attributed to.

use std::sync::{Arc, LazyLock};

/// Name of the model, tag, tenant or route that stands for those beyond a bound.
pub(crate) const OTHER: &str = "(other)";

/// On a response: the model that its call was priced by, where the layer that made the call knows
/// it. A [`Ledger`](crate::Ledger) books the call under it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CalledModel(pub Arc<str>);

/// On a request: tags that its cost is attributed to, such as a team or a feature.
///
/// They are in no key and change no response: two requests that differ only in their tags share a
/// stored response, and the second one's saving is booked under its own tags. A key has one value,
/// so the costs by the values of one key add up to the whole.
///
/// ```
/// use scrimp_core::extensions::CostTags;
///
/// let tags = CostTags::new([("team", "search"), ("feature", "suggest")]);
/// assert_eq!(tags.get("team"), Some("search"));
/// assert_eq!(tags.to_string(), "feature=suggest team=search");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CostTags(Arc<[(Box<str>, Box<str>)]>);

static NONE: LazyLock<CostTags> = LazyLock::new(|| CostTags(Arc::new([])));
static REST: LazyLock<CostTags> = LazyLock::new(|| CostTags::new([(OTHER, OTHER)]));

// === impl CalledModel ===

impl From<&str> for CalledModel {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

// === impl CostTags ===

impl CostTags {
    /// Highest number of tags.
    pub const MOST: usize = 16;
    /// Highest length of a key or a value, in bytes.
    pub const LONGEST: usize = 256;

    /// Makes tags of pairs of a key and its value. Of two pairs with one key, the later one counts.
    ///
    /// Callers may name them, so they are bounded: a pair with an empty key, or a key that is
    /// longer than [`LONGEST`](Self::LONGEST), is left out, and so are the pairs with the last keys
    /// in order beyond [`MOST`](Self::MOST). A value that is too long becomes `(other)`.
    #[must_use]
    pub fn new<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut tags: Vec<(Box<str>, Box<str>)> = Vec::new();
        for (key, value) in pairs {
            let (key, value) = (key.as_ref(), value.as_ref());
            let value = if value.len() > Self::LONGEST {
                OTHER
            } else {
                value
            };
            match tags.binary_search_by(|(known, _)| (**known).cmp(key)) {
                Ok(at) => tags[at].1 = value.into(),
                Err(_) if key.is_empty() || key.len() > Self::LONGEST => {}
                Err(at) => {
                    tags.insert(at, (key.into(), value.into()));
                    tags.truncate(Self::MOST);
                }
            }
        }
        Self(tags.into())
    }

    /// Returns the value of a key. It is `(other)` for each key in tags that a ledger had no room
    /// for.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let find = |key: &str| self.iter().find(|(known, _)| *known == key);
        find(key).or_else(|| find(OTHER)).map(|(_, value)| value)
    }

    /// Returns the pairs, in the order of their keys.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Reports whether there are no tags.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reports whether both are the same, at the price of one comparison where they are clones.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self == other
    }

    pub(crate) fn none() -> &'static Self {
        &NONE
    }

    /// Returns the tags that stand for those beyond a bound.
    pub(crate) fn rest() -> &'static Self {
        &REST
    }
}

impl Default for CostTags {
    fn default() -> Self {
        Self::none().clone()
    }
}

impl std::fmt::Display for CostTags {
    /// Writes `key=value` pairs with spaces between them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, (key, value)) in self.iter().enumerate() {
            let gap = if place > 0 { " " } else { "" };
            write!(f, "{gap}{key}={value}")?;
        }
        Ok(())
    }
}

/// Is a map of the keys to their values.
#[cfg(feature = "serde")]
impl serde::Serialize for CostTags {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// Is read from a map of the keys to their values.
#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for CostTags {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = std::collections::BTreeMap::<String, String>::deserialize(deserializer)?;
        Ok(Self::new(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_value_and_the_order_of_pairs_is_of_no_matter() {
        let one = CostTags::new([("b", "1"), ("a", "2"), ("b", "3")]);
        assert_eq!(one, CostTags::new([("a", "2"), ("b", "3")]));
        assert_eq!((one.get("b"), one.get("c")), (Some("3"), None));
        assert!(CostTags::default().is_empty() && !one.is_empty());
    }

    #[test]
    fn a_hundred_times_the_bound_of_tags_and_bytes_is_cut() {
        let many = (0..100 * CostTags::MOST).map(|n| (format!("{n:05}"), "x"));
        let tags = CostTags::new(many);
        assert_eq!(tags.iter().len(), CostTags::MOST);
        assert_eq!(tags.get("00015"), Some("x"));
        let long = "x".repeat(100 * CostTags::LONGEST);
        let tags = CostTags::new([("", "x"), (&long, "x"), ("a", &long)]);
        assert_eq!(tags.to_string(), "a=(other)");
    }

    #[test]
    fn tags_without_room_have_the_other_value_for_each_key() {
        assert_eq!(CostTags::rest().get("team"), Some(OTHER));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn tags_are_a_map_in_json() {
        let tags = CostTags::new([("team", "search"), ("a", "b")]);
        let json = serde_json::to_string(&tags).unwrap();
        assert_eq!(json, r#"{"a":"b","team":"search"}"#);
        assert_eq!(serde_json::from_str::<CostTags>(&json).unwrap(), tags);
    }
}
