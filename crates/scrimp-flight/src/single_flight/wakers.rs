//! Selects the waiters to wake.

use std::task::Waker;

use smallvec::SmallVec;

/// Number of waiters that are woken to poll a call. One is enough. The others guard against a
/// waiter that is alive but not polled, such as a future in a stream whose reader is busy.
const CARRIERS: usize = 8;

/// Wakers of the waiting callers, one each, however often they were polled.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    slots: SmallVec<[Option<Waker>; 2]>,
    free: SmallVec<[usize; 2]>,
    /// Start of the next search for carriers, so that they are not always the same.
    start: usize,
}

/// Wakers that have been taken, to be woken when no lock is held.
pub(crate) type Woken = SmallVec<[Waker; 8]>;

// === impl Wakers ===

impl Wakers {
    /// Sets the waker of the caller in `slot`. A caller without a slot gets one.
    pub(crate) fn register(&mut self, slot: &mut Option<usize>, waker: &Waker) {
        let at = match *slot {
            Some(at) => at,
            None => {
                let at = self.free.pop().unwrap_or(self.slots.len());
                if at == self.slots.len() {
                    self.slots.push(None);
                }
                *slot.insert(at)
            }
        };
        match &mut self.slots[at] {
            Some(known) => known.clone_from(waker),
            empty => *empty = Some(waker.clone()),
        }
    }

    /// Takes the waker in a slot.
    pub(crate) fn take(&mut self, slot: usize) -> Option<Waker> {
        self.slots.get_mut(slot)?.take()
    }

    /// Gives a slot back.
    pub(crate) fn remove(&mut self, slot: usize) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = None;
            self.free.push(slot);
        }
    }

    /// Takes a few wakers, spread over all waiting callers.
    pub(crate) fn carriers(&mut self) -> Woken {
        let length = self.slots.len();
        let mut woken = Woken::new();
        if length <= CARRIERS {
            woken.extend(self.slots.iter_mut().filter_map(Option::take));
            return woken;
        }
        let stride = length.div_ceil(CARRIERS);
        self.start = (self.start + 1) % length;
        // All offsets of the first stride, so that vacant slots hide no waiter.
        for offset in 0..stride {
            let mut at = (self.start + offset) % length;
            for _ in 0..CARRIERS {
                woken.extend(self.slots[at].take());
                at = (at + stride) % length;
            }
            if woken.len() >= CARRIERS {
                break;
            }
        }
        woken
    }

    /// Takes all wakers.
    pub(crate) fn all(&mut self) -> impl Iterator<Item = Waker> + use<> {
        self.free.clear();
        std::mem::take(&mut self.slots).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: usize) -> (Wakers, Vec<Option<usize>>) {
        let mut wakers = Wakers::default();
        let mut slots = vec![None; count];
        for slot in &mut slots {
            wakers.register(slot, Waker::noop());
        }
        (wakers, slots)
    }

    #[test]
    fn a_few_are_taken_of_many_and_all_of_few() {
        assert_eq!(filled(3).0.carriers().len(), 3);
        let (mut wakers, _) = filled(1000);
        let taken: usize = (0..10).map(|_| wakers.carriers().len()).sum();
        assert_eq!(taken, 10 * CARRIERS);
        assert_eq!(wakers.all().count(), 1000 - taken);
    }

    #[test]
    fn the_last_one_waiting_among_many_vacant_slots_is_found() {
        for last in 0..100 {
            let (mut wakers, slots) = filled(100);
            for (index, slot) in slots.iter().enumerate() {
                if index != last {
                    wakers.remove(slot.unwrap());
                }
            }
            assert_eq!(wakers.carriers().len(), 1, "{last}");
        }
    }

    #[test]
    fn a_slot_given_back_is_used_again() {
        let (mut wakers, slots) = filled(4);
        wakers.remove(slots[1].unwrap());
        let mut slot = None;
        wakers.register(&mut slot, Waker::noop());
        assert_eq!(slot, slots[1]);
    }
}
