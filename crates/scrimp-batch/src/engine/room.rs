//! Back-pressure: a bound on the callers that wait.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One caller's wait for a place among the requests in line or in flight.
///
/// The permit is owned: it moves with the call, and dropping it frees the place.
pub(crate) struct Room {
    places: Arc<Semaphore>,
    waiting: Option<Pin<Box<dyn Future<Output = OwnedSemaphorePermit> + Send>>>,
}

// === impl Room ===

impl Room {
    pub(crate) fn new(places: &Arc<Semaphore>) -> Self {
        Self {
            places: Arc::clone(places),
            waiting: None,
        }
    }

    /// Returns a place once there is one.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<OwnedSemaphorePermit> {
        if self.waiting.is_none()
            && let Ok(permit) = Arc::clone(&self.places).try_acquire_owned()
        {
            return Poll::Ready(permit);
        }
        let places = &self.places;
        let waiting = self.waiting.get_or_insert_with(|| {
            let acquire = Arc::clone(places).acquire_owned();
            Box::pin(async { acquire.await.expect("the semaphore is never closed") })
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
