//! An unsafe request: it invalidates, and its response may be stored for later GETs.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use scrimp_core::{
    KeyPart, PrivateRecheck,
    extensions::{Tags, Tenant},
};
use scrimp_http::{
    groups::CACHE_GROUP_INVALIDATION,
    target::{authority_bytes, authority_of, has_userinfo, resolve, retells, scheme},
};
use tokio::time::Instant;

use crate::{
    entry::CallRecord,
    invalidation::{
        TagList,
        epoch::{CallStart, Epochs, Tag},
        invalidated_groups, target_of, uri_tag,
    },
    policy::facts::RequestFacts,
    request::{LookupRequest, key},
    rule::Cookies,
    shared::Shared,
};

use super::fetch::Fetch;

/// An unsafe request in progress.
///
/// Of the request it keeps its destination and its caller's identity. Other fields are not copied
/// for every write: a response that depends on them is not stored.
pub(super) struct Write {
    uri: Uri,
    version: Version,
    /// The request was received by a server.
    received: bool,
    host: Option<HeaderValue>,
    /// Claims about the target in other fields.
    retold: Option<Box<HeaderMap>>,
    /// Flag that the response is personal, or that its target is unknown.
    personal: bool,
    recheck: PrivateRecheck,
    cookie: bool,
    tenant: Option<Tenant>,
    /// A part of the request's key, which a later GET may not have.
    has_key_part: bool,
    tags: Option<Tags>,
    explain: bool,
    sent: Instant,
    /// The start of the call, if its response may be stored. It goes first: the watch of the write
    /// itself needs no mark.
    start: Option<CallStart>,
    doubt: Doubt,
}

/// Guard of a write whose effect is unknown until its response comes.
///
/// If the caller leaves or the upstream breaks off before that, the target counts as stale, if
/// anything of it is stored or on its way. It is validated before it is served again, and stays
/// available if the upstream is down.
struct Doubt {
    epochs: Arc<Epochs>,
    own: Tag,
    settled: bool,
}

/// The fields of a response to a write that concern other resources, read in one pass.
#[derive(Default)]
struct Said<'a> {
    location: Option<&'a HeaderValue>,
    content_location: Option<&'a HeaderValue>,
    varies: bool,
    groups: bool,
}

// === impl Doubt ===

impl Drop for Doubt {
    fn drop(&mut self) {
        if !self.settled {
            self.epochs.written(TagList::from_iter([self.own]), true);
        }
    }
}

// === impl Write ===

impl Write {
    pub(super) fn new<St, B>(
        shared: &Shared<St>,
        request: &Request<B>,
        facts: &RequestFacts,
        host: Option<HeaderValue>,
    ) -> Self {
        let uri = request.uri();
        let own = uri_tag(authority_bytes(uri, host.as_ref()), target_of(uri));
        let target = shared.config.target_uri.of(request.extensions(), uri);
        // As in a look-up, a name before the host is a credential too.
        let personal =
            facts.authorization || has_userinfo(uri) || facts.ambiguous_host || facts.overridden;
        let has_key_part = request.extensions().get::<KeyPart>().is_some();
        // Other responses are not stored, so their calls need no watch.
        let stores = request.method() == Method::POST && !personal && !has_key_part;
        let private_if = &shared.config.private_if;
        let recheck = match stores {
            true => private_if.recheck(request),
            false => PrivateRecheck::default(),
        };
        Self {
            uri: uri.clone(),
            version: request.version(),
            received: target.received,
            host,
            retold: facts.retold.then(|| Box::new(retold(request.headers()))),
            personal: personal || recheck.is_private(),
            recheck,
            cookie: facts.cookie,
            tenant: request.extensions().get::<Tenant>().cloned(),
            has_key_part,
            tags: request.extensions().get::<Tags>().cloned(),
            explain: shared.config.explains(request.extensions()),
            sent: shared.config.clock.instant(),
            start: stores.then(|| shared.epochs.begin(own)),
            doubt: Doubt {
                epochs: Arc::clone(&shared.epochs),
                own,
                settled: false,
            },
        }
    }

    pub(super) fn explain(&self) -> bool {
        self.explain
    }

    /// Invalidates what the write may have changed. Returns the fetch that stores its response, if
    /// it may be stored.
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
        // Without its own watch, a write to a URI of which nothing is stored leaves no mark.
        let start = self.start.take();
        let start = start.filter(|_| self.answers_get(&said, response.status()));
        let after = shared.epochs.written(touched, false);
        // Any other invalidation since the call began, under any name, may be about the content of
        // this response: then it is older, and is not stored.
        let (start, after) = (start?, after?);
        match after.follows(start.position()) {
            true => self.into_fetch(shared, start.moved_to(after)),
            false => None,
        }
    }

    /// Returns the target, the targets of Location and Content-Location on the same origin (RFC
    /// 9111 §4.4), and the named groups (RFC 9875 §3).
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

    /// Returns whether the response to a POST is that of a GET (RFC 9110 §9.3.3): its
    /// Content-Location is its own target, and it depends on no fields that are not kept.
    fn answers_get(&self, said: &Said<'_>, status: StatusCode) -> bool {
        status == StatusCode::OK
            && !said.varies
            && !self.personal
            && !self.recheck.is_private()
            && said.content_location.and_then(|at| self.resolve(at)) == Some(self.doubt.own)
    }

    fn resolve(&self, reference: &HeaderValue) -> Option<Tag> {
        let authority = authority_of(&self.uri, self.host.as_ref());
        let target = resolve(authority, &self.uri, reference.to_str().ok()?)?;
        Some(uri_tag(authority.as_bytes(), &target))
    }

    /// Returns the fetch of the GET that this response answers.
    fn into_fetch<St>(self, shared: &Shared<St>, start: CallStart) -> Option<Box<Fetch>> {
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
        let host = request.headers().get(header::HOST);
        let place = config.rules.for_request(&request, host);
        let rule = config.rules.get(place);
        let spec = rule.map(|rule| &rule.key);
        let depends = spec.is_some_and(|key| !key.headers.is_empty() || !key.cookies.is_empty());
        let by_cookie = self.cookie && config.cookies(rule) == Cookies::Bypass;
        if depends || self.has_key_part || by_cookie || rule.is_some_and(|rule| rule.bypass) {
            return None;
        }
        let scheme = scheme(request.uri(), self.version, self.received);
        let key = key::build(&request, scheme, &facts, spec);
        let asked = LookupRequest::of_write(facts, place, self.explain);
        let call = CallRecord::new(config, &request, asked, key.as_ref(), start);
        Some(Fetch::of_write(call.of_write(self.sent)))
    }
}

// === impl Said ===

impl<'a> Said<'a> {
    fn read(headers: &'a HeaderMap) -> Self {
        let mut said = Self::default();
        for (name, value) in headers {
            match *name {
                header::LOCATION => said.location = said.location.or(Some(value)),
                header::CONTENT_LOCATION => {
                    said.content_location = said.content_location.or(Some(value));
                }
                header::VARY => said.varies = true,
                _ => said.groups |= *name == CACHE_GROUP_INVALIDATION,
            }
        }
        said
    }
}

/// Returns the fields with claims about the target, except Host.
fn retold(headers: &HeaderMap) -> HeaderMap {
    let mut copy = HeaderMap::new();
    for (name, value) in headers {
        if retells(name) {
            copy.append(name.clone(), value.clone());
        }
    }
    copy
}
