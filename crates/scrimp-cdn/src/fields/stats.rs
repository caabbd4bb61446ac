//! Counters of a layer.

use scrimp_core::{Counter, FailedCalls};

scrimp_core::reasons! {
    /// Reason not to give a response the fields for a CDN.
    pub(super) enum Unmarked;
    /// Counters of the reasons.
    pub(super) struct UnmarkedCounters;
    /// Responses without fields for a CDN, by reason.
    pub struct NotMarked;

    /// The request is neither GET nor HEAD.
    Method => method, "method";
    /// The request has credentials, and the response does not say that it is for everyone.
    Credentials => credentials, "credentials";
    /// A function of the operator says that the request is private.
    PrivateIf => private_if, "private-if";
    /// The response sets a cookie.
    SetCookie => set_cookie, "set-cookie";
    /// The response is private.
    Private => private, "private";
    /// The response must not be stored.
    NoStore => no_store, "no-store";
    /// The response depends on more than its request.
    VaryAll => vary_all, "vary-all";
    /// The tags of the response are too long for a field. It gets `no-store` for the CDN instead, as
    /// a purge could not find it.
    TooManyTags => too_many_tags, "too-many-tags";
    /// The store of a cache inside has forgotten a tag of the response, as a store outside of memory does with
    /// a tag that has a `?`. It gets `no-store` for the CDN instead, as a purge could not find it.
    ForgottenTags => forgotten_tags, "forgotten-tags";
    /// The response has no tags, and no lifetime applies to it.
    Nothing => nothing, "nothing";
}

/// Counters that all services of a layer share.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) requests: Counter,
    pub(super) failed: FailedCalls,
    pub(super) marked: Counter,
    pub(super) not_marked: UnmarkedCounters,
}

/// Counters of a [`CdnLayer`](crate::CdnLayer) since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CdnStats {
    /// Requests, each of which is a call of the inner service.
    pub requests: u64,
    /// Calls that [failed](scrimp_core::FailedCalls).
    pub failed: u64,
    /// Responses that got a lifetime or tags.
    pub marked: u64,
    /// Responses that got neither, by reason.
    pub not_marked: NotMarked,
}

// === impl Counters ===

impl Counters {
    pub(super) fn read(&self) -> CdnStats {
        CdnStats {
            requests: self.requests.get(),
            failed: self.failed.get(),
            marked: self.marked.get(),
            not_marked: self.not_marked.read(),
        }
    }
}
