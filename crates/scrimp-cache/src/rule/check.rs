//! Conditions on a whole response.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use crate::policy::refusal::Refusal;

type StoreIf = dyn Fn(&Request<()>, &Response<()>, &Bytes) -> bool + Send + Sync;

/// Conditions of a rule on a response whose body is known.
#[derive(Clone, Default)]
pub(crate) struct Check {
    #[cfg(feature = "llm")]
    pub(crate) complete_answers: bool,
    store_if: Vec<Arc<StoreIf>>,
}

// === impl Check ===

impl Check {
    pub(crate) fn add(&mut self, condition: Arc<StoreIf>) {
        self.store_if.push(condition);
    }

    /// Returns whether there is a condition.
    pub(crate) fn is_set(&self) -> bool {
        #[cfg(feature = "llm")]
        if self.complete_answers {
            return true;
        }
        !self.store_if.is_empty()
    }

    /// Checks a response.
    ///
    /// # Errors
    ///
    /// The first condition that does not hold.
    pub(crate) fn of(
        &self,
        request: &Request<()>,
        head: &Response<()>,
        body: &Bytes,
    ) -> Result<(), Refusal> {
        #[cfg(feature = "llm")]
        if self.complete_answers
            && !scrimp_llm::Answer::read_bytes(head.headers(), body).is_complete()
        {
            return Err(Refusal::Answer);
        }
        match self.store_if.iter().all(|holds| holds(request, head, body)) {
            true => Ok(()),
            false => Err(Refusal::StoreIf),
        }
    }
}

impl PartialEq for Check {
    /// Compares functions by identity: one equals only itself and its copies.
    fn eq(&self, other: &Self) -> bool {
        #[cfg(feature = "llm")]
        if self.complete_answers != other.complete_answers {
            return false;
        }
        let mut pairs = self.store_if.iter().zip(&other.store_if);
        self.store_if.len() == other.store_if.len() && pairs.all(|(own, its)| Arc::ptr_eq(own, its))
    }
}
