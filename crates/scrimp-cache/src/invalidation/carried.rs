//! The tags, versions and names that can invalidate an entry, in the form that takes least memory.

use std::{borrow::Cow, sync::Arc};

use scrimp_core::{Key, KeyBuf, KeyRef, extensions::CacheTags};

use super::{
    tags::{Tag, Tags, count_target_tags, key_tag, name_tag, target_tags, uri_tag},
    writes::WriteWatch,
};

/// Maximum number of tags of a response. A response with more is not stored: without some of its
/// tags, it would survive their invalidation.
pub(crate) const MAX_TAGS: usize = 256;

/// Line among the names, if the name of a tag is not there as a whole.
pub(crate) const FORGOTTEN: &str = "\0+";

/// Everything that can invalidate an entry.
///
/// The tags of most responses follow from their target. They are computed when they are compared
/// with an invalidation, which happens once for each invalidation of a tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// The target, of a response from the upstream. What was decoded has its tags among `more`.
    target: Option<OwnTarget>,
    /// Watch on the URI. A decoded response has none.
    watch: Option<WriteWatch>,
    more: Option<Box<More>>,
}

/// The target of a response, and its key.
///
/// It has the parts of the key: tenant, scheme, authority, path, query and others. They are in the memory
/// of the key itself. If the key has not all of the target, its parts are authority, target and the key's
/// tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnTarget(Arc<[u8]>);

/// Place of the query among the parts of a key.
const QUERY: usize = 4;

/// Parts that few responses have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct More {
    tags: Box<[Tag]>,
    versions: Box<[(Tag, u64)]>,
    /// Names that globs are matched with, one per line.
    names: Box<str>,
    /// Watches on further URIs, of a response that was confirmed under several.
    watches: Vec<WriteWatch>,
    #[cfg(feature = "codec")]
    stamp: super::epoch::Stamp,
}

// === impl Carried ===

impl Carried {
    /// Returns what does not follow from a target: tags, versions of some of them, and names that
    /// globs are matched with, one per line.
    pub(crate) fn new(
        tags: impl Into<Box<[Tag]>>,
        versions: impl Into<Box<[(Tag, u64)]>>,
        names: &str,
    ) -> Self {
        let more = More {
            tags: tags.into(),
            versions: versions.into(),
            names: names.into(),
            ..More::default()
        };
        Self {
            more: (more != More::default()).then(|| Box::new(more)),
            ..Self::default()
        }
    }

    /// Adds the target.
    pub(super) fn of(self, target: OwnTarget) -> Self {
        Self {
            target: Some(target),
            ..self
        }
    }

    /// Returns all tags.
    pub(crate) fn tags(&self) -> Tags {
        let mut tags = self.target.as_ref().map_or_else(Tags::new, OwnTarget::tags);
        tags.extend_from_slice(self.further_tags());
        tags
    }

    /// Returns the tags that clients' writes can hit.
    pub(super) fn tags_of_writes(&self) -> Tags {
        let uri = self.target.iter().map(OwnTarget::uri_tag);
        let further = self.further_tags().iter().copied();
        let tags = uri.chain(further);
        tags.filter(|tag| tag.is_uri() || tag.is_group()).collect()
    }

    /// Returns the tags that do not follow from the target.
    fn further_tags(&self) -> &[Tag] {
        self.more.as_ref().map_or(&[], |more| &more.tags)
    }

    /// Returns the versions that tags have.
    pub(crate) fn versions(&self) -> &[(Tag, u64)] {
        self.more.as_ref().map_or(&[], |more| &more.versions)
    }

