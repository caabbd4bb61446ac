//! Reading a body that comes in, and adding to its log.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures_task::{ArcWake, waker_ref};
use http_body::{Body, Frame};
use scrimp_core::SharedError;

use crate::{
    begun::is_as_long_as_announced,
    live::{BoxBody, Live},
    log::{End, Room, Source},
    stream::Stream,
    window::Kept,
};

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

/// A body out of its log. Lost in a panic, it leaves a failed log behind.
struct Carried<'a> {
    stream: &'a Arc<Stream>,
    live: &'a Live,
    body: Option<BoxBody>,
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
        let waker = waker_ref(self);
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
            let mut log = live.log.lock();
            log.kept = true;
            live.book(&mut log);
        }
        live.retire();
    }
}

impl ArcWake for Stream {
    fn wake_by_ref(stream: &Arc<Self>) {
        let Some(live) = stream.as_live() else { return };
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
