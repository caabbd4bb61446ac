//! Tasks of this process that wait for locks of others.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::client::Listener;

/// The locks that tasks wait for. Each holds a place while it waits.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<HashMap<Arc<[u8]>, Weak<Place>>>);

/// The place of the tasks that wait for one lock.
#[derive(Debug)]
pub(super) struct Place {
    name: Arc<[u8]>,
    all: Weak<Waiting>,
    released: watch::Sender<()>,
}

// === impl Waiting ===

impl Waiting {
    /// Takes a place. What is released from now on is seen there.
    pub(super) fn join(self: &Arc<Self>, name: &[u8]) -> (Arc<Place>, watch::Receiver<()>) {
        let mut places = self.0.lock();
        let place = places.get(name).and_then(Weak::upgrade).unwrap_or_else(|| {
            let name: Arc<[u8]> = name.into();
            let place = Arc::new(Place {
                name: Arc::clone(&name),
                all: Arc::downgrade(self),
                released: watch::Sender::new(()),
            });
            places.insert(name, Arc::downgrade(&place));
            place
        });
        let released = place.released.subscribe();
        (place, released)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }
}

impl Listener for Waiting {
    fn message(&self, payload: &[u8]) {
        let place = self.0.lock().get(payload).and_then(Weak::upgrade);
        if let Some(place) = place {
            place.released.send_replace(());
        }
    }

    fn interrupted(&self) {
        let places: Vec<_> = self.0.lock().values().filter_map(Weak::upgrade).collect();
        for place in places {
            place.released.send_replace(());
        }
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(all) = self.all.upgrade() {
            let mut places = all.0.lock();
            // Another task may have made a new place meanwhile.
            if places
                .get(&self.name)
                .is_some_and(|place| place.strong_count() == 0)
            {
                places.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_release_is_seen_by_those_who_joined_before_it_and_places_are_given_up() {
        let waiting = Arc::new(Waiting::default());
        let (one, mut released) = waiting.join(b"one");
        let (other, mut not_released) = waiting.join(b"other");
        let (again, mut too) = waiting.join(b"one");
        waiting.message(b"one");
        waiting.message(b"unknown");
        released.changed().await.expect("its place is held");
        too.changed().await.expect("its place is held");
        assert!(!not_released.has_changed().expect("its place is held"));
        waiting.interrupted();
        not_released.changed().await.expect("its place is held");
        drop((one, again));
        assert_eq!(waiting.len(), 1);
        drop(other);
        assert_eq!(waiting.len(), 0);
    }

    #[test]
    fn a_hundred_thousand_locks_leave_nothing_behind() {
        let waiting = Arc::new(Waiting::default());
        for number in 0..100_000_u32 {
            drop(waiting.join(&number.to_le_bytes()));
        }
        assert_eq!(waiting.len(), 0);
    }
}
