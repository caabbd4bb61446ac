use std::sync::OnceLock;

use tracing::{
    Dispatch, Metadata, Subscriber,
    level_filters::LevelFilter,
    span,
    subscriber::{DefaultGuard, Interest},
};

/// A subscriber that is interested in nothing, and never a thread's default.
struct Silent;

/// Makes this the subscriber of the test's thread for as long as the guard is held.
///
/// Prefer it to `tracing`'s own `set_default`. While a process has a single subscriber, a place in
/// the code that another thread reaches first asks that thread's subscriber; if it has none, as
/// other tests of the same file have none, the place stays silent for all threads. Two more
/// subscribers, that this starts once, make each place ask all.
#[must_use = "it is the subscriber while the guard is held"]
pub fn listen(subscriber: impl Into<Dispatch>) -> DefaultGuard {
    static OTHERS: OnceLock<[Dispatch; 2]> = OnceLock::new();
    OTHERS.get_or_init(|| [Dispatch::new(Silent), Dispatch::new(Silent)]);
    tracing::dispatcher::set_default(&subscriber.into())
}

// === impl Silent ===

impl Subscriber for Silent {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::never()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::OFF)
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn place() -> bool {
        !tracing::info_span!("place").is_disabled()
    }

    #[test]
    fn a_place_that_a_silent_thread_reaches_first_is_still_heard() {
        let _guard = listen(tracing_subscriber::registry());
        assert!(!thread::spawn(place).join().unwrap());
        assert!(place());
    }
}
