//! One call that many wait for.
//!
//! Nobody owns the call. It lies in the flight, and whichever waiter is polled after it has
//! made progress carries it on, so that a caller who leaves, the first one included, leaves
//! nothing behind that has to be handed over. The call is polled with the flight's own
//! waker: it wakes a few waiters, of which the first to come carries on.
//!
//! Order of locks: a shard of the table, then a flight. Nothing of the outside is called
//! with either held: no future, no waker, no drop of a call.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use scrimp_core::Key;

use crate::{
    sync::Mutex,
    table::Table,
    wakers::{Wakers, Woken},
};

/// The call itself.
pub(crate) type Call<A> = Pin<Box<dyn Future<Output = A> + Send>>;

/// What a call comes back with.
pub(crate) trait Arrival: Sized + Send + 'static {
    /// What is known of a flight before it begins.
    type Terms: Send + Sync;
    /// What is shared.
    type Cargo: Cargo;
    /// What only one can have.
    type Own: Send;

    /// Decides who gets what. `lone`: there is one caller, and no other will come.
    fn land(self, lone: bool, flight: &Arc<Flight<Self>>) -> Landing<Self>;

    /// Whether all of it is there, so that a lone caller can have it without a flight.
    fn is_whole(&self) -> bool;
}

/// A result that many get a copy of.
pub(crate) trait Cargo: Clone + Send {
    /// One caller's copy.
    type Copy;

    /// Makes a copy; `None` if it is too late for that.
    fn copy(&self) -> Option<Self::Copy>;

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

/// What those do who got nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// Each makes a call of its own, at once.
    Alone,
    /// One of them tries again, and the rest wait for it.
    Again,
}

/// What one waiter gets.
pub(crate) enum Outcome<A: Arrival> {
    Copy(<A::Cargo as Cargo>::Copy),
    Own(A::Own),
    Nothing(Others),
}

/// One call, its waiters, and then its result.
pub(crate) struct Flight<A: Arrival> {
    pub(crate) key: Key,
    pub(crate) terms: A::Terms,
    table: Arc<Table<A>>,
    state: Mutex<State<A>>,
}

struct State<A: Arrival> {
    phase: Phase<A>,
    members: usize,
    /// The one whose request it was is still there.
    leader: bool,
    /// There has been a wake since the call was polled last.
    woken: bool,
    wakers: Wakers,
}

enum Phase<A: Arrival> {
    /// Under way. The call is with the member that polls it, or here.
    Calling(Option<Call<A>>),
    Shared(A::Cargo),
    Parted {
        own: Option<A::Own>,
        others: Others,
    },
    Panicked(Option<Box<dyn Any + Send>>),
    /// Everybody left before it was over.
    Gone,
}

/// One caller's place in a flight. Leaves when it is dropped.
pub(crate) struct Member<A: Arrival> {
    flight: Arc<Flight<A>>,
    slot: Option<usize>,
    leader: bool,
    /// Has the call in hand, or is about to make it.
    carrying: bool,
    done: bool,
    finish: Option<Finish<A>>,
}

/// What becomes of a call that everybody has left: `None` cancels it.
pub(crate) type Finish<A> = fn(Member<A>);

/// A flight that was found: a place in it, or its result.
pub(crate) enum Boarding<A: Arrival> {
    Member(Member<A>),
    Copy(<A::Cargo as Cargo>::Copy),
    Full,
    TooLate,
}

// === impl Flight ===

impl<A: Arrival> Flight<A> {
    /// A flight whose first member is about to make the call.
    pub(crate) fn new(
        table: &Arc<Table<A>>,
        key: Key,
        terms: A::Terms,
        finish: Option<Finish<A>>,
    ) -> Member<A> {
        let flight = Arc::new(Self {
            key,
            terms,
            table: Arc::clone(table),
            state: Mutex::new(State {
                phase: Phase::Calling(None),
                members: 1,
                leader: true,
                woken: false,
                wakers: Wakers::default(),
            }),
        });
        Member {
            flight,
            slot: None,
            leader: true,
            carrying: true,
            done: false,
            finish,
        }
    }

