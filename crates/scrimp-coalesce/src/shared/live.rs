//! A body that arrives after its head, and its readers.

use std::{
    error::Error,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use scrimp_core::{BoxError, SharedError};
use scrimp_flight::{
    Broadcast, MemoryBudget,
    broadcast::{Channel, Reader, Stop},
    single_flight::{Flight, Member, Outcome},
};
use tokio::runtime::Handle;

use crate::{
    config::Abandoned,
    shared::answer::{Answer, Content, Load},
    shared::common::Common,
    shared::flight::{Arriving, BoxCall},
    shared::prefix::is_as_long_as_announced,
    shared::resume::Resume,
    shared::whole::End,
    shared::window::Kept,
};

/// Error of a reader that was cut off while others continue: it was further behind them than
/// the bytes that the layer keeps, at most
/// [`max_bytes`](crate::CoalesceLayerBuilder::max_bytes).
#[derive(Debug)]
#[non_exhaustive]
pub struct FellBehind;

/// A body that several callers read. Its source is the call.
pub(crate) struct LiveBody {
    common: Arc<Common>,
    hint: SizeHint,
    /// Time for which the response may be reused once it is complete.
    window: Option<Duration>,
    flight: Weak<Flight<BoxCall>>,
    /// Calls that slow readers may make. They are equal, so a reader takes any of them.
    spares: Mutex<Vec<Spare>>,
}

/// A call that is made only if a reader falls behind.
pub(crate) type Spare = Box<dyn FnOnce() -> SpareCall + Send>;

pub(crate) type SpareCall =
    Pin<Box<dyn Future<Output = Result<Response<BoxBody>, BoxError>> + Send>>;

/// A body with its type erased.
pub(crate) type BoxBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// One reader of a [`LiveBody`].
pub(crate) struct LiveReader {
    reader: Reader<LiveBody>,
    answer: Arc<Answer>,
    read: u64,
    own: Option<Box<Resume>>,
}

// === impl LiveBody ===

impl LiveBody {
    /// Returns the content of a response whose body arrives through `call`.
    pub(crate) fn content(
        arriving: &mut Arriving,
        call: BoxCall,
        flight: &Arc<Flight<BoxCall>>,
    ) -> Content {
        let prefix = arriving.prefix.take();
        let live = Self {
            common: Arc::clone(&flight.terms().common),
            hint: prefix.hint,
            window: arriving.window,
            flight: Arc::downgrade(flight),
            spares: Mutex::default(),
        };
        Content::Live(Broadcast::new(live, prefix.into_chunks(), call))
    }

    pub(crate) fn add_spare(&self, spare: Spare) {
        self.spares.lock().push(spare);
    }

    /// Counts a reader that was cut off, and takes a spare call for it.
    fn spare(&self) -> Option<Spare> {
        self.common.counters.cut_off.increment();
        tracing::debug!("a reader fell too far behind");
        self.spares.lock().pop()
    }
}

impl Channel for LiveBody {
    type Source = BoxCall;
    type End = End;

    fn poll(call: &mut BoxCall, cx: &mut Context<'_>) -> Poll<(Bytes, Option<End>)> {
        call.0.as_mut().poll_body(cx)
    }

    fn lost() -> End {
        End::Failed(SharedError::new(
            "the body panicked while it was being read",
        ))
    }

    fn budget(&self) -> Option<&MemoryBudget> {
        Some(&self.common.budget)
    }

    fn max_bytes(&self) -> usize {
        self.common.config.max_bytes
    }

    fn patience(&self) -> Duration {
        self.common.config.patience
    }

    fn closed(&self) {
        if let Some(flight) = self.flight.upgrade() {
            flight.retire();
        }
    }

    fn ended(broadcast: &Arc<Broadcast<Self>>, _: &End, whole: Option<usize>) -> bool {
        let live = broadcast.channel();
        let (Some(length), Some(time)) = (whole, live.window) else {
            return false;
        };
        let Some(flight) = live.flight.upgrade() else {
            return false;
        };
        let Some(Load::Answer(answer)) = flight.result() else {
            return false;
        };
        let sound = is_as_long_as_announced(&answer.head.headers, length);
        if sound {
            live.common.keep(&flight, Kept::answer(answer, time));
        }
        sound
    }

    fn abandoned(broadcast: &Arc<Broadcast<Self>>) -> bool {
        let common = &broadcast.channel().common;
        if common.config.abandoned == Abandoned::Cancel || Handle::try_current().is_err() {
            return false;
        }
        // A dropped reader calls this function again, so the tasks are checked first.
        let Some(tasks) = common.tasks.upgrade() else {
            return false;
        };
        let started =
            Reader::new(broadcast).is_some_and(|reader| tasks.start(drain(reader)).is_some());
        if started {
            common.counters.finished.increment();
        }
        started
    }
}

/// Finishes a call that all callers have left, if there is a runtime.
pub(crate) fn finish_call(mut member: Member<BoxCall>) {
    let Some(tasks) = member.terms().common.tasks.upgrade() else {
        return;
    };
    tasks.start(async move {
        let outcome = poll_fn(|cx| member.poll(cx)).await;
        let (Outcome::Shared, Some(Load::Answer(answer))) = (outcome, member.result()) else {
            return;
        };
        member.terms().common.counters.finished.increment();
        let reader = answer.live().and_then(Reader::new);
        drop(member);
        if let Some(reader) = reader {
            drain(reader).await;
        }
    });
}

async fn drain(mut reader: Reader<LiveBody>) {
    while poll_fn(|cx| reader.poll(cx)).await.is_ok() {}
}

// === impl LiveReader ===

impl LiveReader {
    /// Returns a reader at the first byte, or `None` if that byte was dropped.
    pub(crate) fn new(answer: &Arc<Answer>, live: &Arc<Broadcast<LiveBody>>) -> Option<Self> {
        Some(Self {
            reader: Reader::new(live)?,
            answer: Arc::clone(answer),
            read: 0,
            own: None,
        })
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(own) = &mut self.own {
            return own.poll_frame(cx);
        }
        Poll::Ready(match ready!(self.reader.poll(cx)) {
            Ok(chunk) => {
                self.read += chunk.len() as u64;
                Some(Ok(Frame::data(chunk)))
            }
            Err(Stop::Over) => None,
            Err(Stop::End(end)) => end.frame(),
            Err(Stop::CutOff) => {
                let spare = self.reader.broadcast().channel().spare();
                let own = Resume::new(spare, &self.answer.head, self.read);
                return self.own.insert(Box::new(own)).poll_frame(cx);
            }
        })
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        match &self.own {
            Some(own) => own.is_end_stream(),
            None => self.reader.is_over(),
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        let whole = &self.reader.broadcast().channel().hint;
        let mut left = SizeHint::new();
        if let Some(upper) = whole.upper() {
            left.set_upper(upper.saturating_sub(self.read));
        }
        left.set_lower(whole.lower().saturating_sub(self.read));
        left
    }
}

// === impl FellBehind ===

impl fmt::Display for FellBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this reader fell too far behind the others of a shared response")
    }
}

impl Error for FellBehind {}
