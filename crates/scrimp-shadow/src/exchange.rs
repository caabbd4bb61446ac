//! One live exchange, as far as it has gone, for the tried layer.

use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, Response};
use parking_lot::Mutex;
use scrimp_core::{BodyEnd, Sink};
use tokio::time::Instant;

use crate::{ahead::Seen, stats::Counters};

/// Error of a call of the tried layer that has no live response: the live call failed or was given up, or
/// none fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAnswer(pub(crate) &'static str);

const BROKEN: NoAnswer = NoAnswer("the live response broke off");

/// State that all exchanges of a layer share.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) counters: Counters,
    pub(crate) seen: Arc<Seen>,
    /// Bytes of bodies that wait to be read.
    held: AtomicUsize,
    most: usize,
}

/// One live exchange. Its clones are the same.
#[derive(Clone)]
pub(crate) struct Exchange(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    room: Arc<Room>,
}

struct State {
    head: Head,
    /// The piece to read next. Most bodies have no more than one at a time, which needs no list.
    next: Option<Bytes>,
    /// The pieces after it.
    more: VecDeque<Bytes>,
    end: Option<End>,
    /// Time of the end, if no call had asked for the response by then.
    ended: Option<Instant>,
    waker: Option<Waker>,
}

/// The response's head, and who has it.
enum Head {
    Awaited,
    /// A call of the tried layer waits for it, or reads the body.
    Taken(Option<Result<Response<()>, NoAnswer>>),
    /// It is there, and no call has asked for it.
    Here(Result<Response<()>, NoAnswer>),
    /// No call will ask for it any more.
    Unwanted,
}

enum End {
    Whole(Option<HeaderMap>),
    Broken,
}

/// The piece of a body that comes next.
pub(crate) enum Piece {
    Chunk(Bytes),
    Trailers(HeaderMap),
}

/// The side of the live call. An exchange whose live side is dropped has failed.
pub(crate) struct Live(Option<Exchange>);

/// The right of a tried layer's request, and of its copies, to one live response. Once the last copy is
/// dropped, what no call has taken is not kept.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    wanting: Arc<Wanting>,
    /// Time at which the layer was shown the request.
    pub(crate) begun: Instant,
}

/// The right that a ticket is made of, in the task: a live request does not wait for that.
#[derive(Debug)]
pub(crate) struct Wanting(Exchange);

// === impl Room ===

impl Room {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            counters: Counters::default(),
            seen: Arc::default(),
            held: AtomicUsize::new(0),
            most,
        }
    }

    fn hold(&self, bytes: usize) -> bool {
        let sum = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= self.most);
        self.held.fetch_update(Relaxed, Relaxed, sum).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Relaxed);
    }
}

// === impl Exchange ===

impl Exchange {
    /// Begins an exchange.
    pub(crate) fn begin(room: Arc<Room>) -> (Live, Wanting) {
        let state = Mutex::new(State {
            head: Head::Awaited,
            next: None,
            more: VecDeque::new(),
            end: None,
            ended: None,
            waker: None,
        });
        let exchange = Self(Arc::new(Inner { state, room }));
        (Live(Some(exchange.clone())), Wanting(exchange))
    }