    /// Takes a place, unless `most` have one.
    pub(crate) fn board(self: &Arc<Self>, most: usize, finish: Option<Finish<A>>) -> Boarding<A> {
        let mut state = self.state.lock();
        match &state.phase {
            Phase::Calling(_) if state.members >= most => Boarding::Full,
            Phase::Calling(_) => {
                state.members += 1;
                drop(state);
                Boarding::Member(Member {
                    flight: Arc::clone(self),
                    slot: None,
                    leader: false,
                    carrying: false,
                    done: false,
                    finish,
                })
            }
            Phase::Shared(cargo) => cargo.copy().map_or(Boarding::TooLate, Boarding::Copy),
            Phase::Parted { .. } | Phase::Panicked(_) | Phase::Gone => Boarding::TooLate,
        }
    }

    /// Nobody finds it any more.
    pub(crate) fn retire(self: &Arc<Self>) {
        self.table.remove(self);
    }

    /// Callers that wait for it now.
    #[cfg(test)]
    pub(crate) fn members(&self) -> usize {
        self.state.lock().members
    }
}

impl<A: Arrival> Wake for Flight<A> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let woken = {
            let mut state = self.state.lock();
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

// === impl Member ===

impl<A: Arrival> Member<A> {
    pub(crate) fn terms(&self) -> &A::Terms {
        &self.flight.terms
    }

    pub(crate) fn flight(&self) -> &Arc<Flight<A>> {
        &self.flight
    }

    /// Makes the call that this member's flight was opened for.
    pub(crate) fn launch(&mut self, call: Call<A>, cx: &mut Context<'_>) -> Poll<Outcome<A>> {
        self.carry(call, cx)
    }

    /// Carries the call on if there is something to do and nobody else does it.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome<A>> {
        let mut state = self.flight.state.lock();
        let State {
            phase,
            woken,
            wakers,
            ..
        } = &mut *state;
        let Phase::Calling(call) = phase else {
            drop(state);
            return self.settle();
        };
        match call.take_if(|_| std::mem::take(woken)) {
            Some(call) => {
                drop(state);
                self.carrying = true;
                self.carry(call, cx)
            }
            None => {
                wakers.register(&mut self.slot, cx.waker());
                Poll::Pending
            }
        }
    }

