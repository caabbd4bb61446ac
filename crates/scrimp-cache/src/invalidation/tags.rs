//! The tags by which entries and invalidations name the same thing.

use std::hash::{DefaultHasher, Hasher};

use http::{HeaderMap, Uri, header};
use scrimp_http::target::{authority_bytes, is_normal_authority, normal, normal_authority};
use smallvec::SmallVec;

/// Maximum number of folders of a path that are tags, so that its prefixes can be invalidated.
const MAX_FOLDERS: usize = 8;

/// The hash of a target of invalidation. If two targets share one, invalidating either also drops
/// the other: one more call, never a stale response.
///
/// The lowest two bits tell what clients' writes can hit: 1 is a URI, 2 a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "codec", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Tag(pub(crate) u64);

/// A list of tags: those of most responses need no heap.
pub(crate) type Tags = SmallVec<[Tag; 16]>;

// === impl Tag ===

impl Tag {
    pub(super) const URI: u64 = 1;
    pub(super) const GROUP: u64 = 2;
    const KIND: u64 = 3;

    /// Marks a hash as one of this kind.
    pub(super) fn of_kind(self, kind: u64) -> Self {
        Self(self.0 & !Self::KIND | kind)
    }

    /// Returns whether it is that of a URI.
    pub(super) fn is_uri(self) -> bool {
        self.0 & Self::KIND == Self::URI
    }

    /// Returns whether it is that of a group.
    pub(super) fn is_group(self) -> bool {
        self.0 & Self::KIND == Self::GROUP
    }
}

/// Length that most of the hashed texts have at most, in bytes.
const USUAL: usize = 160;

/// Hashes without a secret, as tags outlive the process if the store does. [`Tag`] describes the
/// effect of a collision: a client gains nothing by provoking one.
fn hash(kind: &[u8], scope: &[u8], name: &[u8]) -> Tag {
    let normal = match is_normal_authority(scope) {
        true => None,
        // An authority is ASCII.
        false => std::str::from_utf8(scope).ok().map(normal_authority),
    };
    let scope = normal.as_ref().map_or(scope, |normal| normal.as_bytes());
    let length = (scope.len() as u64).to_le_bytes();
    let pieces = [kind, &[0], &length, scope, name];
    let mut hasher = DefaultHasher::new();
    // In one piece: each piece costs the hasher as much as twenty bytes.
    let mut text = [0; USUAL];
    match text.get_mut(..pieces.iter().map(|piece| piece.len()).sum()) {
        Some(text) => {
            let mut rest = &mut *text;
            for piece in pieces {
                let (room, behind) = rest.split_at_mut(piece.len());
                room.copy_from_slice(piece);
                rest = behind;
            }
            hasher.write(text);
        }
        None => pieces.iter().for_each(|piece| hasher.write(piece)),
    }
    Tag(hasher.finish()).of_kind(0)
}

/// Returns a hash by which processes can tell whether they hash alike.
#[cfg(feature = "codec")]
pub(crate) fn fingerprint() -> u64 {
    hash(b"fingerprint", b"Scrimp", b"1").0
}

/// Returns the tag of the responses under the key with these [bytes](scrimp_core::KeyRef::as_bytes).
pub(crate) fn key_tag(key: &[u8]) -> Tag {
    hash(b"key", b"", key)
}

/// Returns the tag of a name.
pub(crate) fn name_tag(name: &str) -> Tag {
    hash(b"tag", b"", name.as_bytes())
}

/// Returns the tag of all names with this prefix.
pub(crate) fn prefix_tag(prefix: &str) -> Tag {
    hash(b"prefix", b"", prefix.as_bytes())
}

/// Returns the tag of all paths of an authority with this prefix.
pub(crate) fn path_tag(authority: &str, folder: &str) -> Tag {
    hash(b"path", authority.as_bytes(), folder.as_bytes())
}

/// Returns the tag of all responses of an authority.
pub(crate) fn authority_tag(authority: &str) -> Tag {
    hash(b"authority", authority.as_bytes(), b"")
}

/// Returns the tag of a cache group. Groups of two origins differ, whatever their names.
pub(crate) fn group_tag(authority: &str, group: &str) -> Tag {
    hash(b"group", authority.as_bytes(), group.as_bytes()).of_kind(Tag::GROUP)
}

/// Returns the tag of a target URI, which every response for it carries, whatever its key consists
/// of. Unsafe methods invalidate it (RFC 9111 §4.4). Equivalent URIs share one (RFC 3986
/// §6.2.2–3).
pub(crate) fn uri_tag(authority: &[u8], path_and_query: &str) -> Tag {
    hash(b"uri", authority, normal(path_and_query).as_bytes()).of_kind(Tag::URI)
}

/// Returns the [`uri_tag`] of a request's own target.
pub(crate) fn target_tag(uri: &Uri, headers: &HeaderMap) -> Tag {
    let host = headers.get(header::HOST);
    uri_tag(authority_bytes(uri, host), target_of(uri))
}

/// Returns path and query of a URI.
pub(crate) fn target_of(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
}

/// Returns the tag of a path and query, whatever the authority. Only operators name it.
pub(crate) fn anywhere_tag(path_and_query: &str) -> Tag {
    hash(b"anywhere", b"", normal(path_and_query).as_bytes())
}

/// Returns the tags of every response for a target, given in normal form, but that of its key.
pub(crate) fn target_tags(authority: &str, target: &str) -> Tags {
    let path = target.split('?').next().unwrap_or_default();
    let of_uri = [
        uri_tag(authority.as_bytes(), target),
        anywhere_tag(target),
        authority_tag(authority),
    ];
    let folders = folders(path).map(|folder| path_tag(authority, folder));
    of_uri.into_iter().chain(folders).collect()
}

/// Returns the number of these tags.
pub(crate) fn count_target_tags(target: &str) -> usize {
    let path = target.split('?').next().unwrap_or_default();
    3 + folders(path).count()
}

/// Iterates over the folders of a path that are tags: `/a/b/c` lies in `/`, `/a/` and `/a/b/`.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').take(MAX_FOLDERS);
    ends.map(|(end, _)| &path[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_does_not_depend_on_the_pieces_that_it_is_made_from() {
        for length in [0, USUAL - 22, USUAL - 21, USUAL - 20, 10 * USUAL] {
            let name = vec![b'n'; length];
            let mut text = b"uri\0\x09\0\0\0\0\0\0\0a.example".to_vec();
            text.extend(&name);
            let mut hasher = DefaultHasher::new();
            hasher.write(&text);
            let tag = Tag(hasher.finish()).of_kind(0);
            assert_eq!(hash(b"uri", b"a.example", &name), tag, "{length}");
        }
    }

    #[cfg(feature = "codec")]
    #[test]
    fn the_fingerprint_is_a_hash() {
        // Both halves are in use, and neither is that of an empty log.
        assert!(fingerprint() >> 32 > 1 && fingerprint() << 32 >> 32 > 1);
    }

    #[test]
    fn a_path_lies_in_each_of_its_folders_up_to_a_bound() {
        assert_eq!(folders("/a/b/c").collect::<Vec<_>>(), ["/", "/a/", "/a/b/"]);
        assert_eq!(folders("*").count(), 0);
        let deep = "/a".repeat(100 * MAX_FOLDERS);
        assert_eq!(folders(&deep).count(), MAX_FOLDERS);
        for target in ["/a/b/c?d=/e/", "*", &deep] {
            let tags = target_tags("a.example", target);
            assert_eq!(tags.len(), count_target_tags(target), "{target}");
        }
    }
}
