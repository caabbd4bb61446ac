//! The call inside a flight, with its types erased, and the body that arrives through it.

use std::{
    any::TypeId,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, SizeHint};
use parking_lot::Mutex;
use scrimp_core::{BoxError, SharedError};
use scrimp_flight::{
    Broadcast, MemoryBudget,
    broadcast::{Channel, Reader},
    single_flight::{Call, Flight, FlightTable, Member, Others, Outcome, Resolution},
};
use tokio::runtime::Handle;

use super::{
    Common,
    answer::{Answer, Content, Load, Owned},
    recent::Birth,
    resume::Spare,
    whole::{Arriving, End, Prefix, is_as_long_as_announced, poll_chunk},
};
use crate::config::Abandoned;

/// Number of panics after which the layer returns a 502 in place of another attempt.
const MAX_PANICS: u32 = 3;

/// Work of a task that finishes a call, in the name of its span.
pub(crate) const FINISH: &str = "coalesce.finish";

/// Properties of a call that are known before it begins.
pub(crate) struct Terms {
    pub(crate) common: Arc<Common>,
    /// The type of the service's error. Callers share a call only if it is the same.
    pub(crate) error: TypeId,
    pub(crate) born: Birth,
}

/// A call with its types erased. Once a response has arrived, it is the source of the body.
pub(crate) struct BoxCall(pub(crate) Pin<Box<dyn Exchange>>);

/// An [`UpstreamCall`](crate::call::UpstreamCall) of any type. As a body, it is the rest of its
/// response's body.
pub(crate) trait Exchange: Body<Data = Bytes, Error = BoxError> + Send {
    /// Polls the call until its head or its error has arrived.
    fn poll_head(self: Pin<&mut Self>, flight: &Flight<BoxCall>, cx: &mut Context<'_>) -> Poll<()>;

    /// Returns the result and its receivers. `lone` says that only one caller waits.
    fn arrived(self: Pin<&mut Self>, lone: bool) -> Arrived;

    /// Returns the whole result, to its only receiver.
    fn own(self: Pin<&mut Self>) -> Owned;
}

/// The result of a call, by its receivers.
#[expect(
    clippy::large_enum_variant,
    reason = "it is short-lived, and on the stack"
)]
pub(crate) enum Arrived {
    /// The result goes to one caller.
    Own(Others),
    /// The result is complete, and goes to all callers.
    Shared(Load),
    /// The response goes to all callers, and its body arrives through the call.
    Live(Arriving),
}

/// A body that several callers read. Its source is the call.
pub(crate) struct LiveBody {
    common: Arc<Common>,
    pub(super) hint: SizeHint,
    /// Time for which the response may be reused once it is complete.
    window: Option<Duration>,
    flight: Weak<Flight<BoxCall>>,
    /// Calls that slow readers may make. They are equal, so a reader takes any of them.
    spares: Mutex<Vec<Spare>>,
}

// === impl BoxCall ===

impl Call for BoxCall {
    type Terms = Terms;
    type Result = Load;
    type Own = Self;

    fn table(terms: &Terms) -> &FlightTable<Self> {
        &terms.common.table
    }

    fn poll(&mut self, flight: &Flight<Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll_head(flight, cx)
    }

    fn resolve(
        mut self,
        lone: bool,
        flight: &Arc<Flight<Self>>,
    ) -> (Resolution<Self>, Option<Self>) {
        let shared = |result, open| Resolution::Shared { result, open };
        match self.0.as_mut().arrived(lone) {
            Arrived::Own(others) => (Resolution::Own { own: self, others }, None),
            Arrived::Shared(load) => (shared(load, false), Some(self)),
            Arrived::Live(arriving) => {
                let Arriving { prefix, window, .. } = arriving;
                let content = LiveBody::content(prefix, window, self, flight);
                let answer = Answer::new(arriving.head, arriving.fields, content);
                (shared(Load::Answer(answer), true), None)
            }
        }
    }

    fn max_panics(terms: &Terms) -> u32 {
        terms.common.config.attempts().max(MAX_PANICS)
    }

    fn finish(terms: &Terms) -> Option<fn(Member<Self>)> {
        match terms.common.config.abandoned {
            Abandoned::Cancel => None,
            Abandoned::Finish => Some(finish_call),
        }
    }
}

// === impl LiveBody ===

impl LiveBody {
    /// Returns the content of a response whose body arrives through `call`.
    fn content(
        prefix: Prefix,
        window: Option<Duration>,
        call: BoxCall,
        flight: &Arc<Flight<BoxCall>>,
    ) -> Content {
        let live = Self {
            common: Arc::clone(&flight.terms().common),
            hint: prefix.hint,
            window,
            flight: Arc::downgrade(flight),
            spares: Mutex::default(),
        };
        Content::Live(Broadcast::new(live, prefix.into_chunks(), call))
    }

    pub(crate) fn add_spare(&self, spare: Spare) {
        self.spares.lock().push(spare);
    }

    /// Counts a reader that was cut off, and takes a spare call for it.
    pub(super) fn spare(&self) -> Option<Spare> {
        self.common.counters.cut_off.increment();
        tracing::debug!("a reader fell too far behind");
        let spare = self.spares.lock().pop()?;
        self.common.counters.calls.increment();
        Some(spare)
    }
}

impl Channel for LiveBody {
    type Source = BoxCall;
    type End = End;

    fn poll(call: &mut BoxCall, cx: &mut Context<'_>) -> Poll<(Bytes, Option<End>)> {
        poll_chunk(call.0.as_mut(), cx)
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
        let Some(load @ Load::Answer(answer)) = flight.result() else {
            return false;
        };
        let sound = is_as_long_as_announced(&answer.head.headers, length);
        if sound {
            live.common.keep(&flight, load.clone(), time);
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
        let started = Reader::new(broadcast)
            .is_some_and(|reader| tasks.start(FINISH, drain(reader)).is_some());
        if started {
            common.counters.finished.increment();
        }
        started
    }
}

/// Finishes a call that all callers have left, if there is a runtime.
fn finish_call(mut member: Member<BoxCall>) {
    let Some(tasks) = member.terms().common.tasks.upgrade() else {
        return;
    };
    tasks.start(FINISH, async move {
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
