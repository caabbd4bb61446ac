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
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use scrimp_core::{BoxError, SharedError};

use crate::{
    answer::Arrived,
    begun::{Begun, is_as_long_as_announced},
    common::Common,
    flight::Flight,
    log::{End, Log, Room, Source},
    reader::Spare,
    stream::Stream,
    sync::Mutex,
    window::Kept,
};

/// A body whose type nobody has to know.
pub(crate) type BoxBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// The body of a [`Stream`] that was not all there with its head.
pub(crate) struct Live {
    common: Arc<Common>,
    pub(crate) hint: SizeHint,
    /// How long it may be given again once it is complete.
    window: Option<Duration>,
    log: Mutex<Log>,
    flight: Weak<Flight<Arrived>>,
    /// Calls that readers who fall behind may make. Any of them will do: they are equal.
    spares: Mutex<Vec<Spare>>,
}

/// Why a reader got no frame.
pub(crate) enum Stop {
    /// It has all there is.
    End,
    Failed(SharedError),
    /// It fell too far behind.
    CutOff,
}

/// What a reader gets when it asks.
pub(crate) enum Progress {
    Ready(Next),
    Pending,
    /// It is ahead of others, who are given so much time to read on.
    Full(Duration),
}

/// A chunk, trailers, or why there are none.
pub(crate) type Next = Result<Frame<Bytes>, Stop>;

// === impl Live ===

impl Live {
    pub(crate) fn new(
        begun: Begun,
        body: BoxBody,
        window: Option<Duration>,
        flight: &Arc<Flight<Arrived>>,
    ) -> Self {
        let common = Arc::clone(&flight.terms.common);
        let hint = begun.hint.clone();
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
    fn limit(&self) -> usize {
        self.common.budget.limit(self.common.config.max_bytes)
    }

    fn book(&self, log: &mut Log) {
        self.common.budget.book(&mut log.booked, log.held);
    }

    /// Late comers find it no more.
    fn retire(&self) {
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
    /// The next frame for the reader in `place`.
    pub(crate) fn poll(self: &Arc<Self>, place: usize, cx: &Context<'_>) -> Progress {
        let Some(live) = self.as_live() else {
            return Progress::Ready(Err(Stop::End));
        };
        loop {
            let mut log = live.log.lock();
            if let Some(next) = log.next(place) {
                let relieved = log.relieved(live.limit());
                live.book(&mut log);
                drop(log);
                relieved.into_iter().for_each(Waker::wake);
                return Progress::Ready(next);
            }
            let room = log.room(live.limit(), live.common.config.patience);
            live.book(&mut log);
            if let Room::Wait(time) = room {
                log.wait(place, cx.waker());
                return Progress::Full(time);
            }
            let Some(body) = log.take_body() else {
                log.wait(place, cx.waker());
                return Progress::Pending;
            };
            drop(log);
            if self.carry(live, body, place, cx).is_pending() {
                return Progress::Pending;
            }
        }
    }

    /// Polls the body, and adds what it gives to the log.
    fn carry(
        self: &Arc<Self>,
        live: &Live,
        body: BoxBody,
        place: usize,
        cx: &Context<'_>,
    ) -> Poll<()> {
        let mut carried = Carried {
            stream: self,
            live,
            body: Some(body),
        };
        let waker = Waker::from(Arc::clone(self));
        let mut inner = Context::from_waker(&waker);
        let Some(body) = carried.body.as_mut() else {
            // It was put there above.
            return Poll::Ready(());
        };
        let polled = body.as_mut().poll_frame(&mut inner);
        let over = body.is_end_stream();
        match polled {
            Poll::Pending => {
                carried.give_back(Some((place, cx.waker())));
                Poll::Pending
            }
            Poll::Ready(Some(Ok(frame))) => {
                match frame.into_data() {
                    Ok(chunk) => carried.append(chunk, over),
                    Err(frame) => carried.end(End::trailers(frame.into_trailers().ok())),
                }
                Poll::Ready(())
            }
            Poll::Ready(Some(Err(error))) => {
                carried.end(End::Failed(SharedError::new(error)));
                Poll::Ready(())
            }
            Poll::Ready(None) => {
                carried.end(End::Clean);
                Poll::Ready(())
            }
        }
    }

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
            std::mem::replace(&mut log.source, Source::Over)
        };
        live.retire();
        drop(source);
    }

    /// It has ended cleanly or not: what there is to keep of it is kept before it leaves the
    /// table, so that there is no moment at which it is in neither.
    fn over(self: &Arc<Self>, live: &Live) {
        let (complete, held) = {
            let log = live.log.lock();
            (log.is_complete(), log.held)
        };
        if complete
            && let Some(time) = live.window
            && is_as_long_as_announced(&self.head.headers, held)
            && let Some(flight) = live.flight.upgrade()
        {
            flight.keep(Kept::answer(self, time));
        }
        live.retire();
    }
}

impl Wake for Stream {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let Some(live) = self.as_live() else { return };
        let waiting = {
            let mut log = live.log.lock();
            log.woken = true;
            match log.source {
                Source::Here(_) => log.waiting(),
                // Whoever polls it looks again when it is done.
                Source::Carried | Source::Over => return,
            }
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// A body out of its log. Lost in a panic, it leaves a failed log behind.
struct Carried<'a> {
    stream: &'a Arc<Stream>,
    live: &'a Live,
    body: Option<BoxBody>,
}

// === impl Carried ===

impl Carried<'_> {
    fn give_back(mut self, waiter: Option<(usize, &Waker)>) {
        let Some(body) = self.body.take() else { return };
        let mut log = self.live.log.lock();
        log.source = Source::Here(body);
        if let Some((place, waker)) = waiter {
            log.wait(place, waker);
        }
        let waiting = if log.woken { log.waiting() } else { Vec::new() };
        drop(log);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn append(self, chunk: Bytes, over: bool) {
        let closed = {
            let mut log = self.live.log.lock();
            let was_open = log.open;
            log.push(chunk);
            self.live.book(&mut log);
            log.close_from(self.live.limit());
            self.live.book(&mut log);
            // It may well have more: whoever has read this asks it again.
            log.woken = true;
            was_open && !log.open
        };
        if closed {
            self.live.retire();
        }
        if over {
            return self.end(End::Clean);
        }
        self.give_back(None);
    }

    fn end(mut self, end: End) {
        let body = self.body.take();
        self.finish(end);
        drop(body);
    }

    fn finish(&self, end: End) {
        let waiting = {
            let mut log = self.live.log.lock();
            log.source = Source::Over;
            log.end = Some(end);
            log.waiting()
        };
        self.stream.over(self.live);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Carried<'_> {
    fn drop(&mut self) {
        if self.body.is_some() {
            let error = SharedError::new("the body panicked while it was being read");
            self.finish(End::Failed(error));
        }
    }
}
