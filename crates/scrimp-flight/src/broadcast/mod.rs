//! Bytes that many read while they come in: an append-only log of chunks.
//!
//! No reader owns the source. A reader that has read the log to its end polls the source,
//! unless another one does or there has been no wake since it was last polled. A wake goes to
//! all that wait, as what it brings is for all of them; so a reader that stops reading holds
//! no other up.
//!
//! While the broadcast is open, its log reaches back to the first byte and late comers may read
//! it. It closes when the source ends, or when the log would outgrow its limit; from then on
//! it forgets what all have read. Readers further behind than the limit are waited for, for a
//! short time once in their lives, and then cut off. All logs of one [`MemoryBudget`] have a
//! limit too: while it is reached, none of them has room for more than the next chunk.

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

/// A source of bytes, and the terms on which many read it.
pub trait Channel: Sized + Send + Sync + 'static {
    /// Gives the chunks.
    type Source: Send;
    /// How the source ends.
    type End: End;

    /// Polls the source for a chunk, and for its end if that is known with the chunk. An empty
    /// chunk counts for none. It is not polled after its end.
    fn poll(source: &mut Self::Source, cx: &mut Context<'_>) -> Poll<(Bytes, Option<Self::End>)>;

    /// Returns the end of a source that was lost in a panic.
    fn lost() -> Self::End;

    /// Returns the budget that the log is booked on, if there is one.
    fn budget(&self) -> Option<&MemoryBudget> {
        None
    }

    /// Returns how many bytes the log may hold. 1 or more.
    fn max_bytes(&self) -> usize;

    /// Returns how long, in all, a reader is waited for before it is cut off.
    fn patience(&self) -> Duration;

    /// Notes that late comers can read it no more: it has outgrown its limit, has ended, or was
    /// dropped, as no reader wanted it any more.
    fn closed(&self) {}

    /// Notes that the source has ended, before readers are told. `whole`: how many bytes it had,
    /// if all of them are here and the end is [sound](End::is_sound). True if they are booked
    /// elsewhere from now on.
    fn ended(broadcast: &Arc<Broadcast<Self>>, end: &Self::End, whole: Option<usize>) -> bool {
        let _ = (broadcast, end, whole);
        false
    }

    /// Notes that all readers have left. True if another one has been found; otherwise the
    /// source is dropped.
    fn abandoned(broadcast: &Arc<Broadcast<Self>>) -> bool {
        let _ = broadcast;
        false
    }
}

/// How a source ends.
pub trait End: Send {
    /// Returns whether the end has nothing to say but that there are no more chunks.
    fn is_silent(&self) -> bool;

    /// Returns whether the source has come to the end that it was to come to.
    fn is_sound(&self) -> bool;

    /// Returns the end for one reader. Where there is but one, it may be taken out.
    #[must_use]
    fn tell(&mut self) -> Self;
}

/// A source that many read.
pub struct Broadcast<C: Channel> {
    channel: C,
    log: Mutex<Log<C>>,
}

// === impl Broadcast ===

impl<C: Channel> Broadcast<C> {
    /// Returns a broadcast of these chunks and what the source has yet to give. It waits for
    /// readers until it is [settled](Self::settled).
    pub fn new(channel: C, chunks: VecDeque<Bytes>, source: C::Source) -> Arc<Self> {
        let mut log = Log::new(chunks, source);
        log.book(&channel);
        Arc::new(Self {
            channel,
            log: Mutex::new(log),
        })
    }

    /// Returns a broadcast with one reader, and a [`Pump`] that reads ahead of it. No other
    /// reader will come, so what this one has read is forgotten at once.
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

    /// Returns the bytes that are here.
    pub fn held(&self) -> usize {
        self.log.lock().held
    }

    /// Returns all of it, if it has come in whole and is all here.
    pub fn chunks(&self) -> Option<Vec<Bytes>> {
        let log = self.log.lock();
        log.is_complete()
            .then(|| log.chunks.iter().cloned().collect())
    }

    /// Notes that those who had waited for the broadcast all have got their readers.
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

    /// Changes who reads it, or is about to. What no reader wants is cancelled, or finished.
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
            // A reader may have come in the meantime.
            if !log.is_abandoned() {
                return;
            }
            log.open = false;
            // An upstream may hold on to this, as what it is to wake.
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
