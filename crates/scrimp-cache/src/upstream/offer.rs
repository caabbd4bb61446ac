//! A request that none of the stored variants matches: perhaps its answer is one of them all
//! the same, and the upstream can say which (RFC 9111 §4.1, RFC 9110 §13.1.2).

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use scrimp_http::{coding, etag};

use crate::{
    entry::{Entry, Variants},
    invalidation::epoch::Epoch,
    request::LookupRequest,
    shared::Shared,
};

/// Variants that are offered to the upstream at most.
const MAX_OFFERED: usize = 8;

/// The stored responses that one request may be answered with, if the upstream names one.
///
/// An entity tag is to tell all representations of a resource apart (RFC 9110 §8.8.3). Not
/// all origins see to that, so only what promises to is offered: strong tags; of no two
/// bodies; of no response that was selected by who asks; in a coding the client takes.
pub(super) fn offer<St, B>(
    shared: &Shared<St>,
    request: &mut Request<B>,
    asked: &LookupRequest,
    variants: &Variants,
) -> Vec<Arc<Entry>> {
    // With a condition of its own, the client has something that the upstream may confirm.
    if request.method() != Method::GET || asked.facts.conditional {
        return Vec::new();
    }
    let personal_request = asked.is_personal(shared.config.mode);
    let personal = &shared.config.telling.credentials;
    let is_personal =
        |name: &header::HeaderName| *name == header::COOKIE || personal.contains(name);
    let may_be_the_answer = |entry: &Entry| {
        // A 304 stands for a 200 (RFC 9110 §15.4.5).
        entry.status == StatusCode::OK
            && (!personal_request || entry.policy.for_credentials)
            && shared.epochs.check(&entry.validity) != Epoch::Gone
            && !entry.selection.names().any(is_personal)
            && coding::accepts_all(request.headers(), &entry.headers)
    };
    let mut tags: Vec<&[u8]> = Vec::new();
    let mut offered = Vec::new();
    for (tag, entry) in told_apart(variants) {
        let tag = tag.as_bytes();
        if tags.len() < MAX_OFFERED && !tags.contains(&tag) && may_be_the_answer(entry) {
            tags.push(tag);
            offered.push(Arc::clone(entry));
        }
    }
    match HeaderValue::from_bytes(&tags.join(&b", "[..])) {
        Ok(list) if !tags.is_empty() => {
            request.headers_mut().insert(header::IF_NONE_MATCH, list);
            offered
        }
        _ => Vec::new(),
    }
}

/// The variants with strong tags, newest first, without those whose tag is also that of
/// another body.
fn told_apart(variants: &Variants) -> Vec<(&HeaderValue, &Arc<Entry>)> {
    let mut tagged: Vec<(&HeaderValue, &Arc<Entry>)> = Vec::new();
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

/// The offered response that a 304 speaks of.
pub(super) fn named<'a>(offered: &'a [Arc<Entry>], response: &HeaderMap) -> Option<&'a Arc<Entry>> {
    match (response.get(header::ETAG), offered) {
        (Some(tag), _) => offered
            .iter()
            .find(|entry| strong_tag(entry).is_some_and(|own| etag::strong_match(own, tag))),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// Whether two bodies are one. Variants that were told apart by a 304 share their memory.
fn same(a: &Bytes, b: &Bytes) -> bool {
    (a.as_ptr() == b.as_ptr() && a.len() == b.len()) || a == b
}

/// A strong entity tag that can stand in a list.
fn strong_tag(entry: &Entry) -> Option<&HeaderValue> {
    let tag = entry.policy.etag.as_ref()?;
    etag::is_plain_strong(tag).then_some(tag)
}
