//! Stored responses offered for a request that none of them matches: the upstream can say that one
//! of them is the answer (RFC 9111 §4.1, RFC 9110 §13.1.2). And the call that makes the offer.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body::Body;
use scrimp_http::{coding, etag};
use tower::util::Oneshot;
use tower_service::Service;

use super::{Exchange, Outcome, POLLED_AGAIN, Upstream};
use crate::{
    entry::{Entry, Store, Variants},
    invalidation::epoch::Epoch,
    request::{LookupRequest, head_of},
    shared::Shared,
};

/// Maximum number of offered responses.
const MAX_OFFERED: usize = 8;

/// A call with an offer. If the upstream returns a 304 that names none of it, the call is repeated
/// without the offer.
pub(crate) struct Choice<S, ReqB, St>
where
    S: Service<Request<ReqB>>,
{
    call: Pin<Box<Oneshot<S, Request<ReqB>>>>,
    exchange: Exchange<St>,
    /// Service and request for the second call.
    again: Option<(S, Request<()>)>,
}

// === impl Choice ===

impl<S, ReqB, St> Choice<S, ReqB, St>
where
    S: Service<Request<ReqB>> + Clone,
{
    pub(crate) fn new(inner: S, request: Request<ReqB>, exchange: Exchange<St>) -> Self {
        let mut head = head_of(&request);
        *head.version_mut() = request.version();
        head.headers_mut().remove(header::IF_NONE_MATCH);
        head.extensions_mut().clone_from(request.extensions());
        Self {
            call: Box::pin(Oneshot::new(inner.clone(), request)),
            exchange,
            again: Some((inner, head)),
        }
    }
}

impl<S, ReqB, St> Choice<S, ReqB, St>
where
    S: Upstream<ReqB>,
    ReqB: Body + Default,
    St: Store,
{
    /// Drives the call, or both. The slot is empty afterwards.
    pub(crate) fn poll(
        slot: &mut Option<Box<Self>>,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<S, ReqB>> {
        loop {
            let choice = slot.as_mut().expect(POLLED_AGAIN);
            let mut result = ready!(choice.call.as_mut().poll(cx));
            if let Ok(response) = &mut result
                && response.status() == StatusCode::NOT_MODIFIED
                && choice.exchange.withdraw_offer(response)
                && let Some((inner, head)) = choice.again.take()
            {
                choice.exchange.count();
                let request = head.map(|()| ReqB::default());
                choice.call = Box::pin(Oneshot::new(inner, request));
                continue;
            }
            let choice = slot.take().expect("present until taken here");
            return Poll::Ready(choice.exchange.finish(result));
        }
    }

    /// Gives up the call.
    pub(crate) fn leave(self) -> Exchange<St> {
        self.exchange
    }
}

/// Returns the stored responses that may answer a request, if the upstream names one.
///
/// Entity tags should distinguish all representations of a resource (RFC 9110 §8.8.3). Not all
/// origins do so. Only safe cases are offered: strong tags that no two bodies share, no response
/// selected by credentials, and a coding the client accepts.
pub(super) fn offer<St, B>(
    shared: &Shared<St>,
    request: &mut Request<B>,
    asked: &LookupRequest,
    variants: &Variants,
) -> Vec<Arc<Entry>> {
    // A client with its own condition has a response that the upstream may confirm.
    if request.method() != Method::GET || asked.facts.conditional {
        return Vec::new();
    }
    let personal_request = asked.is_personal(shared.config.mode);
    let personal = &shared.config.telling.credentials;
    let is_personal =
        |name: &header::HeaderName| *name == header::COOKIE || personal.contains(name);
    let may_be_the_answer = |entry: &Entry| {
        // A 304 replaces a 200 (RFC 9110 §15.4.5).
        entry.status == StatusCode::OK
            && (!personal_request || entry.policy.for_credentials)
            && shared.epochs.check(&entry.validity) != Epoch::Gone
            && !entry.selection.names().any(is_personal)
            && coding::accepts_all(request.headers(), &entry.headers())
    };
    let mut tags: Vec<HeaderValue> = Vec::new();
    let mut offered = Vec::new();
    for (tag, entry) in told_apart(variants) {
        if tags.len() < MAX_OFFERED && !tags.contains(&tag) && may_be_the_answer(entry) {
            tags.push(tag);
            offered.push(Arc::clone(entry));
        }
    }
    let texts: Vec<&[u8]> = tags.iter().map(HeaderValue::as_bytes).collect();
    match HeaderValue::from_bytes(&texts.join(&b", "[..])) {
        Ok(list) if !tags.is_empty() => {
            let headers = request.headers_mut();
            let added = headers.try_insert(header::IF_NONE_MATCH, list);
            if added.is_ok() { offered } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

/// Returns the variants with strong tags, newest first, without those that share a tag with
/// another body.
fn told_apart(variants: &Variants) -> Vec<(HeaderValue, &Arc<Entry>)> {
    let mut tagged: Vec<(HeaderValue, &Arc<Entry>)> = Vec::new();
    let mut ambiguous = Vec::new();
    for entry in variants.iter() {
        let Some(tag) = strong_tag(entry) else {
            continue;
        };
        match tagged.iter().find(|(other, _)| *other == tag) {
            Some((_, other)) if !same(&other.body, &entry.body) => ambiguous.push(tag),
            _ => tagged.push((tag, entry)),
        }
    }
    tagged.retain(|(tag, _)| !ambiguous.contains(tag));
    tagged
}

/// Returns the offered response that a 304 names.
pub(super) fn named<'a>(offered: &'a [Arc<Entry>], response: &HeaderMap) -> Option<&'a Arc<Entry>> {
    match (response.get(header::ETAG), offered) {
        (Some(tag), _) => offered
            .iter()
            .find(|entry| strong_tag(entry).is_some_and(|own| etag::strong_match(&own, tag))),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// Returns whether two bodies are the same. A variant stored after a 304 shares the memory.
fn same(a: &Bytes, b: &Bytes) -> bool {
    (a.as_ptr() == b.as_ptr() && a.len() == b.len()) || a == b
}

/// Returns a strong entity tag that can be part of a list.
fn strong_tag(entry: &Entry) -> Option<HeaderValue> {
    let tag = entry.etag()?;
    etag::is_plain_strong(&tag).then_some(tag)
}