    /// Polls for the head, for the call that has taken it.
    pub(crate) fn poll_head(&self, cx: &Context<'_>) -> Poll<Result<Response<()>, NoAnswer>> {
        let mut state = self.0.state.lock();
        if let Head::Taken(head) = &mut state.head
            && let Some(head) = head.take()
        {
            return Poll::Ready(head);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Polls for the next piece of the body, for the call that has taken it.
    pub(crate) fn poll_piece(&self, cx: &Context<'_>) -> Poll<Option<Result<Piece, NoAnswer>>> {
        let mut state = self.0.state.lock();
        if let Some(chunk) = state.pop() {
            self.0.room.give_back(chunk.len());
            return Poll::Ready(Some(Ok(Piece::Chunk(chunk))));
        }
        match &mut state.end {
            Some(End::Whole(trailers)) => {
                let trailers = trailers.take();
                Poll::Ready(trailers.map(|trailers| Ok(Piece::Trailers(trailers))))
            }
            Some(End::Broken) => Poll::Ready(Some(Err(BROKEN))),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Polls for the whole response, for a call that has taken it and reads nothing before.
    pub(crate) fn poll_whole(&self, cx: &Context<'_>) -> Poll<Result<Response<Bytes>, NoAnswer>> {
        let mut state = self.0.state.lock();
        if state.end.is_some()
            && let Head::Taken(head) = &mut state.head
            && let Some(head) = head.take()
        {
            let chunks: Vec<Bytes> = std::iter::from_fn(|| state.pop()).collect();
            self.0.room.give_back(chunks.iter().map(Bytes::len).sum());
            if let (Ok(_), Some(End::Broken)) = (&head, &state.end) {
                return Poll::Ready(Err(BROKEN));
            }
            let body = match <[Bytes; 1]>::try_from(chunks) {
                Ok([one]) => one,
                Err(several) => several.concat().into(),
            };
            return Poll::Ready(head.map(|head| head.map(|()| body)));
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Returns the time of the end, if it came before a call asked for the response.
    pub(crate) fn ended(&self) -> Option<Instant> {
        self.0.state.lock().ended
    }

    /// Reports whether the body has ended, without trailers to come.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.0.state.lock();
        state.next.is_none() && matches!(state.end, Some(End::Whole(None)))
    }

    /// Stops reading: what comes is not kept.
    pub(crate) fn leave(&self) {
        let mut state = self.0.state.lock();
        state.head = Head::Unwanted;
        self.forget(&mut state);
    }

    fn forget(&self, state: &mut State) {
        while let Some(chunk) = state.pop() {
            self.0.room.give_back(chunk.len());
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let waker = {
            let mut state = self.0.state.lock();
            change(&mut state);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Shows the response's head, or that there is none.
    fn show(&self, head: Result<Response<()>, NoAnswer>) {
        self.change(|state| match &state.head {
            Head::Awaited => state.head = Head::Here(head),
            Head::Taken(None) => state.head = Head::Taken(Some(head)),
            Head::Taken(Some(_)) | Head::Here(_) | Head::Unwanted => {}
        });
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange")
    }
}

// === impl State ===

impl State {
    /// Ends the body, unless it was cut before.
    fn finish(&mut self, end: End) {
        if self.end.is_some() {
            return;
        }
        self.end = Some(end);
        // A call that is made later takes as long. Others see the end themselves.
        if matches!(self.head, Head::Here(_)) {
            self.ended = Some(Instant::now());
        }
    }

    fn push(&mut self, chunk: Bytes) {
        match &self.next {
            None => self.next = Some(chunk),
            Some(_) => self.more.push_back(chunk),
        }
    }

    fn pop(&mut self) -> Option<Bytes> {
        let next = self.more.pop_front();
        std::mem::replace(&mut self.next, next)
    }
}

// === impl Live ===

impl Live {
    /// Shows the response's head. The body follows, through [`Sink`].
    pub(crate) fn head(&self, head: Response<()>) {
        if let Some(exchange) = &self.0 {
            exchange.show(Ok(head));
        }
    }

    /// Reports whether the tried layer may still want the response.
    pub(crate) fn is_wanted(&self) -> bool {
        let unwanted = |exchange: &Exchange| {
            let state = exchange.0.state.lock();
            matches!(state.head, Head::Unwanted)
        };
        !self.0.as_ref().is_none_or(unwanted)
    }

    /// Ends the exchange: there is no response.
    pub(crate) fn fail(&self, why: &'static str) {
        if let Some(exchange) = &self.0 {
            exchange.show(Err(NoAnswer(why)));
        }
    }
}

impl Sink for Live {
    fn data(&mut self, chunk: &Bytes) {
        let Some(exchange) = &self.0 else { return };
        let room = &exchange.0.room;
        let mut cut = false;
        exchange.change(|state| {
            if matches!(state.head, Head::Unwanted) || state.end.is_some() {
                return;
            }
            match room.hold(chunk.len()) {
                true => state.push(chunk.clone()),
                false => {
                    state.finish(End::Broken);
                    cut = true;
                }
            }
        });
        if cut {
            room.counters.cut.increment();
        }
    }

    fn end(mut self, end: BodyEnd) {
        let Some(exchange) = self.0.take() else {
            return;
        };
        exchange.change(|state| {
            state.finish(match end {
                BodyEnd::Complete => End::Whole(None),
                BodyEnd::Trailers(trailers) => End::Whole(Some(trailers)),
                BodyEnd::Failed | BodyEnd::Dropped => End::Broken,
            });
        });
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(exchange) = self.0.take() {
            exchange.show(Err(NoAnswer("the live call was given up")));
            exchange.change(|state| state.finish(End::Broken));
        }
    }
}

// === impl Ticket ===

impl Ticket {
    pub(crate) fn new(wanting: Wanting) -> Self {
        Self {
            wanting: Arc::new(wanting),
            begun: Instant::now(),
        }
    }

    /// Takes the response for a call. `None` if another call has it.
    pub(crate) fn take(&self) -> Option<Exchange> {
        let exchange = &self.wanting.0;
        let mut state = exchange.0.state.lock();
        match std::mem::replace(&mut state.head, Head::Taken(None)) {
            Head::Awaited => Some(exchange.clone()),
            Head::Here(head) => {
                state.head = Head::Taken(Some(head));
                Some(exchange.clone())
            }
            other => {
                state.head = other;
                None
            }
        }
    }
}

impl Drop for Wanting {
    fn drop(&mut self) {
        let mut state = self.0.0.state.lock();
        if !matches!(state.head, Head::Taken(_)) {
            state.head = Head::Unwanted;
            self.0.forget(&mut state);
        }
    }
}

// === impl NoAnswer ===

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no live response for the tried layer: {}", self.0)
    }
}

impl Error for NoAnswer {}
