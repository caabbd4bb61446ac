//! A caller's place in a flight.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use futures_task::waker_ref;
use scrimp_core::Key;

use super::{
    flight::{Call, Due, Flight, Others, Outcome, Resolution, SharedResult},
    state::{Parted, Phase, Place},
    wakers::Woken,
};

/// A caller's place in a flight. The caller leaves when it is dropped.
pub struct Member<C: Call> {
    flight: Arc<Flight<C>>,
    place: Place,
}

// === impl Member ===

impl<C: Call> Member<C> {
    pub(super) fn new(flight: Arc<Flight<C>>, place: Place) -> Self {
        Self { flight, place }
    }

    /// Returns the terms of the flight.
    #[must_use]
    pub fn terms(&self) -> &C::Terms {
        self.flight.terms()
    }

    /// Returns the key of the flight.
    #[must_use]
    pub fn key(&self) -> &Key {
        self.flight.key()
    }

    pub(super) fn flight(&self) -> &Arc<Flight<C>> {
        &self.flight
    }

    /// Returns the shared result, if there is one.
    #[must_use]
    pub fn result(&self) -> Option<&C::Result> {
        self.flight.result()
    }

    /// Returns which of the flight's calls this member makes, from 1. Returns 0 if it has made
    /// none.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.place.leads.unwrap_or(0)
    }

    /// Makes the call that this member [leads](Outcome::Lead).
    pub fn launch(&mut self, call: C, cx: &mut Context<'_>) -> Poll<Outcome<C>> {
        self.carry(call, cx)
    }

    /// Ends the flight by hand, with a result for all, in place of a call that this member
    /// [leads](Outcome::Lead) and has not launched.
    pub fn resolve(&mut self, result: C::Result) {
        let Self { flight, place } = self;
        debug_assert!(place.carrying, "a member that leads has not launched yet");
        place.carrying = false;
        // Callers that come from now on find no flight; this one tells the earlier ones.
        flight.retire();
        let mut state = flight.state.lock();
        let unset = flight.result.set(result);
        state.phase = Phase::Landed;
        let woken = state.wakers.all();
        drop(state);
        woken.for_each(Waker::wake);
        drop(unset);
    }

    /// Returns whether the flight has other members. If so, `waker` is woken when the last of them
    /// has left.
    #[must_use]
    pub fn is_awaited(&self, waker: &Waker) -> bool {
        let mut state = self.flight.state.lock();
        let awaited = state.members > 1;
        if awaited {
            state.idle = Some(waker.clone());
        }
        awaited
    }

    /// Polls the call, if it was woken and no other member polls it.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome<C>> {
        let Self { flight, place } = self;
        if place.carrying {
            return Poll::Ready(Outcome::Lead);
        }
        // Nothing is due to a member that has only followed.
        if place.leads.is_none() && flight.result.get().is_some() {
            return Poll::Ready(Outcome::Shared);
        }
        let mut state = flight.state.lock();
        if let Some(due) = state.due(place) {
            drop(state);
            return Poll::Ready(collect(due));
        }
        let woken = state.woken;
        match &mut state.phase {
            Phase::Calling(call) => {
                if let Some(call) = call.take_if(|_| woken) {
                    state.woken = false;
                    place.carrying = true;
                    drop(state);
                    return self.carry(call, cx);
                }
                state.wait(place, cx.waker());
                Poll::Pending
            }
            Phase::Vacant => {
                state.lead(place);
                Poll::Ready(Outcome::Lead)
            }
            Phase::Landed => Poll::Ready(Outcome::Shared),
            Phase::Alone => Poll::Ready(Outcome::Alone),
            Phase::Broken => Poll::Ready(Outcome::Broken),
            Phase::Gone => Poll::Ready(Outcome::Missed),
        }
    }

    fn carry(&mut self, mut call: C, cx: &mut Context<'_>) -> Poll<Outcome<C>> {
        let waker = waker_ref(&self.flight);
        let mut inner = Context::from_waker(&waker);
        // A panic belongs to the caller whose request it was, wherever it is noticed.
        let polled = catch_unwind(AssertUnwindSafe(|| call.poll(&self.flight, &mut inner)));
        match polled {
            Ok(Poll::Pending) => {
                self.put_back(call, cx);
                Poll::Pending
            }
            Ok(Poll::Ready(())) => self.land(call, cx),
            Err(panic) => {
                // The drop of a broken call may panic again.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(call)));
                self.lost(panic, cx)
            }
        }
    }

    fn put_back(&mut self, call: C, cx: &Context<'_>) {
        let Self { flight, place } = self;
        let mut state = flight.state.lock();
        state.phase = Phase::Calling(Some(call));
        state.wait(place, cx.waker());
        place.carrying = false;
        let woken = match state.woken {
            true => state.wakers.carriers(),
            false => Woken::new(),
        };
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    fn land(&mut self, call: C, cx: &mut Context<'_>) -> Poll<Outcome<C>> {
        let Self { flight, place } = self;
        let mut state = flight.state.lock();
        let leads = state.is_led_by(place);
        let lone = leads && state.members == 1;
        let (resolution, left) = call.resolve(lone, flight);
        place.carrying = false;
        match resolution {
            Resolution::Own { own, .. } if lone => {
                state.close(place);
                drop(state);
                flight.retire();
                drop(left);
                Poll::Ready(Outcome::Own(own))
            }
            Resolution::Own { own, others } if leads => {
                let parted = state.part(place, others);
                drop(state);
                parted.conclude(flight);
                drop(left);
                Poll::Ready(Outcome::Own(own))
            }
            Resolution::Own { own, others } => {
                let parted = state.part_for_leader(Due::Own(own), others);
                drop(state);
                parted.conclude(flight);
                drop(left);
                self.poll(cx)
            }
            Resolution::Shared { result, open } => {
                let unset = flight.result.set(result);
                state.phase = Phase::Landed;
                let woken = state.wakers.all();
                drop(state);
                if !open {
                    flight.retire();
                }
                woken.for_each(Waker::wake);
                drop((left, unset));
                Poll::Ready(Outcome::Shared)
            }
        }
    }

    /// Handles a call that was lost in a panic.
    fn lost(&mut self, panic: Box<dyn Any + Send>, cx: &mut Context<'_>) -> Poll<Outcome<C>> {
        let Self { flight, place } = self;
        let mut state = flight.state.lock();
        place.carrying = false;
        let others = match state.attempt < C::max_panics(flight.terms()) {
            true => Others::Again,
            false => Others::Broken,
        };
        if state.is_led_by(place) {
            let parted = state.part(place, others);
            drop(state);
            parted.conclude(flight);
            resume_unwind(panic);
        }
        let parted = state.part_for_leader(Due::Panic(panic), others);
        drop(state);
        parted.conclude(flight);
        self.poll(cx)
    }

    fn leave(&mut self) {
        let Self { flight, place } = self;
        if place.leads.is_none() && flight.result.get().is_some_and(SharedResult::is_final) {
            return;
        }
        let mut state = flight.state.lock();
        if state.members == 1
            && !place.finishes
            && matches!(state.phase, Phase::Calling(Some(_)))
            && let Some(finish) = C::finish(flight.terms())
        {
            state.step_down(place);
            // Never without a member, so it cannot be taken for abandoned.
            drop(state);
            return finish(Self::new(Arc::clone(flight), Place::finishing()));
        }
        let parted = state.leave(place);
        drop(state);
        parted.conclude(flight);
    }
}

/// Returns the result that is due, or resumes the panic.
fn collect<C: Call>(due: Due<C>) -> Outcome<C> {
    match due {
        Due::Own(own) => Outcome::Own(own),
        Due::Panic(panic) => resume_unwind(panic),
    }
}

impl<C: Call> Drop for Member<C> {
    fn drop(&mut self) {
        if !self.place.done {
            self.leave();
        }
    }
}

impl<C: Call> fmt::Debug for Member<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}

// === impl Parted ===

impl<C: Call> Parted<C> {
    fn conclude(self, flight: &Arc<Flight<C>>) {
        if self.retire {
            flight.retire();
        }
        self.woken.into_iter().for_each(Waker::wake);
        if self.settled
            && let Some(result) = flight.result.get()
        {
            result.settled();
        }
        drop((self.call, self.due));
    }
}
