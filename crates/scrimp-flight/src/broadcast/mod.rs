//! Broadcast of bytes to many readers while they come in: an append-only log of chunks.
//!
//! No reader owns the source. A reader at the end of the log polls the source, unless another
//! reader polls it or there has been no wake since the last poll. A wake goes to all waiting
//! readers, because the new chunk is for all of them. So a reader that stops reading blocks no
//! other.
//!
//! While the broadcast is open, its log reaches back to the first byte, and late readers may join.
//! It closes when the source ends, or when the log would exceed its limit. From then on it drops
//! the chunks that all readers have read. If a reader falls behind by more than the limit, the
//! broadcast waits for it, for a short time once in its life, and then cuts it off. All logs of
//! one [`MemoryBudget`] share a limit too: while it is reached, each of them has room for the next
//! chunk only.

mod carry;
mod log;
mod pump;
mod reader;

use std::{
    collections::VecDeque,
    fmt,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;

pub use pump::{Pump, Pumped};
pub use reader::{Reader, Stop};

use crate::{MemoryBudget, sync::Mutex};
use log::{Log, Source};

/// A source of bytes, and the terms on which many readers share it.
pub trait Channel: Sized + Send + Sync + 'static {
    /// Type that gives the chunks.
    type Source: Send;
    /// End of the source.
    type End: End;

    /// Polls the source for a chunk, and for its end if that is known with the chunk. An empty
    /// chunk does not count. The source is not polled after its end.
    fn poll(source: &mut Self::Source, cx: &mut Context<'_>) -> Poll<(Bytes, Option<Self::End>)>;

    /// Returns the end of a source that was lost in a panic.
    fn lost() -> Self::End;

    /// Returns the budget that accounts for the log, if there is one.
    fn budget(&self) -> Option<&MemoryBudget> {
        None
    }

    /// Returns how many bytes the log may hold. 1 or more.
    fn max_bytes(&self) -> usize;

    /// Returns the total time that a reader may delay others before it is cut off.
    fn patience(&self) -> Duration;

    /// Notes that late readers can no longer join: the broadcast exceeded its limit, ended, or was
    /// dropped because it had no reader.
    fn closed(&self) {}

    /// Notes that the source has ended, before readers are told. `whole` is the number of bytes,
    /// if all of them are held and the end is [sound](End::is_sound). Returns true if another
    /// account holds them from now on.
    fn ended(broadcast: &Arc<Broadcast<Self>>, end: &Self::End, whole: Option<usize>) -> bool {
        let _ = (broadcast, end, whole);
        false
    }

    /// Notes that all readers have left. Returns true if another reader was found; otherwise the
    /// source is dropped.
    fn abandoned(broadcast: &Arc<Broadcast<Self>>) -> bool {
        let _ = broadcast;
        false
    }
}

/// End of a source.
pub trait End: Send {
    /// Returns whether the end only says that there are no more chunks.
    fn is_silent(&self) -> bool;

    /// Returns whether the source ended as intended.
    fn is_sound(&self) -> bool;

    /// Returns the end for one reader. If there is only one reader, the end may be moved out.
    #[must_use]
    fn tell(&mut self) -> Self;
}

/// A source that many readers share.
pub struct Broadcast<C: Channel> {
    channel: C,
    log: Mutex<Log<C>>,
}

// === impl Broadcast ===

impl<C: Channel> Broadcast<C> {
    /// Returns a broadcast of these chunks and of the rest of the source. It waits for readers
    /// until it is [settled](Self::settled).
    pub fn new(channel: C, chunks: VecDeque<Bytes>, source: C::Source) -> Arc<Self> {
        let mut log = Log::new(chunks, source);
        log.book(&channel);
        Arc::new(Self {
            channel,
            log: Mutex::new(log),
        })
    }

    /// Returns a broadcast with one reader, and a [`Pump`] that reads ahead of it. No other reader
    /// can join, so chunks are dropped as soon as this one has read them.
    pub fn ahead(channel: C, source: C::Source) -> (Pump<C>, Reader<C>) {
        let broadcast = Self::new(channel, VecDeque::new(), source);
        let pump = Pump::new(&broadcast);
        let reader = Reader::new(&broadcast).expect("it is open until it is closed below");
        let mut log = broadcast.log.lock();
        (log.open, log.awaited) = (false, false);
        drop(log);
        (pump, reader)
    }

    /// Returns the channel.
    pub fn channel(&self) -> &C {
        &self.channel
    }

    /// Returns the number of bytes that are held.
    pub fn held(&self) -> usize {
        self.log.lock().held
    }

    /// Returns all chunks, if the source has ended and all of them are held.
    pub fn chunks(&self) -> Option<Vec<Bytes>> {
        let log = self.log.lock();
        log.is_complete()
            .then(|| log.chunks.iter().cloned().collect())
    }

    /// Notes that all callers who waited for the broadcast have got their readers.
    pub fn settled(self: &Arc<Self>) {
        self.part(|log| log.awaited = false);
    }

    /// Returns how many bytes the log may hold now.
    fn limit(&self) -> usize {
        let most = self.channel.max_bytes();
        let budget = self.channel.budget();
        budget.map_or(most, |budget| budget.limit(most))
    }

    fn leave(self: &Arc<Self>, place: usize) {
        self.part(|log| log.leave(place));
    }

    /// Changes the readers, present or expected. A source without readers is cancelled, or
    /// finished.
    fn part(self: &Arc<Self>, change: impl FnOnce(&mut Log<C>)) {
        let (abandoned, relieved) = {
            let mut log = self.log.lock();
            change(&mut log);
            let mut relieved = log.relieved(self.limit()).unwrap_or_default();
            if let Some(pump) = log.alone() {
                relieved.push(pump);
            }
            log.book(&self.channel);
            (log.is_abandoned(), relieved)
        };
        relieved.into_iter().for_each(Waker::wake);
        if !abandoned || C::abandoned(self) {
            return;
        }
        let source = {
            let mut log = self.log.lock();
            // A reader may have joined meanwhile.
            if !log.is_abandoned() {
                return;
            }
            log.open = false;
            // An upstream may hold on to this as its waker.
            log.clear();
            log.book(&self.channel);
            std::mem::replace(&mut log.source, Source::Over)
        };
        self.channel.closed();
        drop(source);
    }
}

impl<C: Channel> Drop for Broadcast<C> {
    fn drop(&mut self) {
        let log = &mut *self.log.lock();
        log.unbook(&self.channel);
    }
}

impl<C: Channel> fmt::Debug for Broadcast<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast")
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}
