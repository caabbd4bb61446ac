//! A caller's place in a flight.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use futures_task::waker_ref;
use scrimp_core::KeyRef;

use super::{
    Arrival, Cargo, Flight, Landing, Others, Outcome, Owed,
    state::{Parted, Phase, Place},
};
use crate::wakers::Woken;

/// One caller's place in a flight. Leaves when it is dropped.
pub(crate) struct Member<A: Arrival> {
    flight: Arc<Flight<A>>,
    place: Place,
}

// === impl Member ===

impl<A: Arrival> Member<A> {
    pub(super) fn new(flight: Arc<Flight<A>>, place: Place) -> Self {
        Self { flight, place }
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

    /// What there is for everybody.
    pub(crate) fn cargo(&self) -> Option<&A::Cargo> {
        self.flight.cargo.get()
    }

    /// Which of the flight's calls this member makes, from one; 0 if it has made none.
    pub(crate) fn attempt(&self) -> u32 {
        self.place.leads.unwrap_or(0)
    }

    /// Makes the call that this member leads.
    pub(crate) fn launch(&mut self, call: A::Call, cx: &mut Context<'_>) -> Poll<Outcome<A>> {
        self.carry(call, cx)
    }

    /// Carries the call on if there is something to do and nobody else does it.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome<A>> {
        let Self { flight, place } = self;
        // Nothing is owed to one who has only followed.
        if place.leads.is_none() && flight.cargo.get().is_some() {
            return Poll::Ready(Outcome::Landed);
        }
        let mut state = flight.state.lock();
        if let Some(owed) = state.owed(place) {
            drop(state);
            return Poll::Ready(collect(owed));
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
            Phase::Landed => Poll::Ready(Outcome::Landed),
            Phase::Alone => Poll::Ready(Outcome::Alone),
            Phase::Broken => Poll::Ready(Outcome::Broken),
            Phase::Gone => Poll::Ready(Outcome::Missed),
        }
    }

    fn carry(&mut self, mut call: A::Call, cx: &mut Context<'_>) -> Poll<Outcome<A>> {
        let waker = waker_ref(&self.flight);
        let mut inner = Context::from_waker(&waker);
        // A panic belongs to the one whose request it was, wherever it is noticed.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            A::poll(&mut call, &self.flight, &mut inner)
        }));
        match polled {
            Ok(Poll::Pending) => {
                self.put_back(call, cx);
                Poll::Pending
            }
            Ok(Poll::Ready(arrival)) => self.land(arrival, call, cx),
            Err(panic) => {
                // What a broken call leaves behind may well panic again.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(call)));
                self.lost(panic, cx)
            }
        }
    }

    fn put_back(&mut self, call: A::Call, cx: &Context<'_>) {
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

    fn land(&mut self, arrival: A, call: A::Call, cx: &mut Context<'_>) -> Poll<Outcome<A>> {
        let Self { flight, place } = self;
        let mut state = flight.state.lock();
        let leads = state.is_led_by(place);
        let lone = leads && state.members == 1;
        let (landing, left) = arrival.land(call, lone, flight);
        place.carrying = false;
        match landing {
            Landing::Own { own, .. } if lone => {
                state.close(place);
                drop(state);
                flight.retire();
                drop(left);
                Poll::Ready(Outcome::Own(own))
            }
            Landing::Own { own, others } if leads => {
                let parted = state.part(place, others);
                drop(state);
                parted.conclude(flight);
                drop(left);
                Poll::Ready(Outcome::Own(own))
            }
            Landing::Own { own, others } => {
                let parted = state.part_for_leader(Owed::Own(own), others);
                drop(state);
                parted.conclude(flight);
                drop(left);
                self.poll(cx)
            }
            Landing::Shared { cargo, open } => {
                let unset = flight.cargo.set(cargo);
                state.phase = Phase::Landed;
                let woken = state.wakers.all();
                drop(state);
                if !open {
                    flight.retire();
                }
                woken.for_each(Waker::wake);
                drop((left, unset));
                Poll::Ready(Outcome::Landed)
            }
        }
    }

    /// The call was lost in a panic.
    fn lost(&mut self, panic: Box<dyn Any + Send>, cx: &mut Context<'_>) -> Poll<Outcome<A>> {
        let Self { flight, place } = self;
        let mut state = flight.state.lock();
        place.carrying = false;
        let others = match state.attempt < A::most_panics(&flight.terms) {
            true => Others::Again,
            false => Others::Broken,
        };
        if state.is_led_by(place) {
            let parted = state.part(place, others);
            drop(state);
            parted.conclude(flight);
            resume_unwind(panic);
        }
        let parted = state.part_for_leader(Owed::Panic(panic), others);
        drop(state);
        parted.conclude(flight);
        self.poll(cx)
    }

    fn leave(&mut self) {
        let Self { flight, place } = self;
        if place.leads.is_none() && flight.cargo.get().is_some_and(Cargo::is_final) {
            return;
        }
        let mut state = flight.state.lock();
        if state.members == 1
            && !place.finishes
            && matches!(state.phase, Phase::Calling(Some(_)))
            && let Some(finish) = A::finish(&flight.terms)
        {
            state.step_down(place);
            // Never without a member, so nobody can take it for abandoned.
            drop(state);
            return finish(Self::new(
                Arc::clone(flight),
                Place {
                    finishes: true,
                    ..Place::default()
                },
            ));
        }
        let parted = state.leave(place);
        drop(state);
        parted.conclude(flight);
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
        if !self.place.done {
            self.leave();
        }
    }
}

// === impl Parted ===

impl<A: Arrival> Parted<A> {
    fn conclude(self, flight: &Arc<Flight<A>>) {
        if self.retire {
            flight.retire();
        }
        self.woken.into_iter().for_each(Waker::wake);
        if self.settled
            && let Some(cargo) = flight.cargo.get()
        {
            cargo.settled();
        }
        drop((self.call, self.owed));
    }
}
