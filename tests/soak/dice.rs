//! Chaos by a seeded random schedule.

use std::sync::{
    Arc, Once,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use parking_lot::Mutex;

use crate::tally::Tally;

/// Decides what goes wrong, and counts it.
#[derive(Debug)]
pub(crate) struct Dice {
    random: Mutex<fastrand::Rng>,
    on: AtomicBool,
    pub(crate) tally: Arc<Tally>,
}

/// Payload of a scripted panic.
#[derive(Debug)]
pub(crate) struct Scripted;

// === impl Dice ===

impl Dice {
    pub(crate) fn new(seed: u64, on: bool, tally: &Arc<Tally>) -> Self {
        silence_scripted();
        Self {
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            on: AtomicBool::new(on),
            tally: Arc::clone(tally),
        }
    }

    /// Ends the chaos.
    pub(crate) fn stop(&self) {
        self.on.store(false, Relaxed);
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Relaxed)
    }

    /// Returns a generator for one request.
    pub(crate) fn fork(&self) -> fastrand::Rng {
        self.random.lock().fork()
    }

    /// Returns true in this many of 10,000 cases, and counts the event.
    pub(crate) fn happens(&self, event: &'static str, of_10_000: u32) -> bool {
        let happens = self.is_on() && self.random.lock().u32(0..10_000) < of_10_000;
        if happens {
            self.tally.one("chaos", event);
        }
        happens
    }

    /// Panics now and then, as a closure of a user does.
    pub(crate) fn may_panic(&self, closure: &'static str) {
        if self.happens(closure, 20) {
            std::panic::panic_any(Scripted);
        }
    }
}

static UNSCRIPTED: AtomicU64 = AtomicU64::new(0);

/// Returns the panics of this process that were not scripted.
pub(crate) fn unscripted_panics() -> u64 {
    UNSCRIPTED.load(Relaxed)
}

/// Keeps scripted panics off the terminal. All others are counted, and reported as usual.
fn silence_scripted() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<Scripted>() {
                UNSCRIPTED.fetch_add(1, Relaxed);
                report(info);
            }
        }));
    });
}
