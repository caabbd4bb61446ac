//! One caller that does something, and others that wait for what it says.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use scrimp_core::KeyRef;
use tokio::time::Instant;

use super::{
    flight::{Call, Flight, Outcome, Resolution, SharedResult},
    member::Member,
    table::{Admission, FlightTable, Request},
};

/// Lets one caller of a key do something, while the others wait for what it says.
///
/// What it does is its own matter: the gate neither polls nor drops it. A caller whose turn it
/// is holds a [`Lead`]. If that is dropped without a result, one of those who wait takes its
/// turn. A caller that waits may leave at any time.
pub struct Gate<R: Clone + Send + Sync + 'static> {
    table: Arc<FlightTable<ByHand<R>>>,
}

/// What a caller finds at a [`Gate`].
#[derive(Debug)]
pub enum Entry<R: Clone + Send + Sync + 'static> {
    /// It is its turn.
    Lead(Lead<R>),
    /// It is another's.
    Wait(Wait<R>),
}

/// What comes of waiting at a [`Gate`].
#[derive(Debug)]
pub enum Turn<R: Clone + Send + Sync + 'static> {
    /// It is its turn.
    Lead(Lead<R>),
    /// It is another's, which said this.
    Result(R),
}

/// Held by the caller whose turn it is. Dropped without a [result](Self::end), it is the turn
/// of another that waits.
pub struct Lead<R: Clone + Send + Sync + 'static>(Member<ByHand<R>>);

/// Waits at a [`Gate`].
#[must_use = "futures do nothing unless polled"]
pub struct Wait<R: Clone + Send + Sync + 'static>(Option<Member<ByHand<R>>>);

/// A call that its leader makes outside of the flight: it is never launched.
struct ByHand<R>(Infallible, PhantomData<fn() -> R>);

/// What it has said.
struct Said<R>(R);

// === impl Gate ===

impl<R: Clone + Send + Sync + 'static> Gate<R> {
    /// Returns a gate at which no caller is.
    #[must_use]
    pub fn new() -> Self {
        Self {
            table: Arc::new(FlightTable::new(usize::MAX)),
        }
    }

    /// Comes to the gate. It is the turn of the first one.
    #[must_use]
    pub fn enter(&self, key: KeyRef<'_>) -> Entry<R> {
        match self.admit(key, usize::MAX) {
            Admission::Member { member, .. } if member.attempt() > 0 => Entry::Lead(Lead(member)),
            Admission::Member { member, .. } => Entry::Wait(Wait(Some(member))),
            _ => unreachable!("it is retired before it lands, and there are no limits"),
        }
    }

    /// Comes to the gate if it is another's turn.
    #[must_use]
    pub fn join(&self, key: KeyRef<'_>) -> Option<Wait<R>> {
        match self.table.join(&request(key, usize::MAX))? {
            Admission::Member { member, .. } => Some(Wait(Some(member))),
            _ => None,
        }
    }

    /// Takes the turn if it is no other's, without waiting.
    #[must_use]
    pub fn take(&self, key: KeyRef<'_>) -> Option<Lead<R>> {
        match self.admit(key, 1) {
            Admission::Member { member, .. } => Some(Lead(member)),
            _ => None,
        }
    }

    fn admit(&self, key: KeyRef<'_>, max_members: usize) -> Admission<ByHand<R>> {
        let open = || Arc::clone(&self.table);
        let request = request(key, max_members);
        self.table.enter(&request, Instant::now, |_| true, open)
    }

    /// Returns how many keys have a caller whose turn it is.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns whether no caller is at the gate.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

/// The waker comes with the first poll.
fn request(key: KeyRef<'_>, max_members: usize) -> Request<'_> {
    Request {
        key,
        max_members,
        waker: Waker::noop(),
    }
}

impl<R: Clone + Send + Sync + 'static> Default for Gate<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Clone + Send + Sync + 'static> fmt::Debug for Gate<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gate({})", self.len())
    }
}

// === impl Lead ===

impl<R: Clone + Send + Sync + 'static> Lead<R> {
    /// Says to all who wait what has come of it.
    pub fn end(mut self, result: R) {
        self.0.resolve(Said(result));
    }

    /// Returns whether others wait. If they do, `waker` is woken when the last of them has left.
    #[must_use]
    pub fn is_awaited(&self, waker: &Waker) -> bool {
        self.0.is_awaited(waker)
    }
}

impl<R: Clone + Send + Sync + 'static> fmt::Debug for Lead<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lead")
    }
}

// === impl Wait ===

impl<R: Clone + Send + Sync + 'static> Future for Wait<R> {
    type Output = Turn<R>;

    /// # Panics
    ///
    /// If polled after completion.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Turn<R>> {
        let member = self.0.as_mut().expect("not polled after completion");
        let outcome = ready!(member.poll(cx));
        let member = self.0.take().expect("there a moment ago");
        Poll::Ready(match (outcome, member.result()) {
            (Outcome::Lead, _) => Turn::Lead(Lead(member)),
            (_, Some(Said(result))) => Turn::Result(result.clone()),
            _ => unreachable!("a flight by hand ends with a result, or is led by another"),
        })
    }
}

impl<R: Clone + Send + Sync + 'static> fmt::Debug for Wait<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wait")
    }
}

// === impl ByHand ===

impl<R: Clone + Send + Sync + 'static> Call for ByHand<R> {
    type Terms = Arc<FlightTable<Self>>;
    type Result = Said<R>;
    type Own = R;

    fn table(terms: &Self::Terms) -> &FlightTable<Self> {
        terms
    }

    fn poll(&mut self, _: &Flight<Self>, _: &mut Context<'_>) -> Poll<()> {
        match self.0 {}
    }

    fn resolve(self, _: bool, _: &Arc<Flight<Self>>) -> (Resolution<Self>, Option<Self>) {
        match self.0 {}
    }

    fn max_panics(_: &Self::Terms) -> u32 {
        u32::MAX
    }
}

impl<R: Clone + Send + Sync> SharedResult for Said<R> {
    type Copy = R;

    fn copy(&self) -> Option<R> {
        Some(self.0.clone())
    }
}
