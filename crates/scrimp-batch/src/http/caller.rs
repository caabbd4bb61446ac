//! One request, and who waits for its answer.

use bytes::Bytes;
use http::Response;
use scrimp_core::extensions::{RefusedTenants, Tenant};

use super::Reply;
use crate::{BatchBody, codec::Item, engine::Responder, money::Paid};

/// One request, and who waits for its answer.
pub(crate) struct Caller<B, E> {
    pub(crate) item: Item,
    /// Its cost so far.
    pub(crate) paid: Paid,
    pub(crate) responder: Responder<Reply<B, E>>,
}

// === impl Caller ===

impl<B, E> Caller<B, E> {
    pub(crate) fn new(item: Item, responder: Responder<Reply<B, E>>) -> Self {
        Self {
            item,
            paid: Paid::default(),
            responder,
        }
    }

    pub(crate) fn named_tenant(&self) -> Option<&Tenant> {
        self.item.head.extensions.get()
    }

    pub(crate) fn tenant(&self) -> &str {
        self.named_tenant().map_or("", |Tenant(name)| name)
    }

    pub(crate) fn answer(self, answer: Response<Bytes>) {
        let mut answer = answer.map(BatchBody::part);
        self.paid.tell(answer.extensions_mut());
        self.responder.answer(Ok(answer));
    }

    pub(crate) fn is_refused(&self, refused: &RefusedTenants) -> bool {
        refused.get(self.tenant()).is_some()
    }

    pub(crate) fn refuse(self, refused: &RefusedTenants) {
        let problem = refused.get(self.tenant());
        let problem = problem.expect("its tenant is refused").response();
        self.answer(problem);
    }
}