    /// Iterates over the names that globs are matched with.
    pub(crate) fn names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let target = self.target.iter().map(|target| target.parts().1);
        target.chain(self.further_names().map(Cow::from))
    }

    /// Returns the tags that the response came with, for layers outside.
    pub(crate) fn told(&self) -> CacheTags {
        let tags = self.further_names().filter(|name| self.is_tag(name));
        let complete = self.further_names().all(|name| name != FORGOTTEN);
        CacheTags::new(tags.map(Box::from), complete)
    }

    /// Returns whether a name is that of a tag. Others are targets.
    pub(crate) fn is_tag(&self, name: &str) -> bool {
        self.further_tags().contains(&name_tag(name))
    }

    fn further_names(&self) -> impl Iterator<Item = &str> {
        let names = self.more.as_ref().map_or("", |more| &more.names);
        names.lines()
    }

    /// Iterates over the watches on its URIs.
    pub(super) fn watches(&self) -> impl Iterator<Item = &WriteWatch> {
        let further = self.more.iter().flat_map(|more| &more.watches);
        self.watch.iter().chain(further)
    }

    pub(super) fn watch(&mut self, watch: &WriteWatch) {
        if self.watches().any(|own| own == watch) {
            return;
        }
        match &self.watch {
            None => self.watch = Some(watch.clone()),
            Some(_) => self.more().watches.push(watch.clone()),
        }
    }

    /// Adds what another response carried. If both have a version of an entity, this one counts.
    /// Returns false if these are too many tags for one response.
    #[must_use]
    pub(crate) fn add_all(&mut self, other: &Self) -> bool {
        for watch in other.watches() {
            self.watch(watch);
        }
        let own = self.target.as_ref().map_or_else(Tags::new, OwnTarget::tags);
        let mut tags = other.tags().into_vec();
        tags.extend(self.further_tags());
        tags.retain(|tag| !own.contains(tag));
        tags.sort_unstable_by_key(|tag| tag.0);
        tags.dedup();
        let mut versions = self.versions().to_vec();
        for &(tag, version) in other.versions() {
            if !versions.iter().any(|(own, _)| *own == tag) {
                versions.push((tag, version));
            }
        }
        let names: Vec<_> = self.names().collect();
        let further = other.names().filter(|name| !names.contains(name));
        let further = self.further_names().map(Cow::from).chain(further);
        let names = further.collect::<Vec<_>>().join("\n");
        let count = own.len() + tags.len();
        if self.more.is_some() || !tags.is_empty() || !versions.is_empty() || !names.is_empty() {
            let more = self.more();
            more.tags = tags.into();
            more.versions = versions.into();
            more.names = names.into();
        }
        count <= MAX_TAGS
    }

    /// Returns its bytes on the heap.
    pub(super) fn heap_size(&self) -> usize {
        let target = self.target.as_ref().map_or(0, OwnTarget::size);
        let more = self.more.as_ref().map_or(0, |more| more.size());
        target + more + self.watches().count() * WriteWatch::WEIGHT
    }

    /// Returns the bytes of the key that it shares.
    pub(super) fn key_size(&self) -> usize {
        self.target.as_ref().map_or(0, OwnTarget::key_size)
    }

    /// Returns the position in the log that a fleet shares.
    #[cfg(feature = "codec")]
    pub(super) fn stamp(&self) -> super::epoch::Stamp {
        self.more
            .as_ref()
            .map(|more| more.stamp)
            .unwrap_or_default()
    }

    /// Sets the position in the log that a fleet shares.
    #[cfg(feature = "codec")]
    pub(super) fn set_stamp(&mut self, stamp: super::epoch::Stamp) {
        if stamp != self.stamp() {
            self.more().stamp = stamp;
        }
    }

    /// Returns what a copy that is not in memory carries.
    #[cfg(test)]
    pub(crate) fn unwatched(&self) -> Self {
        let mut copy = self.clone();
        copy.watch = None;
        if let Some(more) = &mut copy.more {
            more.watches.clear();
        }
        copy
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }
}

// === impl OwnTarget ===

impl OwnTarget {
    /// Returns a target in normal form, of a response under this key.
    pub(super) fn new(key: &Key, authority: &str, target: &str) -> Self {
        let mut parts = key.as_ref().parts().skip(QUERY - 2);
        let is_whole = match (parts.next(), parts.next(), parts.next()) {
            (Some(own), Some(path), Some(query)) => {
                own == authority.as_bytes()
                    && target.as_bytes().strip_prefix(path) == Some(query)
                    && path.len() == path_of(target).len()
            }
            _ => false,
        };
        if is_whole {
            return Self(Arc::clone(key.shared_bytes()));
        }
        let Tag(tag) = key_tag(key.shared_bytes());
        let mut own = KeyBuf::new();
        own.part(authority.as_bytes()).part(target.as_bytes());
        own.part(&tag.to_le_bytes());
        Self(Arc::clone(own.to_key().shared_bytes()))
    }

    /// Returns its authority, and its path with the query.
    fn parts(&self) -> (&str, Cow<'_, str>) {
        let is_of_key = self.is_of_key();
        let skipped = if is_of_key { QUERY - 2 } else { 0 };
        let mut parts = KeyRef::parts_of(&self.0).skip(skipped);
        let mut next = || std::str::from_utf8(parts.next().unwrap_or_default()).unwrap_or_default();
        let (authority, path) = (next(), next());
        match if is_of_key { next() } else { "" } {
            "" => (authority, path.into()),
            query => (authority, format!("{path}{query}").into()),
        }
    }

    fn tags(&self) -> Tags {
        let (authority, target) = self.parts();
        let mut tags = target_tags(authority, &target);
        tags.push(self.key_tag());
        tags
    }

    fn key_tag(&self) -> Tag {
        let known = KeyRef::parts_of(&self.0).nth(2);
        match known.and_then(<[u8]>::first_chunk) {
            Some(tag) if !self.is_of_key() => Tag(u64::from_le_bytes(*tag)),
            _ => key_tag(&self.0),
        }
    }

