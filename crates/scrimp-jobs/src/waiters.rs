//! Callers that wait, by the number of their request.

use std::collections::{HashMap, hash_map::Entry};

use parking_lot::Mutex;
use scrimp_core::{Money, extensions::Tenant};
use tokio::sync::oneshot;

use crate::queue::{RequestId, StoredAnswer};

/// Message to a waiting caller.
#[derive(Debug)]
pub(crate) enum Told {
    /// The answer of a job, and its cost, if it is known.
    Answer(StoredAnswer, Option<Money>),
    /// To call the inner service.
    Call,
}

/// The callers that wait. Their number is bounded by that of the requests in the queue.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    all: HashMap<RequestId, Waiter>,
    tenants: HashMap<Option<Tenant>, usize>,
}

#[derive(Debug)]
struct Waiter {
    tell: oneshot::Sender<Told>,
    tenant: Option<Tenant>,
}

// === impl Waiters ===

impl Waiters {
    /// Adds a caller. `None` if too many of its tenant wait.
    pub(crate) fn add(
        &self,
        id: RequestId,
        tenant: Option<&Tenant>,
        most: usize,
    ) -> Option<oneshot::Receiver<Told>> {
        let mut inner = self.0.lock();
        let count = inner.tenants.entry(tenant.cloned()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        let (tell, told) = oneshot::channel();
        let tenant = tenant.cloned();
        inner.all.insert(id, Waiter { tell, tenant });
        Some(told)
    }

    /// Tells a caller. Gives back what it was not told, as it does not wait.
    pub(crate) fn tell(&self, id: RequestId, told: Told) -> Result<(), Told> {
        match self.take(id) {
            Some(waiter) => waiter.tell.send(told),
            None => Err(told),
        }
    }

    /// Forgets a caller. Returns whether it was not told anything yet.
    pub(crate) fn leave(&self, id: RequestId) -> bool {
        self.take(id).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().all.len()
    }

    fn take(&self, id: RequestId) -> Option<Waiter> {
        let mut inner = self.0.lock();
        let waiter = inner.all.remove(&id)?;
        if let Entry::Occupied(mut count) = inner.tenants.entry(waiter.tenant.clone()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        Some(waiter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_a_share_and_gives_it_back() {
        let waiters = Waiters::default();
        let (ann, bob) = (Tenant::from("ann"), Tenant::from("bob"));
        let told: Vec<_> = (0..200).map(|id| waiters.add(id, Some(&ann), 2)).collect();
        assert_eq!(told.iter().flatten().count(), 2);
        assert!(waiters.add(200, Some(&bob), 2).is_some());
        assert!(waiters.add(201, None, 2).is_some());
        assert!(waiters.leave(0) && !waiters.leave(0));
        assert!(waiters.add(202, Some(&ann), 2).is_some());
        assert!(waiters.tell(1, Told::Call).is_ok());
        assert!(waiters.tell(1, Told::Call).is_err());
        for id in [200, 201, 202] {
            waiters.leave(id);
        }
        assert!(
            waiters.0.lock().tenants.is_empty(),
            "nothing is left of tenants that are gone"
        );
    }
}
