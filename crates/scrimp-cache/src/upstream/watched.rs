//! A call whose response is not expected to be stored, as the last one was not.

use http::Response;

use super::label::label_miss;
use crate::{
    body::CacheBody,
    cache_status::{Forward, Report},
    lookup::Miss,
    policy::{
        answer::Answer,
        refusal::Refusal,
        storable::{self, Asking, Permissions},
    },
    request::LookupRequest,
    shared::Shared,
};

/// A call in progress that keeps only the data for its label.
pub(super) struct WatchedCall {
    asking: Asking,
    /// Hash of the request's key.
    hash: u64,
    keyed_authorization: bool,
}

// === impl WatchedCall ===

impl WatchedCall {
    /// Makes a watched call. `None` if the response may be stored, or needs more than a label.
    pub(super) fn new<St>(
        shared: &Shared<St>,
        asked: &LookupRequest,
        hash: u64,
        miss: &Miss,
    ) -> Option<Self> {
        let config = &shared.config;
        // A caller that asks for a verdict relies on it: a wrong guess would cost more than a
        // call.
        let idle = !asked.explain && config.ledger.is_none() && config.fallback.is_none();
        let unknown = miss.reason == Forward::UriMiss;
        (unknown && idle && shared.predictor.takes(hash)).then(|| Self {
            asking: Asking::from(&asked.facts),
            hash,
            keyed_authorization: asked.keyed_authorization,
        })
    }

    /// Labels the response, and learns from it.
    pub(super) fn finish<St, B>(
        self,
        shared: &Shared<St>,
        mut response: Response<B>,
    ) -> Response<CacheBody<B>> {
        let report = Report::forwarded(Forward::UriMiss);
        let report = match self.refusal(shared, &response) {
            Some(refusal) => report.detail(refusal.detail()),
            None => {
                shared.predictor.forget(self.hash);
                report
            }
        };
        label_miss(shared, &mut response, report);
        response.map(CacheBody::passing)
    }

    /// Returns why the response would not have been stored this time either.
    fn refusal<St, B>(&self, shared: &Shared<St>, response: &Response<B>) -> Option<Refusal> {
        let config = &shared.config;
        let permissions = Permissions {
            set_cookie: !config.strict_cookies,
            authorization: self.keyed_authorization,
            ..Permissions::default()
        };
        let answer = Answer::read(response.headers());
        let (control, _) = storable::control(&config.targets, &answer, permissions);
        let (mode, status) = (config.mode, response.status());
        storable::check(mode, self.asking, status, &answer, &control, permissions).err()
    }
}
