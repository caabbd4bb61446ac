//! A request that waits for a look-up.

use std::sync::Arc;

use http::Request;
use http_body::Body;
use scrimp_core::{Key, extensions::Patience};

use super::State;
use crate::{
    entry::{Store, Variants},
    lookup::{LateLookup, Looked},
    request::{LookupRequest, Shown},
    shared::Common,
    upstream::Upstream,
};

/// A look-up in progress, and the request it serves. It is boxed, so that caches in memory, which
/// never need it, do not carry it.
pub(super) struct LookingUp<S, ReqB, St: Store> {
    pub(super) lookup: LateLookup<St>,
    pub(super) request: Request<ReqB>,
    pub(super) shown: Shown,
    pub(super) asked: LookupRequest,
    pub(super) key: Key,
    pub(super) inner: S,
    pub(super) common: Arc<Common<St>>,
    /// The store looks behind a response that was hit.
    pub(super) is_last: bool,
}

// === impl LookingUp ===

impl<S, ReqB, St> LookingUp<S, ReqB, St>
where
    S: Upstream<ReqB>,
    ReqB: Body + Default + Send + 'static,
    St: Store,
{
    /// Continues with what was found, and a flag that the look-up has failed.
    pub(super) fn proceed(
        self,
        (found, failed): (Option<Arc<Variants>>, bool),
        patience: &mut Patience,
    ) -> State<S, ReqB, St> {
        let (request, asked) = ((self.request, self.shown), &self.asked);
        let (inner, key) = (&self.inner, self.key.as_ref());
        let looked = Looked {
            found,
            is_last: self.is_last,
            failed,
        };
        State::drive(inner, &self.common, request, asked, key, looked, patience)
    }
}
