//! One body that many read: an append-only log of its chunks.
//!
//! Nobody owns the body either. A reader that has read the log to its end polls the body,
//! unless another one does or there has been no wake since it was last polled. A wake goes to
//! all that wait, as what it brings is for all of them; so a reader that stops reading holds
//! nobody up.
//!
//! While the stream is open, its log reaches back to the first byte and late comers may read
//! it. It closes when the body ends, or when the log would outgrow its limit; from then on
//! it forgets what all have read. Readers further behind than the limit are waited for, for a
//! short time once in their lives, and then cut off.

use std::{
    pin::Pin,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, response::Parts};
use http_body::{Body, Frame, SizeHint};
use scrimp_core::{
    BoxError, SharedError,
    extensions::{Charge, SharedAnswer},
};
use smallvec::SmallVec;

use crate::{
    answer::{Arrived, is_as_long_as_announced},
    config::Common,
    flight::Flight,
    judge::varying,
    log::{End, Log, Room, Source},
    reader::Spare,
    sync::Mutex,
    window::Kept,
};

/// A body whose type nobody has to know.
pub(crate) type BoxBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// The first chunks of a body. Most have one.
pub(crate) type Chunks = SmallVec<[Bytes; 2]>;

/// What has come of a body by the time its head is handed over.
pub(crate) struct Begun {
    pub(crate) chunks: Chunks,
    pub(crate) end: Option<End>,
    /// `None` once it has ended.
    pub(crate) body: Option<BoxBody>,
    /// What the body said of its length before it was polled.
    pub(crate) hint: SizeHint,
}

/// For whom else an answer is.
pub(crate) struct Selected {
    /// How long it may be given again once it is complete.
    pub(crate) window: Option<Duration>,
    /// The fields of the request it was made for, if Vary has to be compared with them.
    pub(crate) fields: Option<HeaderMap>,
}

