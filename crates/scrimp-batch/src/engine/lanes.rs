//! The lanes of one service.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use scrimp_core::{Key, KeyHashBuilder, KeyRef};
use tokio::time::Instant;

use super::lane::Lane;

/// Lanes that are kept even if idle.
const KEPT: usize = 64;
/// Time after which an idle lane may be dropped, with its measurements.
const IDLE: Duration = Duration::from_secs(60);

/// Lanes by key. Idle lanes are dropped, so that a million credentials seen once do not stay in
/// memory.
pub(crate) struct Lanes<I, A>(Mutex<Table<I, A>>);

struct Table<I, A> {
    lanes: HashMap<Key, Arc<Lane<I, A>>, KeyHashBuilder>,
    sweep_at: usize,
}

// === impl Lanes ===

impl<I, A> Lanes<I, A> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Table {
            lanes: HashMap::with_hasher(KeyHashBuilder),
            sweep_at: KEPT,
        }))
    }

    /// Returns the lane of this key. Makes it if there is none.
    pub(crate) fn lane(
        &self,
        key: KeyRef<'_>,
        make: impl FnOnce() -> Lane<I, A>,
    ) -> Arc<Lane<I, A>> {
        let key = key.to_key();
        let mut table = self.0.lock();
        if table.lanes.len() >= table.sweep_at && !table.lanes.contains_key(&key) {
            table.sweep();
        }
        Arc::clone(table.lanes.entry(key).or_insert_with(|| Arc::new(make())))
    }
}

impl<I, A> Table<I, A> {
    fn sweep(&mut self) {
        let now = Instant::now();
        // The holder of a lane is about to use it.
        let in_use =
            |lane: &Arc<Lane<I, A>>| Arc::strong_count(lane) > 1 || !lane.is_idle(now, IDLE);
        self.lanes.retain(|_, lane| in_use(lane));
        self.sweep_at = KEPT.max(self.lanes.len() * 2);
    }
}

impl<I, A> fmt::Debug for Lanes<I, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lanes({})", self.0.lock().lanes.len())
    }
}

#[cfg(test)]
mod tests {
    use scrimp_core::KeyBuf;

    use super::*;
    use crate::engine::{BatchWindow, Limits, Size};

    #[tokio::test(start_paused = true)]
    async fn a_million_keys_seen_once_do_not_stay() {
        let limits = Arc::new(Limits {
            size: Arc::new(Size::default()),
            items: 1,
            bytes: 1,
            weight: 1,
            concurrency: None,
            window: BatchWindow::fixed(Duration::ZERO),
        });
        let lanes = Lanes::<u8, u8>::new();
        let mut most = 0;
        for n in 0..1_000_000_u32 {
            let mut key = KeyBuf::new();
            key.part(&n.to_le_bytes());
            drop(lanes.lane(key.as_ref(), || Lane::new(Arc::clone(&limits))));
            if n % 100 == 0 {
                tokio::time::advance(Duration::from_secs(1)).await;
                most = most.max(lanes.0.lock().lanes.len());
            }
        }
        assert!(most <= 2 * 60 * 100 + KEPT, "{most}");
    }
}
