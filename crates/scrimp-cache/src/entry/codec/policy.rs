//! The policy of a stored response in encoded form.

use std::time::Duration;

use http::header;

use super::{
    DecodeError,
    layout::{Reader, Writer},
    moment::{Encoded, Now},
};
use crate::{
    packed::StoredFields,
    policy::{
        Policy, Source,
        freshness::{Grace, Second},
        judge::Span,
    },
};

/// A policy that was read. Parts that few policies have are marked by flags.
pub(super) struct WrittenPolicy {
    born: i64,
    lifetime: u64,
    source: u8,
    flags: u8,
    date: i64,
    last_modified: Option<i64>,
    grace: Grace,
}

const ALWAYS_VALIDATE: u8 = 1;
const NEVER_STALE: u8 = 1 << 1;
const FOR_CREDENTIALS: u8 = 1 << 2;
const IMMUTABLE: u8 = 1 << 3;
/// The entity tag equals that of the header fields.
const HAS_ETAG: u8 = 1 << 4;
const LAST_MODIFIED: u8 = 1 << 5;
const GRACE: u8 = 1 << 6;
const IF_ERROR: u8 = 1 << 7;

/// Sources by their encoded number.
const SOURCES: [Source; 6] = [
    Source::Rule,
    Source::Targeted,
    Source::CacheControl,
    Source::Expires,
    Source::Heuristic,
    Source::None,
];

/// Writes a policy.
pub(super) fn write(policy: &Policy, out: &mut Writer) {
    let grace = policy.grace();
    let flags = [
        (ALWAYS_VALIDATE, policy.always_validate),
        (NEVER_STALE, policy.never_stale),
        (FOR_CREDENTIALS, policy.for_credentials),
        (IMMUTABLE, policy.immutable),
        (HAS_ETAG, policy.has_etag),
        (LAST_MODIFIED, policy.last_modified.is_some()),
        (GRACE, policy.grace.is_some()),
        (IF_ERROR, grace.if_error.is_some()),
    ];
    let set = flags.iter().filter(|(_, is_set)| *is_set);
    let flags = set.fold(0, |flags, (flag, _)| flags | flag);
    let source = SOURCES.iter().position(|&known| known == policy.source);
    out.put(policy.born.number().to_le_bytes());
    out.put(policy.lifetime.number().to_le_bytes());
    out.put([source.map_or(u8::MAX, |index| index as u8), flags]);
    out.put(policy.date.number().to_le_bytes());
    if let Some(date) = policy.last_modified {
        out.put(date.number().to_le_bytes());
    }
    if flags & GRACE != 0 {
        write_time(grace.while_revalidate, out);
    }
    if let Some(time) = grace.if_error {
        write_time(time, out);
    }
}

fn write_time(time: Duration, out: &mut Writer) {
    out.put(time.as_secs().to_le_bytes());
    out.put(time.subsec_nanos().to_le_bytes());
}

fn read_time(bytes: &mut Reader<'_>) -> Result<Duration, DecodeError> {
    let (seconds, nanos) = (bytes.u64()?, bytes.u32()?);
    // More nanoseconds would be further seconds, of which there may be no more.
    match nanos < 1_000_000_000 {
        true => Ok(Duration::new(seconds, nanos)),
        false => Err(DecodeError::Damaged("time")),
    }
}

// === impl WrittenPolicy ===

impl WrittenPolicy {
    #[inline]
    pub(super) fn read(bytes: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (born, lifetime) = (bytes.i64()?, bytes.u64()?);
        let [source, flags] = *bytes.chunk()?;
        let date = bytes.i64()?;
        let has = |flag| flags & flag != 0;
        Ok(Self {
            born,
            lifetime,
            source,
            flags,
            date,
            last_modified: has(LAST_MODIFIED).then(|| bytes.i64()).transpose()?,
            grace: Grace {
                while_revalidate: match has(GRACE) {
                    true => read_time(bytes)?,
                    false => Duration::ZERO,
                },
                if_error: has(IF_ERROR).then(|| read_time(bytes)).transpose()?,
            },
        })
    }

    pub(super) fn into_policy(
        self,
        headers: &StoredFields,
        encoded: Encoded,
        now: Now,
    ) -> Result<Policy, DecodeError> {
        let source = SOURCES.get(usize::from(self.source));
        let has = |flag| self.flags & flag != 0;
        Ok(Policy {
            born: encoded.moment(self.born, now)?,
            lifetime: Span::from_number(self.lifetime),
            source: *source.ok_or(DecodeError::Damaged("source"))?,
            always_validate: has(ALWAYS_VALIDATE),
            never_stale: has(NEVER_STALE),
            for_credentials: has(FOR_CREDENTIALS),
            immutable: has(IMMUTABLE),
            grace: self.grace.boxed(),
            has_etag: has(HAS_ETAG) && headers.has(&header::ETAG),
            last_modified: self.last_modified.map(Second::from_number),
            date: Second::from_number(self.date),
        })
    }
}
