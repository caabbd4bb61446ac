//! One call that many wait for.
//!
//! Nobody owns the call. It lies in the flight, and whichever waiter is polled after it has
//! made progress carries it on, so that a caller who leaves, the first one included, leaves
//! nothing behind that has to be handed over. The call is polled with the flight's own
//! waker: it wakes a few waiters, of which the first to come carries on.
//!
//! A call that fails or panics leaves the flight vacant: the first waiter to come makes
//! another, in the same flight, while the rest go on waiting without having been woken.
//!
//! What is for everybody is put where it can be seen without a lock: those who followed take
//! their copies and go, a thousand of them in nobody's way.
//!
//! Order of locks: a shard of the table, then a flight. Nothing of the outside is called
//! with either held, but that a waker is cloned: no future, no waker, no drop of a call.

mod member;
mod state;

use std::{
    any::Any,
    sync::{Arc, OnceLock},
    task::{Context, Poll, Waker},
};

use futures_task::ArcWake;
use scrimp_core::Key;

pub(crate) use member::Member;

use crate::{sync::Mutex, table::Table, wakers::Woken};
use state::{Phase, Place, State};

/// What a call comes back with.
pub(crate) trait Arrival: Sized + Send + 'static {
    /// What is known of a flight before it begins.
    type Terms: Send + Sync;
    /// The call itself. What it has brought may lie in it until it is known who gets what.
    type Call: Send;
    /// What is shared.
    type Cargo: Cargo;
    /// What only one can have.
    type Own: Send;

    /// Where flights of these terms are found.
    fn table(terms: &Self::Terms) -> &Table<Self>;

    /// Carries the call on.
    fn poll(call: &mut Self::Call, flight: &Flight<Self>, cx: &mut Context<'_>) -> Poll<Self>;

    /// Decides who gets what. `lone`: there is one caller, and no other will come if the
    /// call is given to it. What is left of the call is dropped once nothing is locked.
    fn land(
        self,
        call: Self::Call,
        lone: bool,
        flight: &Arc<Flight<Self>>,
    ) -> (Landing<Self>, Option<Self::Call>);

    /// Calls of one flight that may be lost in panics.
    fn most_panics(terms: &Self::Terms) -> u32;

    /// What becomes of a call that everybody has left: `None` cancels it.
    fn finish(_: &Self::Terms) -> Option<fn(Member<Self>)> {
        None
    }
}

/// A result that many get a copy of.
pub(crate) trait Cargo: Send + Sync {
    /// One caller's copy.
    type Copy;

    /// Makes a copy; `None` if it is too late for that.
    fn copy(&self) -> Option<Self::Copy>;

    /// Whether it is all the same to it who has taken a copy yet. If it is not, it is told
    /// when all who waited [have](Self::settled).
    fn is_final(&self) -> bool {
        true
    }

    /// All who waited have taken theirs, or have left.
    fn settled(&self) {}
}

/// Who gets what.
pub(crate) enum Landing<A: Arrival> {
    /// Everybody gets a copy. If it is `open`, also those who come later, until the flight
    /// is [retired](Flight::retire).
    Shared { cargo: A::Cargo, open: bool },
    /// Whoever made the call gets all of it.
    Own { own: A::Own, others: Others },
}

/// What becomes of those who got nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// Each makes a call of its own, at once.
    Alone,
    /// One of them makes the next call, and the rest wait for it.
    Again,
    /// There have been enough calls.
    Broken,
}

/// What one waiter gets.
pub(crate) enum Outcome<A: Arrival> {
    /// A copy of the [cargo](Member::cargo).
    Landed,
    Own(A::Own),
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
pub(crate) struct Flight<A: Arrival> {
    pub(crate) key: Key,
    pub(crate) terms: A::Terms,
    /// Set once, with the state locked.
    cargo: OnceLock<A::Cargo>,
    state: Mutex<State<A>>,
}

/// What is due to one who has made a call.
enum Owed<A: Arrival> {
    Own(A::Own),
    Panic(Box<dyn Any + Send>),
}

/// A flight that was found: a place in it, or its result.
pub(crate) enum Boarding<A: Arrival> {
    /// It `waits` already, or has to be polled as there is something to do.
    Member {
        member: Member<A>,
        waits: bool,
    },
    Copy(<A::Cargo as Cargo>::Copy),
    Full,
    TooLate,
}

// === impl Flight ===

impl<A: Arrival> Flight<A> {
    /// A flight whose first member is about to make the call.
    pub(crate) fn open(key: Key, terms: A::Terms) -> Member<A> {
        let flight = Arc::new(Self {
            key,
            terms,
            cargo: OnceLock::new(),
            state: Mutex::new(State::new()),
        });
        Member::new(flight, Place::first())
    }

    /// Takes a place, unless `most` have one.
    pub(crate) fn board(self: &Arc<Self>, most: usize, waker: &Waker) -> Boarding<A> {
        let mut state = self.state.lock();
        match &state.phase {
            Phase::Calling(_) | Phase::Vacant if state.members >= most => Boarding::Full,
            Phase::Calling(_) | Phase::Vacant => {
                let mut place = Place::default();
                let waits = state.join(&mut place, waker);
                drop(state);
                let member = Member::new(Arc::clone(self), place);
                Boarding::Member { member, waits }
            }
            Phase::Landed => {
                let copy = self.cargo.get().and_then(Cargo::copy);
                copy.map_or(Boarding::TooLate, Boarding::Copy)
            }
            Phase::Alone | Phase::Broken | Phase::Gone => Boarding::TooLate,
        }
    }

    /// Nobody finds it any more.
    pub(crate) fn retire(self: &Arc<Self>) {
        A::table(&self.terms).remove(self);
    }
}

impl<A: Arrival> ArcWake for Flight<A> {
    fn wake_by_ref(flight: &Arc<Self>) {
        let woken = {
            let mut state = flight.state.lock();
            state.woken = true;
            match state.phase {
                Phase::Calling(Some(_)) => state.wakers.carriers(),
                // Whoever polls the call looks again when it is done.
                _ => Woken::new(),
            }
        };
        woken.into_iter().for_each(Waker::wake);
    }
}