    fn carry(&mut self, mut call: Call<A>, cx: &mut Context<'_>) -> Poll<Outcome<A>> {
        let waker = Waker::from(Arc::clone(&self.flight));
        let mut inner = Context::from_waker(&waker);
        // A panic belongs to the one whose request it was, wherever it is noticed.
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(&mut inner)));
        match polled {
            Ok(Poll::Pending) => {
                self.put_back(call, cx);
                Poll::Pending
            }
            Ok(Poll::Ready(arrival)) => {
                drop(call);
                self.land(arrival)
            }
            Err(panic) => {
                self.end(Phase::Panicked(Some(panic)));
                // What a broken call leaves behind may well panic again.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(call)));
                self.settle()
            }
        }
    }

    fn put_back(&mut self, call: Call<A>, cx: &Context<'_>) {
        let mut state = self.flight.state.lock();
        state.phase = Phase::Calling(Some(call));
        state.wakers.register(&mut self.slot, cx.waker());
        self.carrying = false;
        let woken = match state.woken {
            true => state.wakers.carriers(),
            false => Woken::new(),
        };
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    fn land(&mut self, arrival: A) -> Poll<Outcome<A>> {
        let mut state = self.flight.state.lock();
        let lone = self.leader && state.members == 1 && arrival.is_whole();
        let landing = arrival.land(lone, &self.flight);
        match landing {
            Landing::Own { own, others } if self.leader => {
                // The common case of a call that nobody joined ends here.
                state.phase = Phase::Parted { own: None, others };
                state.members -= 1;
                let wakers = state.wakers.all();
                drop(state);
                self.done = true;
                self.flight.retire();
                wakers.for_each(Waker::wake);
                Poll::Ready(Outcome::Own(own))
            }
            Landing::Own { own, others } => {
                drop(state);
                self.end(Phase::Parted {
                    own: Some(own),
                    others,
                });
                self.settle()
            }
            Landing::Shared { cargo, open } => {
                drop(state);
                self.conclude(Phase::Shared(cargo), open);
                self.settle()
            }
        }
    }

    fn end(&mut self, phase: Phase<A>) {
        self.conclude(phase, false);
    }

    fn conclude(&mut self, phase: Phase<A>, open: bool) {
        let (before, wakers) = {
            let mut state = self.flight.state.lock();
            let before = std::mem::replace(&mut state.phase, phase);
            (before, state.wakers.all())
        };
        self.carrying = false;
        drop(before);
        if !open {
            self.flight.retire();
        }
        wakers.for_each(Waker::wake);
    }

    /// Takes this member's part of the result and leaves.
    fn settle(&mut self) -> Poll<Outcome<A>> {
        let mut state = self.flight.state.lock();
        let outcome = match &mut state.phase {
            Phase::Shared(cargo) => match cargo.copy() {
                Some(copy) => Outcome::Copy(copy),
                None => Outcome::Nothing(Others::Again),
            },
            Phase::Parted { own, others } => match own.take_if(|_| self.leader) {
                Some(own) => Outcome::Own(own),
                None => Outcome::Nothing(*others),
            },
            Phase::Panicked(panic) => match panic.take_if(|_| self.leader) {
                Some(panic) => {
                    drop(state);
                    resume_unwind(panic);
                }
                None => Outcome::Nothing(Others::Again),
            },
            Phase::Gone | Phase::Calling(_) => Outcome::Nothing(Others::Again),
        };
        drop(state);
        self.leave();
        Poll::Ready(outcome)
    }

    fn leave(&mut self) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        let mut state = self.flight.state.lock();
        state.leader &= !self.leader;
        if let Some(slot) = self.slot.take() {
            state.wakers.remove(slot);
        }
        if state.members == 1
            && let (Phase::Calling(Some(_)), Some(finish)) = (&state.phase, self.finish)
        {
            // Never without a member, so nobody can take it for abandoned.
            drop(state);
            return finish(self.successor());
        }
        state.members -= 1;
        let (last, woken) = (state.members == 0, state.woken);
        match &mut state.phase {
            Phase::Calling(None) if self.carrying => {
                // The call was never made: a panic on the way to it, or the caller left.
                state.phase = Phase::Parted {
                    own: None,
                    others: Others::Again,
                };
                let wakers = state.wakers.all();
                drop(state);
                self.flight.retire();
                wakers.for_each(Waker::wake);
            }
            Phase::Calling(_) if last => {
                let call = std::mem::replace(&mut state.phase, Phase::Gone);
                drop(state);
                self.flight.retire();
                drop(call);
            }
            Phase::Calling(Some(_)) if woken => {
                // It may have been the one that was to carry on.
                let woken = state.wakers.carriers();
                drop(state);
                woken.into_iter().for_each(Waker::wake);
            }
            Phase::Shared(cargo) if last => {
                let cargo = cargo.clone();
                drop(state);
                cargo.settled();
            }
            _ => {}
        }
    }

    fn successor(&self) -> Self {
        Self {
            flight: Arc::clone(&self.flight),
            slot: None,
            leader: false,
            carrying: false,
            done: false,
            finish: None,
        }
    }
}

impl<A: Arrival> Drop for Member<A> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<A: Arrival> Future for Member<A> {
    type Output = Outcome<A>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<A>> {
        Self::poll(self.get_mut(), cx)
    }
}

impl<A: Arrival> Unpin for Member<A> {}
