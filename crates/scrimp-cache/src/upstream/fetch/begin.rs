//! The start of a fetch, and the conditions on its request.

use std::sync::Arc;

use http::{Method, Request, header};
use scrimp_core::KeyRef;

use super::Fetch;
use crate::{
    cache_status::Forward,
    entry::{CallRecord, Entry, Refreshing},
    lookup::Miss,
    policy::conditional,
    request::LookupRequest,
    shared::Shared,
    upstream::offer,
};

impl Fetch {
    /// Starts a fetch for `request`. Call it before the upstream call begins: it reads the log's
    /// position.
    pub(in crate::upstream) fn new<St, B>(
        shared: &Shared<St>,
        request: &mut Request<B>,
        asked: LookupRequest,
        key: KeyRef<'_>,
        miss: Miss,
    ) -> Box<Self> {
        let call = CallRecord::new(&shared.config, request, asked, key, shared.epochs.now());
        let offered = match &miss.variants {
            Some(variants) => offer::offer(shared, request, call.asked(), variants),
            None => Vec::new(),
        };
        let stored = miss.stored.as_ref();
        let validating = stored.is_some_and(|entry| validate(request, entry));
        Self::from_parts(call, miss, validating, offered)
    }

    /// Starts the refresh of a response that is served stale meanwhile. Returns its request too.
    pub(in crate::upstream) fn refresh<St, B>(
        shared: &Shared<St>,
        request: &Request<B>,
        asked: &LookupRequest,
        key: KeyRef<'_>,
        (entry, refreshing): (&Arc<Entry>, Refreshing),
    ) -> (Request<()>, Box<Self>) {
        shared.counters.refreshes.increment();
        let (asked, now) = (asked.for_refresh(), shared.epochs.now());
        let call = CallRecord::new(&shared.config, request, asked, key, now);
        let extensions = request.extensions().clone();
        let mut request = call.request().clone();
        // Inner layers may distinguish tenants by them.
        *request.extensions_mut() = extensions;
        *request.method_mut() = Method::GET;
        // The client asked for a part or a comparison; the store needs the whole.
        request.headers_mut().remove(header::RANGE);
        request.headers_mut().remove(header::IF_RANGE);
        let validating = validate(&mut request, entry);
        let miss = Miss {
            stored: Some(Arc::clone(entry)),
            refreshing: Some(refreshing),
            ..Miss::new(Forward::Stale)
        };
        let fetch = Self::from_parts(call, miss, validating, Vec::new());
        (request, fetch)
    }

    /// Treats the response to a write as one to a GET.
    pub(in crate::upstream) fn of_write(call: CallRecord) -> Box<Self> {
        Self::from_parts(call, Miss::new(Forward::Method), false, Vec::new())
    }
}

/// Makes a request conditional on the stored response. A HEAD stays unconditional: its response
/// updates the stored one by itself (RFC 9111 §4.3.5).
fn validate<B>(request: &mut Request<B>, entry: &Entry) -> bool {
    request.method() == Method::GET
        && conditional::validate(request.headers_mut(), &entry.headers, &entry.policy)
}
