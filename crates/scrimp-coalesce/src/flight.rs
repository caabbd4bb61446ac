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

use scrimp_core::{Key, KeyRef};

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

    /// Calls of one flight that may be lost in panics.
    fn most_panics(terms: &Self::Terms) -> u32;
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

/// What one waiter gets. But for `Lead`, its place in the flight is given up.
pub(crate) enum Outcome<A: Arrival> {
    Copy(<A::Cargo as Cargo>::Copy),
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
    table: Arc<Table<A>>,
    state: Mutex<State<A>>,
}

struct State<A: Arrival> {
    phase: Phase<A>,
    members: usize,
    /// Which call it is, from one.
    attempt: u32,
    /// The one whose request it was is still there.
    leader: bool,
    leader_slot: Option<usize>,
    /// What is due to those who have made a call, by attempt.
    owed: Vec<(u32, Owed<A>)>,
    /// There has been a wake since the call was polled last.
    woken: bool,
    wakers: Wakers,
}

enum Phase<A: Arrival> {
    /// Under way. The call is with the member that polls it, or here.
    Calling(Option<Call<A>>),
    /// It has failed. The first member to come makes another.
    Vacant,
    Shared(A::Cargo),
    Alone,
    Broken,
    /// Everybody left before it was over.
    Gone,
}

enum Owed<A: Arrival> {
    Own(A::Own),
    Panic(Box<dyn Any + Send>),
}

/// What is left to do once the state is unlocked.
struct Parted<A: Arrival> {
    woken: Woken,
    retire: bool,
    /// The member was the leader, and gets this. If nobody does, it is dropped here.
    due: Option<Owed<A>>,
    leads: bool,
}

