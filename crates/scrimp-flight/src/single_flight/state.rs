//! State of a flight and its members. Everything here happens under the flight's lock.

use std::task::Waker;

use super::{
    flight::{Call, Due, Others},
    wakers::{Wakers, Woken},
};

pub(super) struct State<C: Call> {
    pub(super) phase: Phase<C>,
    pub(super) members: usize,
    /// Number of the call, from 1.
    pub(super) attempt: u32,
    /// True if there has been a wake since the last poll of the call.
    pub(super) woken: bool,
    /// True while the caller whose request it was is still there.
    leader: bool,
    leader_slot: Option<usize>,
    /// Woken when only one member is left.
    pub(super) idle: Option<Waker>,
    /// Results that are due to members that made a call, by attempt.
    due: Vec<(u32, Due<C>)>,
    pub(super) wakers: Wakers,
}

pub(super) enum Phase<C: Call> {
    /// In flight. The call is here, or with the member that polls it.
    Calling(Option<C>),
    /// It has failed. The first member to come makes another.
    Vacant,
    /// There is a shared result.
    Landed,
    Alone,
    Broken,
    /// All members left before the end.
    Gone,
}

/// Place of one caller.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) slot: Option<usize>,
    /// Attempt that is this caller's call.
    pub(super) leads: Option<u32>,
    /// True if it polls the call, or is about to make it.
    pub(super) carrying: bool,
    /// True if it finishes a call that all others have left.
    pub(super) finishes: bool,
    pub(super) done: bool,
}

/// Actions that remain after the state is unlocked.
pub(super) struct Parted<C: Call> {
    pub(super) woken: Woken,
    pub(super) retire: bool,
    /// True if the last waiter of a landed result has left.
    pub(super) settled: bool,
    /// Call that no member waits for any more.
    pub(super) call: Option<C>,
    pub(super) due: Option<Due<C>>,
}

// === impl State ===

impl<C: Call> State<C> {
    /// Returns the state of a flight with one member, which will make the call.
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Calling(None),
            members: 1,
            attempt: 1,
            woken: false,
            leader: true,
            leader_slot: None,
            idle: None,
            due: Vec::new(),
            wakers: Wakers::default(),
        }
    }

    /// Adds a member. Returns true if it only has to wait.
    pub(super) fn join(&mut self, place: &mut Place, waker: &Waker) -> bool {
        self.members += 1;
        let waits = match &self.phase {
            Phase::Calling(Some(_)) => !self.woken,
            phase => matches!(phase, Phase::Calling(None)),
        };
        if waits {
            self.wait(place, waker);
        }
        waits
    }

    pub(super) fn wait(&mut self, place: &mut Place, waker: &Waker) {
        self.wakers.register(&mut place.slot, waker);
        if self.is_led_by(place) {
            self.leader_slot = place.slot;
        }
    }

    /// Returns whether the call in flight belongs to this member.
    pub(super) fn is_led_by(&self, place: &Place) -> bool {
        place.leads == Some(self.attempt)
    }

    /// Gives the next call to this member.
    pub(super) fn lead(&mut self, place: &mut Place) {
        self.phase = Phase::Calling(None);
        self.attempt += 1;
        self.leader = true;
        self.leader_slot = place.slot;
        place.leads = Some(self.attempt);
        place.carrying = true;
    }

    /// Takes the result that is due to this member.
    pub(super) fn due(&mut self, place: &Place) -> Option<Due<C>> {
        let leads = place.leads?;
        let at = self.due.iter().position(|(of, _)| *of == leads)?;
        Some(self.due.swap_remove(at).1)
    }

    /// Ends the flight for its only member, whose call it was. The member gets the result and
    /// leaves. No other member has to be told, and nothing is due to any.
    pub(super) fn close(&mut self, place: &mut Place) {
        place.done = true;
        self.step_down(place);
        self.phase = Phase::Gone;
        self.members = 0;
    }

    /// Notes that the call has nothing to share. This member led it, gets its result, and leaves.
    pub(super) fn part(&mut self, place: &mut Place, others: Others) -> Parted<C> {
        self.fail(others, self.members == 1);
        let mut parted = self.leave(place);
        self.dismiss(&mut parted);
        parted
    }

    /// Does the same for a call that a follower polled. The follower may go on.
    pub(super) fn part_for_leader(&mut self, due: Due<C>, others: Others) -> Parted<C> {
        let mut parted = Parted::new();
        if self.leader {
            self.due.push((self.attempt, due));
            let leader = self.leader_slot.and_then(|slot| self.wakers.take(slot));
            parted.woken.extend(leader);
        } else {
            parted.due = Some(due);
        }
        self.fail(others, false);
        self.dismiss(&mut parted);
        parted
    }

    fn fail(&mut self, others: Others, deserted: bool) {
        self.woken = false;
        self.phase = match others {
            Others::Alone => Phase::Alone,
            Others::Broken => Phase::Broken,
            Others::Again if deserted => Phase::Gone,
            Others::Again => Phase::Vacant,
        };
    }

    /// Releases all members, unless there will be another call to wait for.
    fn dismiss(&mut self, parted: &mut Parted<C>) {
        if !matches!(self.phase, Phase::Vacant) {
            parted.retire = true;
            parted.woken.extend(self.wakers.all());
        }
    }

    /// Gives up a member's waker, and its lead.
    pub(super) fn step_down(&mut self, place: &mut Place) {
        self.leader &= !self.is_led_by(place);
        if let Some(slot) = place.slot.take() {
            self.wakers.remove(slot);
            self.leader_slot.take_if(|leader| *leader == slot);
        }
    }

    pub(super) fn leave(&mut self, place: &mut Place) -> Parted<C> {
        place.done = true;
        self.step_down(place);
        self.members -= 1;
        let mut parted = Parted::new();
        parted.due = self.due(place);
        if self.members == 1 {
            parted.woken.extend(self.idle.take());
        }
        let (deserted, pending) = (self.members == 0, self.woken);
        match &mut self.phase {
            Phase::Calling(call) if deserted => {
                parted.call = call.take();
                self.phase = Phase::Gone;
                parted.retire = true;
            }
            Phase::Vacant if deserted => {
                self.phase = Phase::Gone;
                parted.retire = true;
            }
            Phase::Calling(None) if place.carrying => {
                // The call was never made: its maker panicked or left.
                self.phase = Phase::Vacant;
                parted.woken.extend(self.wakers.carriers());
            }
            // This may have been the member that was woken to poll the call.
            Phase::Vacant => parted.woken.extend(self.wakers.carriers()),
            Phase::Calling(Some(_)) if pending => parted.woken.extend(self.wakers.carriers()),
            Phase::Landed => parted.settled = deserted,
            _ => {}
        }
        parted
    }
}

// === impl Place ===

impl Place {
    /// Returns the place of the member that opens a flight.
    pub(super) fn first() -> Self {
        Self {
            leads: Some(1),
            carrying: true,
            ..Self::default()
        }
    }

    /// Returns the place of the member that finishes a call that all others have left.
    pub(super) fn finishing() -> Self {
        Self {
            finishes: true,
            ..Self::default()
        }
    }
}

// === impl Parted ===

impl<C: Call> Parted<C> {
    fn new() -> Self {
        Self {
            woken: Woken::new(),
            retire: false,
            settled: false,
            call: None,
            due: None,
        }
    }
}
