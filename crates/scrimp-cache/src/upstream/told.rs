//! The tags of a response that is not from the store, for layers outside that ask for them.

use http::{Request, Response, header};
use scrimp_core::extensions::{CacheTags, Tags};

use crate::{
    config::Config,
    invalidation::told,
    request::{asks_for_tags, head_of},
    rule::{Matched, Place},
};

/// The parts of a request that tags of its response depend on.
pub(super) struct Telling {
    request: Request<()>,
    tags: Option<Tags>,
    matched: Matched,
}

// === impl Telling ===

impl Telling {
    /// Keeps the parts of a request whose caller asks for tags.
    pub(super) fn new<B>(config: &Config, request: &Request<B>, place: Place) -> Box<Self> {
        Box::new(Self {
            request: head_of(request),
            tags: request.extensions().get().cloned(),
            matched: config.rules.matched(request, place),
        })
    }

    /// Keeps the parts of a request that the cache passes on, if its caller asks for tags.
    pub(super) fn of_passed<B>(config: &Config, request: &Request<B>) -> Option<Box<Self>> {
        asks_for_tags(request.extensions()).then(|| {
            let host = request.headers().get(header::HOST);
            let place = config.rules.for_request(request, host);
            Self::new(config, request, place)
        })
    }

    /// Puts the tags into a response, together with those of caches nearer to the origin.
    pub(super) fn tell<B>(&self, config: &Config, response: &mut Response<B>) {
        let mut head = Response::new(());
        *head.status_mut() = response.status();
        *head.version_mut() = response.version();
        std::mem::swap(head.headers_mut(), response.headers_mut());
        let rule = config
            .rules
            .get(config.rules.for_response(&self.matched, &head));
        let own = told(config, rule, (&self.request, self.tags.as_ref()), &head);
        std::mem::swap(head.headers_mut(), response.headers_mut());
        let all = match response.extensions().get::<CacheTags>() {
            Some(inner) => own.and(inner),
            None => own,
        };
        response.extensions_mut().insert(all);
    }
}
