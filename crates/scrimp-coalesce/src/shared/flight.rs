//! The call inside a flight, with its types erased, and the receivers of its result.

use std::{
    any::{Any, TypeId},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, response::Parts};
use scrimp_core::extensions::Since;
use scrimp_flight::single_flight::{Call, Flight, FlightTable, Member, Others, Resolution};

use crate::{
    config::Abandoned,
    shared::answer::{Answer, Content, Load},
    shared::common::Common,
    shared::live::{self, LiveBody},
    shared::prefix::Prefix,
    shared::whole::End,
};

/// Properties of a call that are known before it begins.
pub(crate) struct Terms {
    pub(crate) common: Arc<Common>,
    /// The type of the service's error. Callers share a call only if it is the same.
    pub(crate) error: TypeId,
    pub(crate) born: Birth,
}

/// Position at which a call began. Its response may not reflect later writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Birth {
    /// The layer's own count of writes.
    pub(crate) writes: u64,
    /// The position of a cache outside.
    pub(crate) since: Option<Since>,
}

/// A call with its types erased. After a shareable head has arrived, it is the source of the
/// body.
pub(crate) struct BoxCall(pub(crate) Pin<Box<dyn Exchange>>);

/// Number of panics after which the layer returns a 502 in place of another attempt.
const MAX_PANICS: u32 = 3;

/// An [`UpstreamCall`](crate::call::UpstreamCall) of any type.
pub(crate) trait Exchange: Send {
    /// Polls the call until its head or its error has arrived.
    fn poll_head(self: Pin<&mut Self>, flight: &Flight<BoxCall>, cx: &mut Context<'_>) -> Poll<()>;

    /// Returns the result and its receivers. `lone` says that only one caller waits.
    fn arrived(self: Pin<&mut Self>, lone: bool) -> Arrived;

    /// Puts the whole result into an `Option<Answered<B, E>>`.
    fn own(self: Pin<&mut Self>, place: &mut dyn Any);

    /// Polls a shared body for its next chunk.
    fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(Bytes, Option<End>)>;
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

/// A response whose body may still arrive.
pub(crate) struct Arriving {
    pub(crate) head: Parts,
    pub(crate) prefix: Prefix,
    pub(crate) fields: Option<Box<HeaderMap>>,
    /// Time for which the response may be reused once it is complete.
    pub(crate) window: Option<Duration>,
}

// === impl Arriving ===

impl Arriving {
    pub(crate) fn is_whole(&self) -> bool {
        self.prefix.end.is_some()
    }

    /// Returns the time for which a complete response may be reused from now on.
    pub(crate) fn is_kept(&self, keep: bool) -> Option<Duration> {
        self.window
            .filter(|_| keep && self.prefix.is_sound(&self.head.headers))
    }

    /// Returns the response, if it is complete.
    pub(crate) fn whole(mut self) -> Option<Arc<Answer>> {
        let content = Content::Whole(self.prefix.whole()?);
        Some(Answer::new(self.head, self.fields, content))
    }
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
            Arrived::Live(mut arriving) => {
                let content = LiveBody::content(&mut arriving, self, flight);
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
            Abandoned::Finish => Some(live::finish_call),
        }
    }
}
