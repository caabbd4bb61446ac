//! The parts of a tag: its name, its version, and the prefixes by which it can be invalidated.

/// Separators at which a tag may be cut to a prefix.
pub const SEPARATORS: [char; 2] = [':', '/'];

/// Returns the name of a tag, and its version if it has one: `user:7@12` is version 12 of `user:7`.
///
/// ```
/// use scrimp_core::tag::versioned;
///
/// assert_eq!(versioned("user:7@12"), ("user:7", Some(12)));
/// assert_eq!(versioned("mail:ann@example"), ("mail:ann@example", None));
/// ```
#[must_use]
pub fn versioned(tag: &str) -> (&str, Option<u64>) {
    let parts = tag.rsplit_once('@');
    let parsed = parts.and_then(|(name, version)| Some((name, version.parse().ok()?)));
    parsed.map_or((tag, None), |(name, version)| (name, Some(version)))
}

/// Returns the prefixes of a name that end at a separator, the shortest first.
///
/// ```
/// let prefixes: Vec<_> = scrimp_core::tag::prefixes("products:list:7").collect();
/// assert_eq!(prefixes, ["products:", "products:list:"]);
/// ```
#[must_use]
pub fn prefixes(name: &str) -> impl DoubleEndedIterator<Item = &str> {
    let ends = name.match_indices(SEPARATORS);
    ends.map(|(end, _)| &name[..=end])
}
