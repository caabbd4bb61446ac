//! Invalidations as bytes, for other processes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    invalidation::{
        epoch::{Tag, Target},
        tags::fingerprint,
    },
    pattern::Pattern,
};

/// Version of the format.
const FORMAT: u8 = 1;

/// Length of the head: the format, and the fingerprint of the hash of tags.
const HEAD: usize = 5;

/// Invalidations that hold from the same position on, in no order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) hard: Part,
    pub(super) soft: Part,
    pub(super) versions: Vec<(u64, u64)>,
}

/// Targets that are hit alike.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) everything: bool,
    pub(super) tags: Vec<u64>,
    pub(super) written: Vec<u64>,
    pub(super) globs: Vec<Glob>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Glob {
    Name(String),
    Prefix(String),
}

// === impl Record ===

impl Record {
    pub(super) fn encode(&self) -> Bytes {
        let body = postcard::to_allocvec(self).expect("numbers and strings have a form in bytes");
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&mark());
        bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        bytes.into()
    }

    /// Decodes a record. `None` if it is damaged, of another version, or of a build that hashes
    /// tags in another way.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
        if head[0] != FORMAT || head[1..] != mark() {
            return None;
        }
        let (sum, body) = rest.split_first_chunk()?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return None;
        }
        postcard::from_bytes(body).ok()
    }

    /// Returns the record by which everything is hit.
    pub(super) fn everything() -> Self {
        let mut record = Self::default();
        record.hard.everything = true;
        record
    }

    /// Returns the targets, and whether each is hit softly.
    pub(super) fn targets(self) -> impl Iterator<Item = (Target, bool)> {
        let versions = self.versions.into_iter();
        let versions = versions.map(|(tag, version)| (Target::Version(Tag(tag), version), false));
        let hard = self.hard.targets().map(|target| (target, false));
        let soft = self.soft.targets().map(|target| (target, true));
        hard.chain(soft).chain(versions)
    }
}

/// Returns a mark of the build: tags of builds that hash in another way cannot be compared.
fn mark() -> [u8; HEAD - 1] {
    (fingerprint() as u32).to_le_bytes()
}

// === impl Part ===

impl Part {
    fn targets(self) -> impl Iterator<Item = Target> {
        let tags = |tags: Vec<u64>| tags.into_iter().map(Tag).collect();
        let everything = self.everything.then_some(Target::Everything);
        let own = (!self.tags.is_empty()).then(|| Target::Tags(tags(self.tags)));
        let written = (!self.written.is_empty()).then(|| Target::Written(tags(self.written)));
        let globs = self.globs.into_iter().map(|glob| {
            Target::Glob(match glob {
                Glob::Name(text) => Pattern::name(&text),
                Glob::Prefix(prefix) => Pattern::literal_prefix(&prefix),
            })
        });
        everything
            .into_iter()
            .chain(own)
            .chain(written)
            .chain(globs)
    }
}

impl From<&Pattern> for Glob {
    fn from(pattern: &Pattern) -> Self {
        match pattern.as_literal_prefix() {
            Some(prefix) => Self::Prefix(prefix.to_owned()),
            None => Self::Name(pattern.as_str().to_owned()),
        }
    }
}
