//! The form of tags in fields and purges: one for all CDNs.

use scrimp_core::tag::{prefixes, versioned};
use sha2::{Digest, Sha256};

/// Maximum length of a key in bytes. Fastly's and Cloudflare's purge APIs refuse a longer one
/// (<https://www.fastly.com/documentation/reference/vcl/constraints-and-limitations/>,
/// <https://developers.cloudflare.com/cache/how-to/purge-cache/purge-by-tags/>).
pub(crate) const MAX_KEY: usize = 1_024;

/// Begin of a key that stands for a longer one. It is no percent-encoding, so no short key has it.
pub(crate) const CUT: &str = "%sha256-";

/// Maximum number of a tag's prefixes that are keys of their own.
const MAX_PREFIXES: usize = 8;

/// Returns the key of a tag, as it is written in fields and named in purges.
///
/// - A version is left out: `user:7@12` is `user:7`.
/// - Letters, digits and the marks `!#$&'()*+-./:;<=>?@[]^_{|}~` stay. Each other byte is
///   percent-encoded, and `%` too, so that different tags have different keys and no tag contains
///   the separator of a field.
/// - A key of more than 1,024 bytes is replaced by `%sha256-` and the SHA-256 digest of the
///   key in hexadecimal digits.
///
/// ```
/// use scrimp_cdn::tag_key;
///
/// assert_eq!(tag_key("product:42"), "product:42");
/// assert_eq!(tag_key("a, b%"), "a%2C%20b%25");
/// assert_eq!(tag_key(&"long".repeat(300)).len(), 72);
/// ```
#[must_use]
pub fn tag_key(tag: &str) -> String {
    key(versioned(tag).0)
}

/// Returns the keys of a tag: its own, and those of its first eight prefixes that end in `:` or `/`.
pub(crate) fn keys(tag: &str) -> impl Iterator<Item = String> {
    let name = versioned(tag).0;
    let own = (!name.is_empty()).then(|| key(name));
    own.into_iter()
        .chain(prefixes(name).take(MAX_PREFIXES).map(key))
}

/// Returns the key of the longest prefix that responses carry and that is not longer than this
/// one, and whether it is wider. `None` if there is none.
pub(crate) fn prefix_key(prefix: &str) -> Option<(String, bool)> {
    let carried = prefixes(prefix).take(MAX_PREFIXES).last()?;
    Some((key(carried), carried.len() < prefix.len()))
}

/// Returns the part of a pattern before its first `*`.
pub(crate) fn literal_start(pattern: &str) -> &str {
    let end = pattern.find('*').unwrap_or(pattern.len());
    &pattern[..end]
}

fn key(name: &str) -> String {
    let key = encoded(name);
    match key.len() > MAX_KEY {
        false => key,
        true => cut(&key),
    }
}

fn cut(key: &str) -> String {
    let digest = Sha256::digest(key);
    let mut text = String::with_capacity(CUT.len() + 2 * digest.len());
    text.push_str(CUT);
    for byte in digest {
        text.extend(hex(byte));
    }
    text
}

/// Percent-encodes what is not safe in every field.
pub(crate) fn encoded(name: &str) -> String {
    percent_encoded(name, is_safe)
}

/// Percent-encodes the bytes that are not safe.
pub(crate) fn percent_encoded(name: &str, is_safe: impl Fn(u8) -> bool) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match is_safe(byte) {
            true => text.push(char::from(byte)),
            false => {
                text.push('%');
                text.extend(hex(byte));
            }
        }
    }
    text
}

/// Reports whether a byte stays in a key: visible ASCII that separates no keys and quotes nothing.
fn is_safe(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'%' | b',' | b'"' | b'\\' | b'`')
}

fn hex(byte: u8) -> [char; 2] {
    let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value & 15)]);
    [digit(byte >> 4), digit(byte)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_tags_have_different_keys_without_separators() {
        let names = [
            "a b", "a,b", "a%20b", "a%b", "a\"b", "é", "a\tb", "a\nb", "a\\b",
        ];
        let mut keys: Vec<_> = names.iter().map(|name| tag_key(name)).collect();
        let parts = |key: &String| {
            key.bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b',')
        };
        assert!(keys.iter().all(parts), "{keys:?}");
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), names.len());
    }

    #[test]
    fn a_key_is_cut_where_the_apis_refuse_it() {
        assert_eq!(tag_key(&"a".repeat(1_024)), "a".repeat(1_024));
        let long = tag_key(&"a".repeat(1_025));
        assert!(long.starts_with(CUT) && long.len() == 72, "{long}");
        assert_ne!(long, tag_key(&"a".repeat(1_026)));
        // A short tag that looks like a cut one is another one.
        assert_ne!(tag_key(&long), long);
    }

    #[test]
    fn a_tag_carries_its_prefixes_up_to_the_eighth() {
        let all: Vec<_> = keys("a:b/c@7").collect();
        assert_eq!(all, ["a:b/c", "a:", "a:b/"]);
        assert_eq!(keys("").count(), 0);
        assert_eq!(keys(&":".repeat(2_000)).count(), 9);
    }

    #[test]
    fn a_prefix_is_purged_by_the_longest_one_that_is_carried() {
        let found = |prefix| prefix_key(prefix);
        assert_eq!(found("a:b:"), Some(("a:b:".to_owned(), false)));
        assert_eq!(found("a:b"), Some(("a:".to_owned(), true)));
        assert_eq!(found("ab"), None);
        let deep = "1:2:3:4:5:6:7:8:9:";
        assert_eq!(found(deep), Some(("1:2:3:4:5:6:7:8:".to_owned(), true)));
    }
}
