//! A reader of a broadcast.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::time::{Sleep, sleep};

use super::{Broadcast, Channel, carry::Progress};

/// A reader's place in a broadcast. The reader leaves when it is dropped.
pub struct Reader<C: Channel> {
    broadcast: Arc<Broadcast<C>>,
    place: usize,
    /// Timer of a reader that is ahead and waits for others.
    patience: Option<Pin<Box<Sleep>>>,
}

/// Reason why a reader gets no chunk.
#[derive(Debug)]
pub enum Stop<E> {
    /// The reader has read everything.
    Over,
    /// The source has ended like this. Reported once, if the end is not silent.
    End(E),
    /// The reader fell too far behind.
    CutOff,
}

// === impl Reader ===

impl<C: Channel> Reader<C> {
    /// Takes a place at the first byte. Returns `None` if that byte is no longer held.
    #[must_use]
    pub fn new(broadcast: &Arc<Broadcast<C>>) -> Option<Self> {
        let place = broadcast.log.lock().enter()?;
        Some(Self {
            broadcast: Arc::clone(broadcast),
            place,
            patience: None,
        })
    }

    /// Returns the broadcast.
    #[must_use]
    pub fn broadcast(&self) -> &Arc<Broadcast<C>> {
        &self.broadcast
    }

    /// Returns the next chunk, or the reason why there is none.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Stop<C::End>>> {
        loop {
            let progress = self.broadcast.poll(self.place, cx);
            let Progress::Full(time) = progress else {
                self.patience = None;
                return match progress {
                    Progress::Ready(next) => Poll::Ready(next),
                    _ => Poll::Pending,
                };
            };
            let patience = self.patience.insert(Box::pin(sleep(time)));
            ready!(patience.as_mut().poll(cx));
        }
    }

    /// Returns whether the reader has read everything, and the end is silent.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.broadcast.log.lock().is_over(self.place)
    }
}

impl<C: Channel> Drop for Reader<C> {
    fn drop(&mut self) {
        self.broadcast.leave(self.place);
    }
}

impl<C: Channel> fmt::Debug for Reader<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}
