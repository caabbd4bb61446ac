//! Back-pressure: who may wait.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One caller's way to a place among those that may be in line or in flight.
///
/// The permit it gives is owned: it goes with the call, and whoever leaves gives it back.
pub(crate) struct Room {
    places: Arc<Semaphore>,
    waiting: Option<Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>>,
}

// === impl Room ===

impl Room {
    pub(crate) fn new(places: &Arc<Semaphore>) -> Self {
        Self {
            places: Arc::clone(places),
            waiting: None,
        }
    }

    /// A place, once there is one. It is `None` only if there will never be one again, as
    /// the semaphore was closed, which nobody does: the caller may then do without.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<OwnedSemaphorePermit>> {
        if self.waiting.is_none()
            && let Ok(permit) = Arc::clone(&self.places).try_acquire_owned()
        {
            return Poll::Ready(Some(permit));
        }
        let places = &self.places;
        let waiting = self.waiting.get_or_insert_with(|| {
            let acquire = Arc::clone(places).acquire_owned();
            Box::pin(async { acquire.await.ok() })
        });
        waiting.as_mut().poll(cx)
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room")
            .field("free", &self.places.available_permits())
            .field("waiting", &self.waiting.is_some())
            .finish()
    }
}
