//! A call whose answer is not going to be stored, going by the last one.

use http::Response;

use crate::{
    body::CacheBody,
    cache_status::{Forward, Report},
    entry::draft,
    policy::{
        answer::Answer,
        refusal::Refusal,
        storable::{self, Asking, Permissions},
    },
    request::read::Wanted,
    shared::Shared,
    upstream::fetch::label_miss,
};

/// A call under way of which nothing is kept but what its label needs.
pub(crate) struct Watch {
    asking: Asking,
    /// Of the request's key.
    hash: u64,
    reason: Forward,
    keyed_authorization: bool,
}

// === impl Watch ===

impl Watch {
    /// `None` if the answer may be stored after all, or if more is to be done with it than a
    /// label needs.
    pub(crate) fn new<St>(
        shared: &Shared<St>,
        wanted: &Wanted,
        hash: u64,
        reason: Forward,
    ) -> Option<Self> {
        // Whoever asks for a verdict goes by it: a wrong guess would cost more than a call.
        let asked = wanted.explain;
        let idle = !asked && shared.config.ledger.is_none() && shared.config.fallback.is_none();
        (idle && shared.unstored.takes(hash)).then(|| Self {
            asking: Asking::from(&wanted.facts),
            hash,
            reason,
            keyed_authorization: wanted.keyed_authorization,
        })
    }

    /// Labels the answer, and learns from it.
    pub(crate) fn finish<St, B>(
        self,
        shared: &Shared<St>,
        mut response: Response<B>,
    ) -> Response<CacheBody<B>> {
        let report = Report::forwarded(self.reason);
        let report = match self.refusal(shared, &response) {
            Some(refusal) => report.detail(refusal.detail()),
            None => {
                shared.unstored.forget(self.hash);
                report
            }
        };
        label_miss(shared, &mut response, report);
        response.map(CacheBody::passing)
    }

    /// Why the answer would not have been stored this time either.
    fn refusal<St, B>(&self, shared: &Shared<St>, response: &Response<B>) -> Option<Refusal> {
        let config = &shared.config;
        let permissions = Permissions {
            set_cookie: !config.strict_cookies,
            authorization: self.keyed_authorization,
            ..Permissions::default()
        };
        let answer = Answer::read(response.headers());
        let (control, _) = draft::control(&config.targets, &answer, permissions);
        let (mode, status) = (config.mode, response.status());
        storable::check(mode, self.asking, status, &answer, &control, permissions).err()
    }
}
