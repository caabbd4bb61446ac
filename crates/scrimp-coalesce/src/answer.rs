//! What a call comes back with, and who gets what of it.

use std::{
    any::{Any, TypeId},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use scrimp_core::{ShareError, extensions::Since};

use crate::{
    call::Exchange,
    common::Common,
    config::Abandoned,
    flight::{Arrival, Cargo, Flight, Landing, Member, Others},
    reader,
    stream::{Source, Stream},
    table::Table,
    window::Kept,
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

/// What a call comes back with. The rest of it lies in the call.
pub(crate) enum Arrived {
    /// An answer that may be shared: the `whole` of it, or it comes in still.
    Answer {
        whole: bool,
        window: Option<Duration>,
    },
    /// It is in the window already.
    Kept(Load),
    /// An error, which has to be shared if there is somebody to share it with.
    Failed,
    /// It is one caller's alone.
    Own(Others),
}

/// What is given to many.
#[derive(Clone)]
pub(crate) enum Load {
    Answer(Arc<Stream>),
    Error(Failure),
}

/// One caller's copy.
pub(crate) enum Copied {
    Answer(Arc<Stream>, Source),
    Error(Failure),
}

/// Some error's shared form.
pub(crate) type Failure = Arc<dyn Any + Send + Sync>;

/// Calls lost in panics, after which the layer answers in place of another attempt.
const MOST_PANICS: u32 = 3;

// === impl Arrived ===

impl Arrival for Arrived {
    type Terms = Terms;
    type Call = Pin<Box<dyn Exchange>>;
    type Cargo = Load;
    type Own = Self::Call;

    fn table(terms: &Terms) -> &Table<Self> {
        &terms.common.table
    }

    fn poll(call: &mut Self::Call, flight: &Flight<Self>, cx: &mut Context<'_>) -> Poll<Self> {
        call.as_mut().poll_arrival(flight, cx)
    }

    fn land(
        self,
        mut call: Self::Call,
        lone: bool,
        flight: &Arc<Flight<Self>>,
    ) -> (Landing<Self>, Option<Self::Call>) {
        let (others, cargo) = match self {
            Self::Own(others) => (others, None),
            Self::Failed | Self::Answer { whole: true, .. } if lone => (Others::Again, None),
            Self::Kept(cargo) => (Others::Broken, Some(cargo)),
            Self::Failed => (Others::Broken, call.as_mut().failure().map(Load::Error)),
            Self::Answer { whole: true, .. } => {
                let stream = call.as_mut().answer().and_then(Stream::whole);
                (Others::Broken, stream.map(Load::Answer))
            }
            Self::Answer { window, .. } => match call.as_mut().answer() {
                Some(answer) => {
                    let cargo = Load::Answer(Stream::live(answer, call, window, flight));
                    return (Landing::Shared { cargo, open: true }, None);
                }
                None => (Others::Broken, None),
            },
        };
        match cargo {
            Some(cargo) => (Landing::Shared { cargo, open: false }, Some(call)),
            None => (Landing::Own { own: call, others }, None),
        }
    }

    fn most_panics(terms: &Terms) -> u32 {
        terms.common.config.attempts().max(MOST_PANICS)
    }

    fn finish(terms: &Terms) -> Option<fn(Member<Self>)> {
        match terms.common.config.abandoned {
            Abandoned::Cancel => None,
            Abandoned::Finish => Some(reader::finish_call),
        }
    }
}

// === impl Flight ===

impl Flight<Arrived> {
    /// Puts its result into the window.
    pub(crate) fn keep(&self, kept: Kept) {
        let Terms { common, born, .. } = &self.terms;
        common.keep(&self.key, *born, kept);
    }
}

// === impl Load ===

impl Cargo for Load {
    type Copy = Copied;

    fn copy(&self) -> Option<Copied> {
        Some(match self {
            Self::Answer(stream) => Copied::Answer(Arc::clone(stream), stream.open()?),
            Self::Error(error) => Copied::Error(Arc::clone(error)),
        })
    }

    fn is_final(&self) -> bool {
        match self {
            Self::Answer(stream) => stream.is_whole(),
            Self::Error(_) => true,
        }
    }

    fn settled(&self) {
        if let Self::Answer(stream) = self {
            stream.settled();
        }
    }
}

/// The shared form of an error, as one caller's own.
pub(crate) fn unshare<E: ShareError>(error: &Failure) -> Option<E> {
    error.downcast_ref::<E::Shared>().cloned().map(E::unshare)
}
