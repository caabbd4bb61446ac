//! The policy of a stored response in encoded form.

use std::time::Duration;

use http::header;
use serde::{Deserialize, Serialize};

use super::{
    DecodeError,
    moment::{Date, Moment, Now, Past},
};
use crate::{
    packed::StoredFields,
    policy::{
        self, Policy, Source,
        freshness::{Grace, Second},
    },
};

#[derive(Serialize, Deserialize)]
pub(super) struct WrittenPolicy {
    /// Time of encoding, and the age at that time.
    received: Moment,
    initial_age: Duration,
    lifetime: Duration,
    source: u8,
    always_validate: bool,
    never_stale: bool,
    for_credentials: bool,
    immutable: bool,
    while_revalidate: Duration,
    if_error: Option<Duration>,
    /// The entity tag equals that of the header fields.
    has_etag: bool,
    last_modified: Option<Date>,
    date: Date,
}

/// Sources by their encoded number.
const SOURCES: [Source; 6] = [
    Source::Rule,
    Source::Targeted,
    Source::CacheControl,
    Source::Expires,
    Source::Heuristic,
    Source::None,
];

// === impl WrittenPolicy ===

impl WrittenPolicy {
    pub(super) fn new(policy: &Policy, now: Now) -> Self {
        let source = SOURCES.iter().position(|&known| known == policy.source);
        Self {
            received: Moment::new(now.instant(), now),
            initial_age: policy.age(now.instant()),
            lifetime: policy.lifetime(),
            source: source.map_or(u8::MAX, |index| index as u8),
            always_validate: policy.always_validate,
            never_stale: policy.never_stale,
            for_credentials: policy.for_credentials,
            immutable: policy.immutable,
            while_revalidate: policy.grace().while_revalidate,
            if_error: policy.grace().if_error,
            has_etag: policy.has_etag,
            last_modified: policy.last_modified.map(|date| Date::new(date.date())),
            date: Date::new(policy.date.date()),
        }
    }

    pub(super) fn into_policy(
        self,
        headers: &StoredFields,
        now: Now,
    ) -> Result<Policy, DecodeError> {
        // For another process, the elapsed time becomes part of the initial age, as an instant
        // that far back may not exist.
        let (received, gone_by) = match self.received.past(now)? {
            Past::At(instant) => (instant, Duration::ZERO),
            Past::Ago(time) => (now.instant(), time),
        };
        let received = policy::judge::Moment::from(received);
        let last_modified = self.last_modified.map(Date::get).transpose()?;
        let source = SOURCES.get(usize::from(self.source));
        Ok(Policy {
            born: received.before(self.initial_age.saturating_add(gone_by)),
            lifetime: self.lifetime.into(),
            source: *source.ok_or(DecodeError::Damaged("source"))?,
            always_validate: self.always_validate,
            never_stale: self.never_stale,
            for_credentials: self.for_credentials,
            immutable: self.immutable,
            grace: Grace {
                while_revalidate: self.while_revalidate,
                if_error: self.if_error,
            }
            .boxed(),
            has_etag: self.has_etag && headers.has(&header::ETAG),
            last_modified: last_modified.map(Second::from),
            date: self.date.get()?.into(),
        })
    }
}
