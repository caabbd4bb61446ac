//! Reads ahead of a reader that may be slow.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Waker},
};

use super::{
    Broadcast, Channel,
    log::{Room, Source, Woken},
};

/// Reads a source ahead of its reader, by as many bytes as the log may hold.
///
/// It goes on while there is room, even if the reader does not read, and the reader leaves the
/// source to it. It does not end when the reader has gone: the owner of the pump decides that, by
/// dropping it.
pub struct Pump<C: Channel> {
    broadcast: Arc<Broadcast<C>>,
    /// True once the pump has reported that there is no reader.
    alone: bool,
}

/// Outcome of [polling](Pump::poll) a pump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pumped {
    /// A chunk has been read. There may be more.
    Again,
    /// The source has nothing yet. The pump is woken when it has.
    Pending,
    /// There is no room. The pump is woken when the reader has read, or has gone.
    Full,
    /// The reader has gone. Reported once: a further poll reads on and keeps nothing.
    Alone,
    /// The source has ended.
    Over,
}

// === impl Pump ===

impl<C: Channel> Pump<C> {
    pub(super) fn new(broadcast: &Arc<Broadcast<C>>) -> Self {
        broadcast.log.lock().pumped = true;
        Self {
            broadcast: Arc::clone(broadcast),
            alone: false,
        }
    }

    /// Returns the broadcast.
    #[must_use]
    pub fn broadcast(&self) -> &Arc<Broadcast<C>> {
        &self.broadcast
    }

    /// Reads a chunk, if there is room for it.
    pub fn poll(&mut self, cx: &Context<'_>) -> Pumped {
        let mut log = self.broadcast.log.lock();
        if matches!(log.source, Source::Over) {
            return Pumped::Over;
        }
        if log.readers() == 0 {
            if !std::mem::replace(&mut self.alone, true) {
                return Pumped::Alone;
            }
            log.clear();
            log.book(self.broadcast.channel());
        }
        let patience = self.broadcast.channel().patience();
        let (source, pumped) = match log.room(self.broadcast.limit(), patience) {
            Room::Free => (log.take_source(), Pumped::Pending),
            Room::Wait(_) => (None, Pumped::Full),
        };
        if let Some(source) = source {
            drop(log);
            return self.carry(source, cx);
        }
        log.pump = Some(cx.waker().clone());
        pumped
    }

    fn carry(&mut self, source: C::Source, cx: &Context<'_>) -> Pumped {
        if self.broadcast.carry(source, None, cx).is_ready() {
            return Pumped::Again;
        }
        // A reader that left meanwhile found no waker.
        let left = self.broadcast.log.lock().readers() == 0;
        match left && !std::mem::replace(&mut self.alone, true) {
            true => Pumped::Alone,
            false => Pumped::Pending,
        }
    }
}

impl<C: Channel> Drop for Pump<C> {
    fn drop(&mut self) {
        let mut waiting = Woken::new();
        self.broadcast.part(|log| {
            log.pumped = false;
            waiting = log.waiting();
        });
        // The reader reads on by itself.
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<C: Channel> fmt::Debug for Pump<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump")
            .field("alone", &self.alone)
            .finish_non_exhaustive()
    }
}