    fn uri_tag(&self) -> Tag {
        let (authority, target) = self.parts();
        uri_tag(authority.as_bytes(), &target)
    }

    /// Returns the number of its tags.
    pub(super) fn count_tags(&self) -> usize {
        count_target_tags(&self.parts().1) + 1
    }

    fn is_of_key(&self) -> bool {
        KeyRef::parts_of(&self.0).nth(QUERY).is_some()
    }

    /// Returns its bytes, unless they are the key's.
    fn size(&self) -> usize {
        if self.is_of_key() { 0 } else { self.bytes() }
    }

    /// Returns its bytes, if they are the key's.
    fn key_size(&self) -> usize {
        if self.is_of_key() { self.bytes() } else { 0 }
    }

    fn bytes(&self) -> usize {
        self.0.len() + 2 * size_of::<usize>()
    }
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

// === impl More ===

impl More {
    fn size(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.tags)
            + size_of_val(&*self.versions)
            + self.names.len()
            + self.watches.capacity() * size_of::<WriteWatch>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parts: &[&str]) -> Key {
        let mut key = KeyBuf::new();
        for part in parts {
            key.part(part.as_bytes());
        }
        key.to_key()
    }

    fn of(target: &str, tags: &[u64], names: &str) -> Carried {
        let tags: Vec<_> = tags.iter().copied().map(Tag).collect();
        let key = key(&["", "http", "a.example", "/a", "x"]);
        Carried::new(tags, [], names).of(OwnTarget::new(&key, "a.example", target))
    }

    #[test]
    fn what_two_responses_carried_is_carried_once() {
        let mut both = of("/a?x=1", &[4, 12], "one\ntwo");
        assert!(both.add_all(&of("/a?x=2", &[12, 16], "two\nthree")));
        let (names, mut tags) = (both.names().collect::<Vec<_>>(), both.tags());
        assert_eq!(names, ["/a?x=1", "one", "two", "/a?x=2", "three"]);
        let count = tags.len();
        tags.sort_unstable_by_key(|tag| tag.0);
        tags.dedup();
        assert_eq!(tags.len(), count, "each tag once");
        for part in [of("/a?x=1", &[4], ""), of("/a?x=2", &[16], "")] {
            assert!(part.tags().iter().all(|tag| tags.contains(tag)));
        }
    }

    #[test]
    fn what_only_the_other_one_carried_is_added_and_nothing_takes_no_memory() {
        let one = Tag(4);
        let mut both = Carried::new([], [(one, 1)], "");
        assert!(both.add_all(&Carried::new([], [(one, 9), (Tag(8), 2)], "")));
        assert_eq!(both.versions(), [(one, 1), (Tag(8), 2)]);
        for other in [
            Carried::new([one], [], ""),
            Carried::new([], [(one, 1)], ""),
            Carried::new([], [], "one"),
            Carried::default(),
        ] {
            let mut both = Carried::default();
            assert!(both.add_all(&other));
            assert!(both.tags() == other.tags() && both.versions() == other.versions());
            assert_eq!(both.heap_size(), other.heap_size());
        }
        let all = Carried::new([one; 10], [(one, 1), (Tag(8), 2)], "one\ntwo");
        let sizes = 10 * size_of::<Tag>() + 2 * size_of::<(Tag, u64)>() + 7;
        assert_eq!(all.heap_size(), size_of::<More>() + sizes);
    }

    #[test]
    fn a_target_is_kept_in_the_memory_of_its_key_if_that_has_all_of_it() {
        for (parts, target, is_shared) in [
            (["", "", "a.example", "/a/b", "?x=1"], "/a/b?x=1", true),
            (["t", "http", "a.example", "/a/b", ""], "/a/b", true),
            // A rule leaves the query out, or the two divide a text in different ways.
            (["", "http", "a.example", "/a/b", "-"], "/a/b?x=1", false),
            (["", "http", "a.example", "/a", "/b?x=1"], "/a/b?x=1", false),
            (["", "http", "b.example", "/a/b", "?x=1"], "/a/b?x=1", false),
        ] {
            let key = key(&parts);
            let own = OwnTarget::new(&key, "a.example", target);
            assert_eq!(own.is_of_key(), is_shared, "{parts:?}");
            assert_eq!(own.parts(), ("a.example", target.into()), "{parts:?}");
            let sizes = (own.key_size() > 0, own.size() > 0);
            assert_eq!(sizes, (is_shared, !is_shared), "{parts:?}");
            assert!(own.tags().contains(&key_tag(key.shared_bytes())));
            assert_eq!(own.tags().len(), own.count_tags());
        }
    }
}
