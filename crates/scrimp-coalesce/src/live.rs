//! A body that many read while it comes in: an append-only log of its chunks.
//!
//! Nobody owns the body either. A reader that has read the log to its end polls the body,
//! unless another one does or there has been no wake since it was last polled. A wake goes to
//! all that wait, as what it brings is for all of them; so a reader that stops reading holds
//! nobody up.
//!
//! While the body is open, its log reaches back to the first byte and late comers may read
//! it. It closes when the body ends, or when the log would outgrow its limit; from then on
//! it forgets what all have read. Readers further behind than the limit are waited for, for a
//! short time once in their lives, and then cut off. All logs of a layer together have a limit
//! too: while it is reached, none of them has room for more than the next chunk.

use std::{
    pin::Pin,
    sync::{Arc, Weak},
    task::Waker,
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, SizeHint};
use scrimp_core::BoxError;

use crate::{
    answer::Arrived,
    begun::Begun,
    common::Common,
    flight::Flight,
    log::{Log, Source},
    reader::Spare,
    stream::Stream,
    sync::Mutex,
};

/// A body whose type nobody has to know.
pub(crate) type BoxBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// The body of a [`Stream`] that was not all there with its head.
pub(crate) struct Live {
    pub(crate) common: Arc<Common>,
    pub(crate) hint: SizeHint,
    /// How long it may be given again once it is complete.
    pub(crate) window: Option<Duration>,
    pub(crate) log: Mutex<Log>,
    pub(crate) flight: Weak<Flight<Arrived>>,
    /// Calls that readers who fall behind may make. Any of them will do: they are equal.
    spares: Mutex<Vec<Spare>>,
}

// === impl Live ===

impl Live {
    pub(crate) fn new(
        begun: Begun,
        body: BoxBody,
        window: Option<Duration>,
        flight: &Arc<Flight<Arrived>>,
    ) -> Self {
        let common = Arc::clone(&flight.terms.common);
        let hint = begun.hint;
        let mut log = Log::new(begun.into_chunks(), body);
        common.budget.book(&mut log.booked, log.held);
        Self {
            common,
            hint,
            window,
            log: Mutex::new(log),
            flight: Arc::downgrade(flight),
            spares: Mutex::default(),
        }
    }

    /// Takes a place at the first byte, if it is still there.
    pub(crate) fn enter(&self) -> Option<usize> {
        self.log.lock().enter()
    }

    /// Whether the reader in `place` has read everything.
    pub(crate) fn is_over(&self, place: usize) -> bool {
        self.log.lock().is_over(place)
    }

    /// Bytes that are here.
    pub(crate) fn held(&self) -> usize {
        self.log.lock().held
    }

    /// All of it, if it has come in whole and is all here.
    pub(crate) fn chunks(&self) -> Option<Vec<Bytes>> {
        let log = self.log.lock();
        log.is_complete()
            .then(|| log.chunks.iter().cloned().collect())
    }

    pub(crate) fn add_spare(&self, spare: Spare) {
        self.spares.lock().push(spare);
    }

    /// A call for a reader that was cut off, which is counted.
    pub(crate) fn spare(&self) -> Option<Spare> {
        self.common.counters().cut_off.add();
        tracing::debug!("a reader fell too far behind");
        self.spares.lock().pop()
    }

    pub(crate) fn note_finished(&self) {
        self.common.counters().finished.add();
    }

    /// Bytes that the log may hold now.
    pub(crate) fn limit(&self) -> usize {
        self.common.budget.limit(self.common.config.max_bytes)
    }

    pub(crate) fn book(&self, log: &mut Log) {
        let held = if log.kept { 0 } else { log.held };
        self.common.budget.book(&mut log.booked, held);
    }

    /// Late comers find it no more.
    pub(crate) fn retire(&self) {
        if let Some(flight) = self.flight.upgrade() {
            flight.retire();
        }
    }

    /// Changes who reads it, or is about to. True if that has left nobody.
    fn part(&self, change: impl FnOnce(&mut Log)) -> bool {
        let (abandoned, relieved) = {
            let mut log = self.log.lock();
            change(&mut log);
            let relieved = log.relieved(self.limit());
            self.book(&mut log);
            (log.is_abandoned(), relieved)
        };
        relieved.into_iter().for_each(Waker::wake);
        abandoned
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let log = &mut *self.log.lock();
        self.common.budget.book(&mut log.booked, 0);
    }
}

// === impl Stream ===

impl Stream {
    /// A reader leaves. What nobody reads any more is cancelled, or finished.
    pub(crate) fn leave(self: &Arc<Self>, place: usize) {
        if let Some(live) = self.as_live()
            && live.part(|log| log.leave(place))
        {
            self.abandoned(live);
        }
    }

    /// Those who had waited for the head have all got their readers.
    pub(crate) fn settled(self: &Arc<Self>) {
        if let Some(live) = self.as_live()
            && live.part(|log| log.awaited = false)
        {
            self.abandoned(live);
        }
    }

    fn abandoned(self: &Arc<Self>, live: &Live) {
        if live.common.finishes(self) {
            return;
        }
        let source = {
            let mut log = live.log.lock();
            // Somebody may have come in the meantime.
            if !log.is_abandoned() {
                return;
            }
            log.open = false;
            // An upstream may hold on to this, as what it is to wake.
            log.clear();
            live.book(&mut log);
            std::mem::replace(&mut log.source, Source::Over)
        };
        live.retire();
        drop(source);
    }
}
