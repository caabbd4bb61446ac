//! Reads answers on whose callers have left, where knowing their cost is worth more than the rest of it.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame};
use scrimp_core::Tasks;
use tokio::sync::OwnedSemaphorePermit;

use super::response::Watched;

/// Longest time for which one is read.
const LONGEST: Duration = Duration::from_secs(120);
/// Highest number of bytes that are read of one.
const MOST_BYTES: usize = 4 << 20;

/// The way to read on after a caller has left. Its function is chosen where the body is known to be
/// fit for that: one that is dropped has no bounds.
pub(crate) struct Drains<B: Body> {
    tasks: Weak<Tasks>,
    start: fn(&Tasks, Watched<B>, OwnedSemaphorePermit),
}

// === impl Drains ===

impl<B> Drains<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    pub(crate) fn new(tasks: &Arc<Tasks>) -> Self {
        Self {
            tasks: Arc::downgrade(tasks),
            start: |tasks, body, place| {
                // Without a runtime the body is dropped here, and its cost estimated.
                tasks.start("cost-route.drain", async move {
                    // A provider that says nothing any more is left after a time.
                    let _ = tokio::time::timeout(LONGEST, read(body)).await;
                    drop(place);
                });
            },
        }
    }
}

impl<B: Body> Drains<B> {
    /// Takes a body that its caller has left: reads it on if that is worth it, or drops it.
    pub(crate) fn take(self, mut body: Watched<B>) {
        let Some(meter) = body.sink_mut() else {
            return;
        };
        if !meter.call.is_worth_reading() {
            return;
        }
        let place = Arc::clone(&meter.call.shared.drains).try_acquire_owned();
        if let (Some(tasks), Ok(place)) = (self.tasks.upgrade(), place) {
            meter.call.drained = true;
            (self.start)(&tasks, body, place);
        }
    }
}

/// Reads a body to its end, or up to the limit.
async fn read<B: Body<Data = Bytes>>(mut body: Watched<B>) {
    let mut left = MOST_BYTES;
    while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let length = Frame::data_ref(&frame).map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => break,
        }
    }
}