/// A head, and a body that is read by many.
pub(crate) struct Stream {
    pub(crate) head: Parts,
    pub(crate) hint: SizeHint,
    /// The head's fields as those get them who joined.
    joined: OnceLock<HeaderMap>,
    selected: Selected,
    common: Arc<Common>,
    log: Mutex<Log>,
    flight: Weak<Flight<Arrived>>,
    /// Calls that readers who fall behind may make. Any of them will do: they are equal.
    spares: Mutex<Vec<Spare>>,
    keeper: AtomicBool,
    committed: AtomicBool,
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

// === impl Stream ===

impl Stream {
    pub(crate) fn new(
        common: &Arc<Common>,
        head: Parts,
        begun: Begun,
        selected: Selected,
        flight: Weak<Flight<Arrived>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            head,
            joined: OnceLock::new(),
            hint: begun.hint,
            selected,
            common: Arc::clone(common),
            log: Mutex::new(Log::new(
                begun.chunks.into_iter().collect(),
                begun.end,
                begun.body,
            )),
            flight,
            spares: Mutex::default(),
            keeper: AtomicBool::new(false),
            committed: AtomicBool::new(false),
        })
    }

    /// The head's fields with this member of Cache-Status: made once, and copied for each who
    /// joined, as a map that has to grow for a field is dear.
    pub(crate) fn joined(&self, status: &HeaderValue) -> HeaderMap {
        let label = || {
            let mut fields = self.head.headers.clone();
            fields.append(HeaderName::from_static("cache-status"), status.clone());
            fields
        };
        self.joined.get_or_init(label).clone()
    }

    /// Takes a place at the first byte, if it is still there.
    pub(crate) fn enter(&self) -> Option<usize> {
        self.log.lock().enter()
    }

    /// Whether the reader in `place` has read everything.
    pub(crate) fn is_over(&self, place: usize) -> bool {
        self.log.lock().is_over(place)
    }

    /// Whether it has come in whole, and is all here.
    pub(crate) fn is_complete(&self) -> bool {
        self.log.lock().is_complete()
    }

    /// What the call cost, if the upstream says so.
    pub(crate) fn charge(&self) -> Option<Charge> {
        self.head.extensions.get().copied()
    }

    /// Bytes that are held, roughly.
    pub(crate) fn weight(&self) -> usize {
        let fields = self.head.headers.iter();
        let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + 32);
        self.log.lock().held + fields.sum::<usize>()
    }

    /// The next frame for the reader in `place`.
    pub(crate) fn poll(self: &Arc<Self>, place: usize, cx: &Context<'_>) -> Progress {
        let config = &self.common.config;
        loop {
            let mut log = self.log.lock();
            if let Some(next) = log.next(place) {
                let relieved = log.relieved(config.max_bytes);
                drop(log);
                relieved.into_iter().for_each(Waker::wake);
                return Progress::Ready(next);
            }
            if let Room::Wait(time) = log.room(config.max_bytes, config.patience) {
                log.wait(place, cx.waker());
                return Progress::Full(time);
            }
            let Some(body) = log.take_body() else {
                log.wait(place, cx.waker());
                return Progress::Pending;
            };
            drop(log);
            if self.carry(body, place, cx).is_pending() {
                return Progress::Pending;
            }
        }
    }

    /// Polls the body, and adds what it gives to the log.
    fn carry(self: &Arc<Self>, body: BoxBody, place: usize, cx: &Context<'_>) -> Poll<()> {
        let mut carried = Carried {
            stream: self,
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
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        carried.end(End::Trailers(trailers));
                    }
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

    /// Whether it answers a request with these fields (RFC 9111 §4.1), by every byte of them.
    pub(crate) fn answers(&self, fields: &HeaderMap) -> bool {
        let Some(own) = &self.selected.fields else {
            return true;
        };
        varying(&self.head.headers)
            .all(|name| fields.get_all(&name).iter().eq(own.get_all(&name).iter()))
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

    /// A reader leaves. What nobody reads any more is cancelled, or finished.
    pub(crate) fn leave(self: &Arc<Self>, place: usize) {
        let (abandoned, relieved) = {
            let mut log = self.log.lock();
            log.leave(place);
            let relieved = log.relieved(self.common.config.max_bytes);
            (log.is_abandoned(), relieved)
        };
        relieved.into_iter().for_each(Waker::wake);
        if abandoned {
            self.abandoned();
        }
    }

    /// Those who had waited for the head have all got their readers.
    pub(crate) fn settled(self: &Arc<Self>) {
        let (abandoned, relieved) = {
            let mut log = self.log.lock();
            log.awaited = false;
            let relieved = log.relieved(self.common.config.max_bytes);
            (log.is_abandoned(), relieved)
        };
        relieved.into_iter().for_each(Waker::wake);
        if abandoned {
            self.abandoned();
        }
    }

    fn abandoned(self: &Arc<Self>) {
        if self.common.finishes(self) {
            return;
        }
        let source = {
            let mut log = self.log.lock();
            // Somebody may have come in the meantime.
            if !log.is_abandoned() {
                return;
            }
            log.open = false;
            std::mem::replace(&mut log.source, Source::Over)
        };
        self.retire();
        drop(source);
    }

    /// Late comers find it no more.
    fn retire(&self) {
        if let Some(flight) = self.flight.upgrade() {
            flight.retire();
        }
    }

    /// It has ended cleanly or not: what there is to keep of it is kept before it leaves the
    /// table, so that there is no moment at which it is in neither.
    fn over(self: &Arc<Self>) {
        if self.is_complete()
            && is_as_long_as_announced(&self.head.headers, self.log.lock().held)
            && let Some(flight) = self.flight.upgrade()
        {
            let kept = self.selected.window.map(|time| Kept::answer(self, time));
            self.common.keep(&flight.key, flight.terms.born, kept);
        }
        self.retire();
    }
}

impl Wake for Stream {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waiting = {
            let mut log = self.log.lock();
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

impl SharedAnswer for Stream {
    fn keep(&self) -> bool {
        !self.keeper.swap(true, Relaxed)
    }

    fn commit(&self) -> bool {
        !self.committed.swap(true, Relaxed)
    }

    fn is_committed(&self) -> bool {
        self.committed.load(Relaxed)
    }

    fn chunks(&self) -> Option<Vec<Bytes>> {
        let log = self.log.lock();
        log.is_complete()
            .then(|| log.chunks.iter().cloned().collect())
    }
}

/// A body out of its log. Lost in a panic, it leaves a failed log behind.
struct Carried<'a> {
    stream: &'a Arc<Stream>,
    body: Option<BoxBody>,
}

// === impl Carried ===

impl Carried<'_> {
    fn give_back(mut self, waiter: Option<(usize, &Waker)>) {
        let Some(body) = self.body.take() else { return };
        let mut log = self.stream.log.lock();
        log.source = Source::Here(body);
        if let Some((place, waker)) = waiter {
            log.wait(place, waker);
        }
        let waiting = if log.woken { log.waiting() } else { Vec::new() };
        drop(log);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn append(self, chunk: Bytes, over: bool) {
        let limit = self.stream.common.config.max_bytes;
        let closed = {
            let mut log = self.stream.log.lock();
            let was_open = log.open;
            log.append(chunk, limit);
            // It may well have more: whoever has read this asks it again.
            log.woken = true;
            was_open && !log.open
        };
        if closed {
            self.stream.retire();
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
            let mut log = self.stream.log.lock();
            log.source = Source::Over;
            log.end = Some(end);
            log.waiting()
        };
        self.stream.over();
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
