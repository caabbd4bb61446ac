//! A request that waits for a look-up.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Request;
use http_body::Body;
use pin_project_lite::pin_project;
use scrimp_core::{Key, extensions::Patience};

use super::State;
use crate::{
    entry::{Store, Variants},
    lookup::{LateLookup, Looked},
    request::{LookupRequest, Shown},
    shared::Common,
    upstream::{POLLED_AGAIN, Upstream},
};

pin_project! {
    /// A look-up in progress, and the request it serves. It is boxed, so that caches in memory, which
    /// never need it, do not carry it; and as one, as a hit in a store over a network needs it.
    pub(super) struct LookingUp<S, ReqB, St>
    where
        St: Store,
    {
        #[pin]
        lookup: LateLookup<St>,
        common: Arc<Common<St>>,
        waiting: Option<Waiting<S, ReqB>>,
    }
}

/// The request of a look-up.
pub(super) struct Waiting<S, ReqB> {
    pub(super) request: Request<ReqB>,
    pub(super) shown: Shown,
    pub(super) asked: LookupRequest,
    pub(super) key: Key,
    pub(super) inner: S,
    /// The store looks behind a response that was hit.
    pub(super) is_last: bool,
}

// === impl LookingUp ===

impl<S, ReqB, St: Store> LookingUp<S, ReqB, St> {
    /// Inlined, so that the request is moved once.
    #[inline]
    pub(super) fn new(common: &Arc<Common<St>>, get: St::Get, waiting: Waiting<S, ReqB>) -> Self {
        Self {
            lookup: LateLookup::new(&common.shared, get),
            common: Arc::clone(common),
            waiting: Some(waiting),
        }
    }

    pub(super) fn common(&self) -> &Arc<Common<St>> {
        &self.common
    }

    /// Waits for what is found, and a flag that the look-up has failed.
    pub(super) fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<(Option<Arc<Variants>>, bool)> {
        let this = self.project();
        this.lookup.poll(&this.common.shared, cx)
    }
}

impl<S, ReqB, St> LookingUp<S, ReqB, St>
where
    S: Upstream<ReqB>,
    ReqB: Body + Default + Send + 'static,
    St: Store,
{
    /// Continues with what was found, and a flag that the look-up has failed.
    pub(super) fn proceed(
        self: Pin<&mut Self>,
        (found, failed): (Option<Arc<Variants>>, bool),
        patience: &mut Patience,
    ) -> State<S, ReqB, St> {
        let this = self.project();
        let waiting = this.waiting.take().expect(POLLED_AGAIN);
        let (request, asked) = ((waiting.request, waiting.shown), &waiting.asked);
        let (inner, key) = (&waiting.inner, waiting.key.as_ref());
        let looked = Looked {
            found,
            is_last: waiting.is_last,
            failed,
        };
        State::drive(inner, this.common, request, asked, key, looked, patience)
    }
}
