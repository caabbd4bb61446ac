//! What lies in a flight: a call of any type, and whose it is what it brings.

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

/// What is known of a call before it begins.
pub(crate) struct Terms {
    pub(crate) common: Arc<Common>,
    /// The type of the service's error, which is what can be shared.
    pub(crate) error: TypeId,
    pub(crate) born: Birth,
}

/// Before what a call began: its answer may not know of what came later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Birth {
    /// The layer's own count of writes.
    pub(crate) writes: u64,
    /// The position of a cache outside.
    pub(crate) since: Option<Since>,
}

/// A call whose types only its maker has to know. Once its answer is there and to be shared, it
/// is that answer's body.
pub(crate) struct BoxCall(pub(crate) Pin<Box<dyn Exchange>>);

/// Calls lost in panics, after which the layer answers in place of another attempt.
const MAX_PANICS: u32 = 3;

/// An [`UpstreamCall`](crate::call::UpstreamCall) of any type.
pub(crate) trait Exchange: Send {
    /// Goes on until it is known what has come.
    fn poll_head(self: Pin<&mut Self>, flight: &Flight<BoxCall>, cx: &mut Context<'_>) -> Poll<()>;

    /// Tells whose it is. `lone`: one caller is there to have it.
    fn arrived(self: Pin<&mut Self>, lone: bool) -> Arrived;

    /// Puts all there is into an `Option<Answered<B, E>>`.
    fn own(self: Pin<&mut Self>, place: &mut dyn Any);

    /// Reads on in a body that is shared.
    fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(Bytes, Option<End>)>;
}

/// What a call has brought, and whose it is.
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for a moment, and on the stack"
)]
pub(crate) enum Arrived {
    /// It is one caller's alone.
    Own(Others),
    /// It is complete, and for all.
    Shared(Load),
    /// It is for all, and its body comes in through the call.
    Live(Arriving),
}

/// An answer whose body has yet to come.
pub(crate) struct Arriving {
    pub(crate) head: Parts,
    pub(crate) prefix: Prefix,
    pub(crate) fields: Option<Box<HeaderMap>>,
    /// How long it may be reused once it is complete.
    pub(crate) window: Option<Duration>,
}

// === impl Arriving ===

impl Arriving {
    pub(crate) fn is_whole(&self) -> bool {
        self.prefix.end.is_some()
    }

    /// Returns how long it may be reused from now on, if all of it is here.
    pub(crate) fn is_kept(&self, keep: bool) -> Option<Duration> {
        self.window
            .filter(|_| keep && self.prefix.is_sound(&self.head.headers))
    }

    /// Returns the answer, if all of it is here.
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
