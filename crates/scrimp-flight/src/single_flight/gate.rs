//! A gate: one caller acts, and the others wait for its result.

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

/// Lets one caller of a key act, while the others wait for its result.
///
/// The gate neither polls nor drops the action. The caller whose turn it is holds a [`Lead`]. If
/// the lead is dropped without a result, one of the waiting callers gets the turn. A waiting
/// caller may leave at any time.
pub struct Gate<R: Clone + Send + Sync + 'static> {
    table: Arc<FlightTable<ByHand<R>>>,
}

/// Outcome of entering a [`Gate`].
#[derive(Debug)]
pub enum Entry<R: Clone + Send + Sync + 'static> {
    /// The turn of this caller.
    Lead(Lead<R>),
    /// The turn of another caller.
    Wait(Wait<R>),
}

/// Outcome of waiting at a [`Gate`].
#[derive(Debug)]
pub enum Turn<R: Clone + Send + Sync + 'static> {
    /// The turn of this caller.
    Lead(Lead<R>),
    /// The result of another caller's turn.
    Result(R),
}

/// Held by the caller whose turn it is. Dropping it without a [result](Self::end) gives the turn
/// to another waiting caller.
pub struct Lead<R: Clone + Send + Sync + 'static>(Member<ByHand<R>>);

/// Future that waits at a [`Gate`].
#[must_use = "futures do nothing unless polled"]
pub struct Wait<R: Clone + Send + Sync + 'static>(Option<Member<ByHand<R>>>);

/// A call that its leader makes outside the flight: it is never launched.
struct ByHand<R>(Infallible, PhantomData<fn() -> R>);

/// Result that the leader has reported.
struct Said<R>(R);

// === impl Gate ===

impl<R: Clone + Send + Sync + 'static> Gate<R> {
    /// Returns a gate without callers.
    #[must_use]
    pub fn new() -> Self {
        Self {
            table: Arc::new(FlightTable::new(usize::MAX)),
        }
    }

    /// Enters the gate. The first caller gets the turn.
    #[must_use]
    pub fn enter(&self, key: KeyRef<'_>) -> Entry<R> {
        match self.admit(key, usize::MAX) {
            Admission::Member { member, .. } if member.attempt() > 0 => Entry::Lead(Lead(member)),
            Admission::Member { member, .. } => Entry::Wait(Wait(Some(member))),
            _ => unreachable!("it is retired before it lands, and there are no limits"),
        }
    }

    /// Enters the gate if another caller has the turn.
    #[must_use]
    pub fn join(&self, key: KeyRef<'_>) -> Option<Wait<R>> {
        match self.table.join(&request(key, usize::MAX))? {
            Admission::Member { member, .. } => Some(Wait(Some(member))),
            _ => None,
        }
    }

    /// Takes the turn without waiting, if no other caller has it.
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

    /// Returns the number of keys whose turn is taken.
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

/// Returns a request. The waker comes with the first poll.
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
    /// Reports the result to all waiting callers.
    pub fn end(mut self, result: R) {
        self.0.resolve(Said(result));
    }

    /// Returns whether others wait. If so, `waker` is woken when the last of them has left.
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
