//! An unsafe request: it invalidates, and its answer may be kept for later GETs.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use scrimp_core::extensions::{Tags, Tenant};
use scrimp_http::{
    groups::CACHE_GROUP_INVALIDATION,
    target::{authority_of, has_userinfo, resolve, retells},
};
use tokio::time::Instant;

use crate::{
    entry::CallRecord,
    invalidation::{
        TagList,
        epoch::{Epochs, Position, Tag, Target},
        invalidated_groups, target_tag, uri_tag,
    },
    policy::facts::RequestFacts,
    request::{LookupRequest, key},
    rule::Cookies,
    shared::Shared,
};

use super::{fetch::Fetch, said::Said};

/// An unsafe request under way.
///
/// Of the request there is what says where it went and whom it was for. Its other fields are
/// not copied for every write: an answer that depends on them is not kept.
pub(super) struct Write {
    post: bool,
    uri: Uri,
    host: Option<HeaderValue>,
    /// What it claims of its target in other fields.
    retold: Option<Box<HeaderMap>>,
    /// The answer is one user's, or it is unknown what it answers.
    personal: bool,
    cookie: bool,
    tenant: Option<Tenant>,
    tags: Option<Tags>,
    explain: bool,
    sent: Instant,
    fetched_at: Position,
    doubt: Doubt,
}

/// Whether a write took effect, until its answer tells.
///
/// If the caller leaves or the upstream breaks off before that, it is unknown. Then its
/// target counts as stale: it is validated before it is served again, and still at hand if
/// the upstream is down.
struct Doubt {
    epochs: Arc<Epochs>,
    own: Tag,
    settled: bool,
}

// === impl Doubt ===

impl Drop for Doubt {
    fn drop(&mut self) {
        if !self.settled {
            self.epochs.append(Target::tag(self.own), true);
        }
    }
}

// === impl Write ===

impl Write {
    pub(super) fn new<St, B>(
        shared: &Shared<St>,
        request: &Request<B>,
        facts: &RequestFacts,
    ) -> Self {
        let (uri, headers) = (request.uri(), request.headers());
        Self {
            post: request.method() == Method::POST,
            uri: uri.clone(),
            host: headers.get(header::HOST).cloned(),
            retold: facts.retold.then(|| Box::new(retold(headers))),
            // As in a look-up: a name in front of the host is a credential too.
            personal: facts.authorization
                || has_userinfo(uri)
                || facts.ambiguous_host
                || facts.overridden,
            cookie: facts.cookie,
            tenant: request.extensions().get::<Tenant>().cloned(),
            tags: request.extensions().get::<Tags>().cloned(),
            explain: shared.config.explains(request.extensions()),
            sent: shared.config.clock.instant(),
            fetched_at: shared.epochs.now(),
            doubt: Doubt {
                epochs: Arc::clone(&shared.epochs),
                own: target_tag(uri, headers),
                settled: false,
            },
        }
    }

    pub(super) fn explain(&self) -> bool {
        self.explain
    }

    /// Invalidates what the write may have changed, and says how its answer is kept, if it
    /// may be.
    pub(super) fn finish<St, B>(
        mut self,
        shared: &Shared<St>,
        response: &Response<B>,
    ) -> Option<Box<Fetch>> {
        self.doubt.settled = true;
        if !(response.status().is_success() || response.status().is_redirection()) {
            return None;
        }
        let said = Said::read(response.headers());
        let touched = self.touched(&said, response.headers());
        shared.epochs.append(Target::Tags(touched), false);
        let after = shared.epochs.now();
        // Whatever else was invalidated since the call began, under whatever name, may be
        // about what this answer shows: then it is the older, and is not kept.
        if after.follows(self.fetched_at) && self.answers_get(&said, response.status()) {
            return self.into_fetch(shared, after);
        }
        None
    }

    /// The target, and what Location and Content-Location name on the same origin (RFC 9111
    /// §4.4), and the groups named (RFC 9875 §3).
    fn touched(&self, said: &Said<'_>, response: &HeaderMap) -> TagList {
        let mut tags = TagList::from_iter([self.doubt.own]);
        let places = [said.location, said.content_location];
        tags.extend(
            places
                .into_iter()
                .flatten()
                .filter_map(|at| self.resolve(at)),
        );
        if said.groups {
            let authority = authority_of(&self.uri, self.host.as_ref());
            tags.extend(invalidated_groups(
                authority,
                response,
                &CACHE_GROUP_INVALIDATION,
            ));
        }
        tags
    }

    /// Whether the answer is what a GET would bring (RFC 9110 §9.3.3): a POST whose
    /// Content-Location is its own target, and nothing that depends on fields not kept.
    fn answers_get(&self, said: &Said<'_>, status: StatusCode) -> bool {
        self.post
            && status == StatusCode::OK
            && !said.varies
            && !self.personal
            && said.content_location.and_then(|at| self.resolve(at)) == Some(self.doubt.own)
    }

    fn resolve(&self, reference: &HeaderValue) -> Option<Tag> {
        let authority = authority_of(&self.uri, self.host.as_ref());
        let target = resolve(authority, &self.uri, reference.to_str().ok()?)?;
        Some(uri_tag(authority, &target))
    }

    /// The GET whose answer this is.
    fn into_fetch<St>(self, shared: &Shared<St>, fetched_at: Position) -> Option<Box<Fetch>> {
        let mut request = Request::new(());
        *request.uri_mut() = self.uri;
        if let Some(retold) = self.retold {
            *request.headers_mut() = *retold;
        }
        if let Some(host) = self.host {
            request.headers_mut().append(header::HOST, host);
        }
        if let Some(tenant) = &self.tenant {
            request.extensions_mut().insert(tenant.clone());
        }
        if let Some(tags) = self.tags {
            request.extensions_mut().insert(tags);
        }
        let config = &shared.config;
        let facts = RequestFacts::read(request.method(), request.headers(), &config.telling);
        let place = config.rules.for_request(&request);
        let rule = config.rules.get(place);
        let spec = rule.map(|rule| &rule.key);
        let depends = spec.is_some_and(|key| !key.headers.is_empty() || !key.cookies.is_empty());
        let by_cookie = self.cookie && config.cookies(rule) == Cookies::Bypass;
        if depends || by_cookie || rule.is_some_and(|rule| rule.bypass) {
            return None;
        }
        let key = key::build(&request, &facts, spec);
        let asked = LookupRequest::of_write(facts, place, self.explain);
        let call = CallRecord::new(config, &request, asked, key.as_ref(), fetched_at);
        Some(Fetch::of_write(call.of_write(self.sent)))
    }
}

/// The fields that claim something of the target, Host aside.
fn retold(headers: &HeaderMap) -> HeaderMap {
    let mut copy = HeaderMap::new();
    for (name, value) in headers {
        if retells(name) {
            copy.append(name.clone(), value.clone());
        }
    }
    copy
}
