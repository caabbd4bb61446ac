//! What is known of a flight, and who has a place in it. All of it happens under its lock.

use std::task::Waker;

use super::{
    flight::{Call, Due, Others},
    wakers::{Wakers, Woken},
};

pub(super) struct State<C: Call> {
    pub(super) phase: Phase<C>,
    pub(super) members: usize,
    /// Which call it is, from one.
    pub(super) attempt: u32,
    /// There has been a wake since the call was polled last.
    pub(super) woken: bool,
    /// The one whose request it was is still there.
    leader: bool,
    leader_slot: Option<usize>,
    /// Woken when there is but one member left.
    pub(super) idle: Option<Waker>,
    /// What is due to those who have made a call, by attempt.
    due: Vec<(u32, Due<C>)>,
    pub(super) wakers: Wakers,
}

pub(super) enum Phase<C: Call> {
    /// Under way. The call is with the member that polls it, or here.
    Calling(Option<C>),
    /// It has failed. The first member to come makes another.
    Vacant,
    /// There is a shared result.
    Landed,
    Alone,
    Broken,
    /// All left before it was over.
    Gone,
}

/// One caller's place.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) slot: Option<usize>,
    /// The attempt that is this one's call.
    pub(super) leads: Option<u32>,
    /// Has the call in hand, or is about to make it.
    pub(super) carrying: bool,
    /// It finishes what all others have left.
    pub(super) finishes: bool,
    pub(super) done: bool,
}

/// What is left to do once the state is unlocked.
pub(super) struct Parted<C: Call> {
    pub(super) woken: Woken,
    pub(super) retire: bool,
    /// The last of those who waited for what has landed has left.
    pub(super) settled: bool,
    /// The call that no member waits for any more.
    pub(super) call: Option<C>,
    pub(super) due: Option<Due<C>>,
}

// === impl State ===

impl<C: Call> State<C> {
    /// Returns the state of a flight with one member, which is about to make the call.
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

    /// Adds a member. True if it has nothing to do but wait.
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

    /// Returns whether the call under way is this one's.
    pub(super) fn is_led_by(&self, place: &Place) -> bool {
        place.leads == Some(self.attempt)
    }

    /// Gives the next call to this one.
    pub(super) fn lead(&mut self, place: &mut Place) {
        self.phase = Phase::Calling(None);
        self.attempt += 1;
        self.leader = true;
        self.leader_slot = place.slot;
        place.leads = Some(self.attempt);
        place.carrying = true;
    }

    /// Takes what is due to this one.
    pub(super) fn due(&mut self, place: &Place) -> Option<Due<C>> {
        let leads = place.leads?;
        let at = self.due.iter().position(|(of, _)| *of == leads)?;
        Some(self.due.swap_remove(at).1)
    }

    /// Ends the flight for its only member, whose call it was: it gets all that this has
    /// brought, and leaves. There is no other to be told, and nothing is due to any.
    pub(super) fn close(&mut self, place: &mut Place) {
        place.done = true;
        self.step_down(place);
        self.phase = Phase::Gone;
        self.members = 0;
    }

    /// Notes that the call has brought nothing to share. It was led by this one, which gets what
    /// it has brought, and leaves.
    pub(super) fn part(&mut self, place: &mut Place, others: Others) -> Parted<C> {
        self.fail(others, self.members == 1);
        let mut parted = self.leave(place);
        self.dismiss(&mut parted);
        parted
    }

    /// The same, but it was carried by one that had folldue. That one may go on.
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

    /// Lets all go, unless there will be another call to wait for.
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
                // The call was never made: a panic on the way to it, or the caller left.
                self.phase = Phase::Vacant;
                parted.woken.extend(self.wakers.carriers());
            }
            // This may have been the one that was to carry on.
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
    /// Returns the place of the one that opens a flight.
    pub(super) fn first() -> Self {
        Self {
            leads: Some(1),
            carrying: true,
            ..Self::default()
        }
    }

    /// Returns the place of the one that finishes what all others have left.
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
