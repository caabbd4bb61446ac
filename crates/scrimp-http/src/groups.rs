//! Names by which a response is invalidated: Cache-Groups (RFC 9875), Surrogate-Key (Fastly,
//! Varnish xkey) and Cache-Tag (Cloudflare, Akamai).

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, ListEntry};

use crate::{list::members, structured::structured};

/// The field that puts a response into groups (RFC 9875 §2).
pub const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");

/// The field in which the response to an unsafe request invalidates groups (RFC 9875 §3).
pub const CACHE_GROUP_INVALIDATION: HeaderName =
    HeaderName::from_static("cache-group-invalidation");

/// The field whose keys are separated by white space.
pub const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// The field whose tags are separated by commas.
pub const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");

/// The field of Varnish's vmod xkey, whose keys are separated by white space or commas.
pub const XKEY: HeaderName = HeaderName::from_static("xkey");

/// Returns the groups that a field names: a list of strings (RFC 9875 §2). A malformed field
/// names none.
#[must_use]
pub fn groups(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let Some(list) = structured::<sfv::List>(headers, name) else {
        return Vec::new();
    };
    list.into_iter()
        .filter_map(|member| match member {
            ListEntry::Item(item) => match item.bare_item {
                BareItem::String(group) => Some(group.as_str().to_owned()),
                _ => None,
            },
            ListEntry::InnerList(_) => None,
        })
        .collect()
}

/// Returns the tags in a field. White space separates them in Surrogate-Key, commas in all others.
pub fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let spaced = *name == SURROGATE_KEY;
    let keys = headers.get_all(name).iter().filter(move |_| spaced);
    let keys = keys
        .filter_map(|line| line.to_str().ok())
        .flat_map(str::split_ascii_whitespace);
    let listed = members(headers.get_all(name).iter().filter(move |_| !spaced));
    let listed = listed.filter_map(|tag| std::str::from_utf8(tag).ok());
    keys.chain(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn groups_are_strings_and_nothing_else() {
        let read = |text: &str| groups(&map("cache-groups", text), &CACHE_GROUPS);
        assert_eq!(read(r#""a", "B;x";p=1, c, 3"#), ["a", "B;x"]);
        assert!(read("\"a").is_empty());
        assert!(groups(&HeaderMap::new(), &CACHE_GROUPS).is_empty());
    }

    #[test]
    fn tags_are_separated_by_the_rule_of_their_field() {
        let keys = map("surrogate-key", "a  b,c");
        assert_eq!(
            tags(&keys, &SURROGATE_KEY).collect::<Vec<_>>(),
            ["a", "b,c"]
        );
        let list = map("cache-tag", "a b, c,,d");
        assert_eq!(
            tags(&list, &CACHE_TAG).collect::<Vec<_>>(),
            ["a b", "c", "d"]
        );
    }
}
