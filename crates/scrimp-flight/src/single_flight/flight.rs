//! One call that many wait for.
//!
//! No caller owns the call. It lies in the flight, and the first waiter that is polled after it
//! has made progress carries it on, so that a caller who leaves, the first one included, leaves
//! nothing behind that has to be handed over. The call is polled with the flight's own
//! waker: it wakes a few waiters, of which the first to come carries on.
//!
//! A call that fails or panics leaves the flight vacant: the first waiter to come makes
//! another, in the same flight, while the rest go on waiting without having been woken.
//!
//! A shared result is put where it can be seen without a lock: those who followed take their
//! copies and go, a thousand of them without a lock in their way.
//!
//! Order of locks: a shard of the table, then a flight. Nothing of the outside is called
//! with either held, but that a waker is cloned: no future, no waker, no drop of a call.

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

/// A call that many wait for.
///
/// What it has brought lies in it until it is known who gets what.
pub trait Call: Sized + Send + 'static {
    /// What is known of a flight before it begins.
    type Terms: Send + Sync;
    /// The result that many get a copy of.
    type Result: SharedResult;
    /// The result that one caller gets.
    type Own: Send;

    /// Returns the table that flights of these terms are found in.
    fn table(terms: &Self::Terms) -> &FlightTable<Self>;

    /// Carries the call on. Ready once its result is there.
    fn poll(&mut self, flight: &Flight<Self>, cx: &mut Context<'_>) -> Poll<()>;

    /// Decides who gets what. `lone`: there is one caller, and no other will come if the
    /// call is given to it. What is left of the call is dropped once nothing is locked.
    fn resolve(self, lone: bool, flight: &Arc<Flight<Self>>) -> (Resolution<Self>, Option<Self>);

    /// Returns how many calls of one flight may be lost in panics.
    fn max_panics(terms: &Self::Terms) -> u32;

    /// Returns what finishes a call that all callers have left. `None` cancels it.
    fn finish(terms: &Self::Terms) -> Option<fn(Member<Self>)> {
        let _ = terms;
        None
    }
}

/// A result that many get a copy of.
pub trait SharedResult: Send + Sync {
    /// One caller's copy.
    type Copy;

    /// Makes a copy. `None` if it is too late for that.
    fn copy(&self) -> Option<Self::Copy>;

    /// Returns whether the result is indifferent to who has taken a copy yet. If it is not, it
    /// is told when all who waited [have](Self::settled).
    fn is_final(&self) -> bool {
        true
    }

    /// Notes that all who waited have taken their copies, or have left.
    fn settled(&self) {}
}

/// Who gets what of a call.
pub enum Resolution<C: Call> {
    /// Each caller gets a copy.
    Shared {
        /// The result.
        result: C::Result,
        /// Those who come later get copies too, until the flight is [retired](Flight::retire).
        open: bool,
    },
    /// The caller that made the call gets all of it.
    Own {
        /// The result.
        own: C::Own,
        /// What becomes of the others.
        others: Others,
    },
}

/// What becomes of those who got nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// Each makes a call of its own, at once.
    Alone,
    /// One of them makes the next call, and the rest wait for it.
    Again,
    /// There have been enough calls.
    Broken,
}

/// What one waiter gets.
pub enum Outcome<C: Call> {
    /// A copy of the [result](Member::result).
    Shared,
    /// All that its call has brought.
    Own(C::Own),
    /// Nothing, and it is to make a call of its own.
    Alone,
    /// It is to make the flight's next call.
    Lead,
    /// The result is not to be had any more.
    Missed,
    /// Too many calls were lost in panics.
    Broken,
}

/// One call, its waiters, and then its result.
pub struct Flight<C: Call> {
    key: Key,
    terms: C::Terms,
    /// Set once, with the state locked.
    pub(super) result: OnceLock<C::Result>,
    pub(super) state: Mutex<State<C>>,
}

/// What is due to one who has made a call.
pub(super) enum Due<C: Call> {
    Own(C::Own),
    Panic(Box<dyn Any + Send>),
}

// === impl Flight ===

impl<C: Call> Flight<C> {
    /// Opens a flight. Its first member is about to make the call.
    pub(super) fn open(key: Key, terms: C::Terms) -> Member<C> {
        let flight = Arc::new(Self {
            key,
            terms,
            result: OnceLock::new(),
            state: Mutex::new(State::new()),
        });
        Member::new(flight, Place::first())
    }

    /// Takes a place, unless `most` have one, or a copy. `None` if it is too late for both.
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

    /// Returns the shared result, once there is one.
    pub fn result(&self) -> Option<&C::Result> {
        self.result.get()
    }

    /// Takes the flight out of its table: no caller finds it any more.
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
                // The member that polls the call looks again when it is done.
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