/// One caller's place in a flight. Leaves when it is dropped.
pub(crate) struct Member<A: Arrival> {
    flight: Arc<Flight<A>>,
    slot: Option<usize>,
    /// The attempt that is this one's call.
    leads: Option<u32>,
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
    pub(crate) fn open(
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
                attempt: 1,
                leader: true,
                leader_slot: None,
                owed: Vec::new(),
                woken: false,
                wakers: Wakers::default(),
            }),
        });
        Member {
            flight,
            slot: None,
            leads: Some(1),
            carrying: true,
            done: false,
            finish,
        }
    }

    /// Takes a place, unless `most` have one.
    pub(crate) fn board(self: &Arc<Self>, most: usize, finish: Option<Finish<A>>) -> Boarding<A> {
        let mut state = self.state.lock();
        match &state.phase {
            Phase::Calling(_) | Phase::Vacant if state.members >= most => Boarding::Full,
            Phase::Calling(_) | Phase::Vacant => {
                state.members += 1;
                drop(state);
                Boarding::Member(Member::follower(self, finish))
            }
            Phase::Shared(cargo) => cargo.copy().map_or(Boarding::TooLate, Boarding::Copy),
            Phase::Alone | Phase::Broken | Phase::Gone => Boarding::TooLate,
        }
    }

    /// Nobody finds it any more.
    pub(crate) fn retire(self: &Arc<Self>) {
        self.table.remove(self);
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

// === impl State ===

impl<A: Arrival> State<A> {
    /// What is due to the leader of this attempt.
    fn owed(&mut self, attempt: Option<u32>) -> Option<Owed<A>> {
        let at = self.owed.iter().position(|(of, _)| Some(*of) == attempt)?;
        Some(self.owed.swap_remove(at).1)
    }

    fn wait(&mut self, slot: &mut Option<usize>, leads: Option<u32>, waker: &Waker) {
        self.wakers.register(slot, waker);
        if leads == Some(self.attempt) {
            self.leader_slot = *slot;
        }
    }

    /// The call has brought nothing to share. `owed` is its leader's, and the member that
    /// carried it led that attempt or followed.
    fn part(&mut self, owed: Owed<A>, others: Others, leads: bool) -> Parted<A> {
        let mut due = Some(owed);
        let mut woken = Woken::new();
        if !leads && self.leader {
            self.owed
                .extend(due.take().map(|owed| (self.attempt, owed)));
            let leader = self.leader_slot.and_then(|slot| self.wakers.take(slot));
            woken.extend(leader);
        }
        self.leader &= !leads;
        self.woken = false;
        let deserted = leads && self.members == 1;
        self.phase = match others {
            Others::Alone => Phase::Alone,
            Others::Broken => Phase::Broken,
            Others::Again if deserted => Phase::Gone,
            Others::Again => Phase::Vacant,
        };
        let retire = !matches!(self.phase, Phase::Vacant);
        match retire {
            true => woken.extend(self.wakers.all()),
            // A follower that carried the call makes the next one itself.
            false if leads => woken.extend(self.wakers.carriers()),
            false => {}
        }
        Parted {
            woken,
            retire,
            due,
            leads,
        }
    }
}

// === impl Member ===

impl<A: Arrival> Member<A> {
    fn follower(flight: &Arc<Flight<A>>, finish: Option<Finish<A>>) -> Self {
        Self {
            flight: Arc::clone(flight),
            slot: None,
            leads: None,
            carrying: false,
            done: false,
            finish,
        }
    }

    pub(crate) fn terms(&self) -> &A::Terms {
        &self.flight.terms
    }

    pub(crate) fn key(&self) -> KeyRef<'_> {
        self.flight.key.as_ref()
    }

    pub(crate) fn flight(&self) -> &Arc<Flight<A>> {
        &self.flight
    }

    /// Which of the flight's calls this member makes, from one; 0 if it has made none.
    pub(crate) fn attempt(&self) -> u32 {
        self.leads.unwrap_or(0)
    }

    /// Makes the call that this member leads.
    pub(crate) fn launch(&mut self, call: Call<A>, cx: &mut Context<'_>) -> Poll<Outcome<A>> {
        self.carry(call, cx)
    }

    /// Carries the call on if there is something to do and nobody else does it.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome<A>> {
        let mut state = self.flight.state.lock();
        if !state.owed.is_empty()
            && let Some(owed) = state.owed(self.leads)
        {
            drop(state);
            self.leave();
            return Poll::Ready(collect(owed));
        }
        let woken = state.woken;
        match &mut state.phase {
            Phase::Calling(call) => {
                if let Some(call) = call.take_if(|_| woken) {
                    state.woken = false;
                    drop(state);
                    self.carrying = true;
                    return self.carry(call, cx);
                }
                state.wait(&mut self.slot, self.leads, cx.waker());
                Poll::Pending
            }
            Phase::Vacant => {
                state.phase = Phase::Calling(None);
                state.attempt += 1;
                state.leader = true;
                state.leader_slot = self.slot;
                self.leads = Some(state.attempt);
                self.carrying = true;
                Poll::Ready(Outcome::Lead)
            }
            Phase::Shared(_) | Phase::Alone | Phase::Broken | Phase::Gone => {
                drop(state);
                Poll::Ready(self.settle())
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
                self.land(arrival, cx)
            }
            Err(panic) => {
                // What a broken call leaves behind may well panic again.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(call)));
                self.lost(panic, cx)
            }
        }
    }

    fn put_back(&mut self, call: Call<A>, cx: &Context<'_>) {
        let mut state = self.flight.state.lock();
        state.phase = Phase::Calling(Some(call));
        state.wait(&mut self.slot, self.leads, cx.waker());
        self.carrying = false;
        let woken = match state.woken {
            true => state.wakers.carriers(),
            false => Woken::new(),
        };
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    fn land(&mut self, arrival: A, cx: &mut Context<'_>) -> Poll<Outcome<A>> {
        let mut state = self.flight.state.lock();
        let leads = self.leads == Some(state.attempt);
        let lone = leads && state.members == 1 && arrival.is_whole();
        match arrival.land(lone, &self.flight) {
            Landing::Own { own, others } => {
                let parted = state.part(Owed::Own(own), others, leads);
                drop(state);
                self.part(parted, cx)
            }
            Landing::Shared { cargo, open } => {
                state.phase = Phase::Shared(cargo);
                let woken = state.wakers.all();
                drop(state);
                self.carrying = false;
                if !open {
                    self.flight.retire();
                }
                woken.for_each(Waker::wake);
                Poll::Ready(self.settle())
            }
        }
    }

    /// The call was lost in a panic.
    fn lost(&mut self, panic: Box<dyn Any + Send>, cx: &mut Context<'_>) -> Poll<Outcome<A>> {
        let parted = {
            let mut state = self.flight.state.lock();
            let leads = self.leads == Some(state.attempt);
            let others = match state.attempt < A::most_panics(&self.flight.terms) {
                true => Others::Again,
                false => Others::Broken,
            };
            state.part(Owed::Panic(panic), others, leads)
        };
        self.part(parted, cx)
    }

    fn part(&mut self, parted: Parted<A>, cx: &mut Context<'_>) -> Poll<Outcome<A>> {
        self.carrying = false;
        if parted.retire {
            self.flight.retire();
        }
        parted.woken.into_iter().for_each(Waker::wake);
        match parted.due {
            Some(owed) if parted.leads => {
                self.leave();
                Poll::Ready(collect(owed))
            }
            nobodys => {
                drop(nobodys);
                self.poll(cx)
            }
        }
    }

    /// Takes this member's part of the result and leaves.
    fn settle(&mut self) -> Outcome<A> {
        let outcome = match &self.flight.state.lock().phase {
            Phase::Shared(cargo) => cargo.copy().map_or(Outcome::Missed, Outcome::Copy),
            Phase::Alone => Outcome::Alone,
            Phase::Broken => Outcome::Broken,
            Phase::Gone | Phase::Vacant | Phase::Calling(_) => Outcome::Missed,
        };
        self.leave();
        outcome
    }

    fn leave(&mut self) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        let mut state = self.flight.state.lock();
        let leads = self.leads == Some(state.attempt);
        state.leader &= !leads;
        if let Some(slot) = self.slot.take() {
            state.wakers.remove(slot);
            state.leader_slot.take_if(|leader| *leader == slot);
        }
        if state.members == 1
            && let (Phase::Calling(Some(_)), Some(finish)) = (&state.phase, self.finish)
        {
            // Never without a member, so nobody can take it for abandoned.
            drop(state);
            return finish(Self::follower(&self.flight, None));
        }
        state.members -= 1;
        let (deserted, pending) = (state.members == 0, state.woken);
        let mut woken = Woken::new();
        let mut left = None;
        let mut settled = None;
        match &mut state.phase {
            Phase::Calling(_) | Phase::Vacant if deserted => {
                left = Some(std::mem::replace(&mut state.phase, Phase::Gone));
            }
            Phase::Calling(None) if self.carrying => {
                // The call was never made: a panic on the way to it, or the caller left.
                state.phase = Phase::Vacant;
                woken = state.wakers.carriers();
            }
            // This may have been the one that was to carry on.
            Phase::Vacant => woken = state.wakers.carriers(),
            Phase::Calling(Some(_)) if pending => woken = state.wakers.carriers(),
            Phase::Shared(cargo) if deserted => settled = Some(cargo.clone()),
            _ => {}
        }
        let owed = state.owed(self.leads);
        drop(state);
        if left.is_some() {
            self.flight.retire();
        }
        woken.into_iter().for_each(Waker::wake);
        if let Some(cargo) = settled {
            cargo.settled();
        }
        drop((left, owed));
    }
}

/// Gives out what is due, or goes on with the panic that is.
fn collect<A: Arrival>(owed: Owed<A>) -> Outcome<A> {
    match owed {
        Owed::Own(own) => Outcome::Own(own),
        Owed::Panic(panic) => resume_unwind(panic),
    }
}

impl<A: Arrival> Drop for Member<A> {
    fn drop(&mut self) {
        self.leave();
    }
}
