//! The lanes of one service.

use std::{fmt, sync::Arc, time::Duration};

use hashlink::LinkedHashMap;
use parking_lot::Mutex;
use scrimp_core::{Key, KeyHashBuilder, KeyRef};
use tokio::time::Instant;

use super::lane::Lane;
use crate::stats::Gauge;

/// Time after which an idle lane may be dropped.
const IDLE: Duration = Duration::from_secs(60);
/// Lanes that each look-up examines, the one unused for longest first.
const EXAMINED: usize = 2;
/// Lanes in use that are passed over to find one that can be evicted.
const PASSED_OVER: usize = 8;

/// Lanes by key, in the order of their last use.
///
/// Clients can name lanes, by credentials or a Host. So there are at most `most` of them beside
/// those with an item in line or in flight; the lane unused for longest is evicted. Idle lanes are
/// dropped as time passes. Both take constant time for each request.
pub(crate) struct Lanes<I, A> {
    lanes: Mutex<Map<I, A>>,
    most: usize,
    /// Counts the lanes of all services of the layer.
    gauge: Gauge,
}

type Map<I, A> = LinkedHashMap<Key, Arc<Lane<I, A>>, KeyHashBuilder>;

// === impl Lanes ===

impl<I, A> Lanes<I, A> {
    pub(crate) fn new(most: usize, gauge: Gauge) -> Self {
        Self {
            lanes: Mutex::new(LinkedHashMap::with_hasher(KeyHashBuilder)),
            most,
            gauge,
        }
    }

    /// Returns the lane of this key, made if there is none.
    pub(crate) fn lane(
        &self,
        key: KeyRef<'_>,
        make: impl FnOnce() -> Lane<I, A>,
    ) -> Arc<Lane<I, A>> {
        let key = key.to_key();
        let mut lanes = self.lanes.lock();
        if let Some(lane) = lanes.to_back(&key) {
            let lane = Arc::clone(lane);
            self.gauge.lower(drop_idle(&mut lanes));
            return lane;
        }
        self.gauge.lower(drop_idle(&mut lanes));
        while lanes.len() >= self.most {
            if !evict(&mut lanes) {
                break;
            }
            self.gauge.lower(1);
        }
        let lane = Arc::new(make());
        lanes.insert(key, Arc::clone(&lane));
        self.gauge.raise();
        lane
    }
}

impl<I, A> Drop for Lanes<I, A> {
    fn drop(&mut self) {
        self.gauge.lower(self.lanes.get_mut().len());
    }
}

/// Drops the lanes unused for longest if they are idle, and returns their number. One that
/// remembers a refusal is kept.
fn drop_idle<I, A>(lanes: &mut Map<I, A>) -> usize {
    let now = Instant::now();
    let before = lanes.len();
    for _ in 0..EXAMINED {
        let idle = |lane: &Arc<Lane<I, A>>| Arc::strong_count(lane) == 1 && lane.is_idle(now, IDLE);
        let Some((_, lane)) = lanes.front().filter(|(_, lane)| idle(lane)) else {
            break;
        };
        let keep = lane.has_learned(now);
        let front = lanes.pop_front();
        // It must not stand before idle ones.
        if let Some((key, lane)) = front.filter(|_| keep) {
            lanes.insert(key, lane);
        }
    }
    before - lanes.len()
}

/// Evicts the lane unused for longest that holds no item. Returns false if none was found among
/// the first: the items in them are bounded elsewhere.
fn evict<I, A>(lanes: &mut Map<I, A>) -> bool {
    for _ in 0..PASSED_OVER {
        let Some((key, lane)) = lanes.pop_front() else {
            return false;
        };
        // A caller that holds the lane is about to use it.
        if Arc::strong_count(&lane) == 1 && lane.is_empty() {
            return true;
        }
        lanes.insert(key, lane);
    }
    false
}

impl<I, A> fmt::Debug for Lanes<I, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lanes({})", self.lanes.lock().len())
    }
}

#[cfg(test)]
mod tests {
    use scrimp_core::KeyBuf;

    use super::*;
    use crate::engine::{BatchWindow, Limits, size::Sizes};

    const MOST: usize = 100;

    fn limits() -> Arc<Limits> {
        Arc::new(Limits {
            items: 1,
            bytes: 1,
            weight: 1,
            concurrency: None,
            window: BatchWindow::fixed(Duration::ZERO),
        })
    }

    fn key(n: u32) -> KeyBuf {
        let mut key = KeyBuf::new();
        key.part(&n.to_le_bytes());
        key
    }

    fn count(lanes: &Lanes<u8, u8>) -> usize {
        lanes.lanes.lock().len()
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_a_hundred_times_the_bound_stays_within_it() {
        let (lanes, limits) = (Lanes::<u8, u8>::new(MOST, Gauge::default()), limits());
        for n in 0..100 * MOST as u32 {
            drop(lanes.lane(key(n).as_ref(), || Lane::new(Arc::clone(&limits))));
            assert!(count(&lanes) <= MOST);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_in_use_is_not_evicted() {
        let (lanes, limits) = (Lanes::<u8, u8>::new(MOST, Gauge::default()), limits());
        let make = || Lane::new(Arc::clone(&limits));
        let used = lanes.lane(key(0).as_ref(), make);
        for n in 1..100 * MOST as u32 {
            drop(lanes.lane(key(n).as_ref(), make));
        }
        let again = lanes.lane(key(0).as_ref(), make);
        assert!(Arc::ptr_eq(&used, &again));
    }

    #[tokio::test(start_paused = true)]
    async fn idle_lanes_go_as_time_passes_and_those_that_remember_a_refusal_later() {
        let (lanes, limits) = (Lanes::<u8, u8>::new(MOST, Gauge::default()), limits());
        let make = || Lane::new(Arc::clone(&limits));
        let taught = lanes.lane(key(0).as_ref(), make);
        taught.refused(Sizes { items: 9, bytes: 9 });
        drop(taught);
        (1..50).for_each(|n| drop(lanes.lane(key(n).as_ref(), make)));
        tokio::time::advance(IDLE).await;
        (0..60).for_each(|_| drop(lanes.lane(key(99).as_ref(), make)));
        assert_eq!(count(&lanes), 2, "one remembers, one is used");
        tokio::time::advance(IDLE * 10).await;
        (0..60).for_each(|_| drop(lanes.lane(key(99).as_ref(), make)));
        assert_eq!(count(&lanes), 1);
    }
}
