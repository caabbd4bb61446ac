//! A call that many callers wait for.
//!
//! No caller owns the call. It lies in the flight, and after a wake the first waiter that is
//! polled makes it progress. So a caller that leaves, including the first one, has nothing to hand
//! over. The call is polled with the flight's own waker. That waker wakes a few waiters, and the
//! first to come polls the call.
//!
//! A call that fails or panics leaves the flight vacant. The first waiter to come makes another
//! call in the same flight, while the others go on waiting and are not woken.
//!
//! A shared result is published without a lock: thousands of followers take their copies without
//! contending.
//!
//! Lock order: a shard of the table, then a flight. With either held, no outside code is called,
//! except that a waker is cloned: no future, no waker, no drop of a call.

use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock},
    task::{Context, Poll, Waker},
};

use futures_task::ArcWake;
use scrimp_core::Key;

use super::{
    member::Member,
    state::{Phase, Place, State},
    table::{Admission, FlightTable},
    wakers::Woken,
};
use crate::sync::Mutex;

/// A call that many callers wait for.
///
/// Its result stays inside until it is known which caller gets it.
pub trait Call: Sized + Send + 'static {
    /// Facts about a flight that are known before it starts.
    type Terms: Send + Sync;
    /// Result that callers get copies of.
    type Result: SharedResult;
    /// Result that only one caller gets.
    type Own: Send;

    /// Returns the table that holds flights of these terms.
    fn table(terms: &Self::Terms) -> &FlightTable<Self>;

    /// Polls the call. Ready when it has its result.
    fn poll(&mut self, flight: &Flight<Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// Decides which callers get the result. `lone`: there is one caller, and no other can join if
    /// the call is given to it. The rest of the call is dropped when nothing is locked.
    fn resolve(self, lone: bool, flight: &Arc<Flight<Self>>) -> (Resolution<Self>, Option<Self>);

    /// Returns how many calls of one flight may be lost in panics.
    fn max_panics(terms: &Self::Terms) -> u32;

    /// Returns the function that finishes a call whose callers have all left. `None` cancels it.
    fn finish(terms: &Self::Terms) -> Option<fn(Member<Self>)> {
        let _ = terms;
        None
    }
}

/// A result that many callers get copies of.
pub trait SharedResult: Send + Sync {
    /// Copy for one caller.
    type Copy;

    /// Makes a copy. Returns `None` if it is too late.
    fn copy(&self) -> Option<Self::Copy>;

    /// Returns whether the result needs no notice of its readers. Otherwise it is told when all
    /// waiters [have their copies](Self::settled).
    fn is_final(&self) -> bool {
        true
    }

    /// Notes that all waiters have taken their copies, or have left.
    fn settled(&self) {}
}

/// Distribution of the result of a call.
pub enum Resolution<C: Call> {
    /// Each caller gets a copy.
    Shared {
        /// The result.
        result: C::Result,
        /// Later callers get copies too, until the flight is [retired](Flight::retire).
        open: bool,
    },
    /// The caller that made the call gets all of it.
    Own {
        /// The result.
        own: C::Own,
        /// Action of the other callers.
        others: Others,
    },
}

/// Action of the callers that got nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// Each makes its own call at once.
    Alone,
    /// One of them makes the next call, and the rest wait for it.
    Again,
    /// There have been enough calls.
    Broken,
}

/// Result for one waiter.
pub enum Outcome<C: Call> {
    /// A copy of the [result](Member::result).
    Shared,
    /// Everything that its call has returned.
    Own(C::Own),
    /// Nothing: it must make its own call.
    Alone,
    /// It must make the next call of the flight.
    Lead,
    /// The result is no longer available.
    Missed,
    /// Too many calls were lost in panics.
    Broken,
}

/// A call, its waiters, and later its result.
pub struct Flight<C: Call> {
    key: Key,
    terms: C::Terms,
    /// Set once, while the state is locked.
    pub(super) result: OnceLock<C::Result>,
    pub(super) state: Mutex<State<C>>,
}

/// Result for a caller that has made a call.
pub(super) enum Due<C: Call> {
    Own(C::Own),
    Panic(Box<dyn Any + Send>),
}

// === impl Flight ===

impl<C: Call> Flight<C> {
    /// Opens a flight. Its first member will make the call.
    pub(super) fn open(key: Key, terms: C::Terms) -> Member<C> {
        let flight = Arc::new(Self {
            key,
            terms,
            result: OnceLock::new(),
            state: Mutex::new(State::new()),
        });
        Member::new(flight, Place::first())
    }

    /// Takes a place, unless the flight has `most` members, or takes a copy. Returns `None` if it
    /// is too late for both.
    pub(super) fn board(self: &Arc<Self>, most: usize, waker: &Waker) -> Option<Admission<C>> {
        let mut state = self.state.lock();
        match &state.phase {
            Phase::Calling(_) | Phase::Vacant if state.members >= most => Some(Admission::Crowded),
            Phase::Calling(_) | Phase::Vacant => {
                let mut place = Place::default();
                let waits = state.join(&mut place, waker);
                drop(state);
                let member = Member::new(Arc::clone(self), place);
                Some(Admission::Member { member, waits })
            }
            Phase::Landed => {
                let copy = self.result.get().and_then(SharedResult::copy);
                copy.map(Admission::Copy)
            }
            Phase::Alone | Phase::Broken | Phase::Gone => None,
        }
    }

    /// Returns the key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Returns the terms.
    pub fn terms(&self) -> &C::Terms {
        &self.terms
    }

    /// Returns the shared result, if there is one.
    pub fn result(&self) -> Option<&C::Result> {
        self.result.get()
    }

    /// Removes the flight from its table: no new caller finds it.
    pub fn retire(self: &Arc<Self>) {
        C::table(&self.terms).remove(self);
    }
}

impl<C: Call> ArcWake for Flight<C> {
    fn wake_by_ref(flight: &Arc<Self>) {
        let woken = {
            let mut state = flight.state.lock();
            state.woken = true;
            match state.phase {
                Phase::Calling(Some(_)) => state.wakers.carriers(),
                // The member that polls the call checks again when it is done.
                _ => Woken::new(),
            }
        };
        woken.into_iter().for_each(Waker::wake);
    }
}

impl<C: Call> fmt::Debug for Flight<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight")
            .field("landed", &self.result.get().is_some())
            .finish_non_exhaustive()
    }
}

// === impl Outcome ===

impl<C: Call> fmt::Debug for Outcome<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared => "Shared",
            Self::Own(_) => "Own(..)",
            Self::Alone => "Alone",
            Self::Lead => "Lead",
            Self::Missed => "Missed",
            Self::Broken => "Broken",
        })
    }
}

// === impl Resolution ===

impl<C: Call> fmt::Debug for Resolution<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared { open, .. } => write!(f, "Shared {{ open: {open}, .. }}"),
            Self::Own { others, .. } => write!(f, "Own {{ others: {others:?}, .. }}"),
        }
    }
}
