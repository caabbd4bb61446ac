//! Batch sizes that an upstream accepts, learned from its refusals.

use std::time::Duration;

use tokio::time::Instant;

/// Time for which a refusal is remembered.
const MEMORY: Duration = Duration::from_secs(600);
/// Full batches without a refusal after which a larger one is tried.
const CLEAN: u32 = 20;
/// Bytes per item from which on a refused batch is taken to be too long rather than to have too
/// many items, where both are possible.
const LONG_ITEM: usize = 1 << 10;

/// The size of the batches that the upstream of one lane accepts.
///
/// An upstream says that a batch is too large, and not whether it has too many items or too many
/// bytes. So the sizes that passed are compared: what was no larger than one of them was not the
/// reason. Each lane learns for itself, so that one client cannot teach sizes to others. A refusal
/// is forgotten after ten minutes, whether or not batches are sent meanwhile.
#[derive(Debug, Clone, Default)]
pub(crate) struct Learned {
    limits: Option<Sizes>,
    /// The largest sizes that passed since the first refusal.
    passed: Sizes,
    /// Full batches in a row that passed.
    clean: u32,
    /// The time of the last refusal.
    refused: Option<Instant>,
    /// The upstream named its limit on items, so that larger batches need not be tried.
    told: bool,
}

/// The size of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sizes {
    pub(crate) items: usize,
    /// Of all bodies.
    pub(crate) bytes: usize,
}

// === impl Learned ===

impl Learned {
    /// Returns the limits: at least one item, and at least one byte. One item only if the upstream
    /// says that it takes no more. `None` if no refusal is remembered.
    pub(crate) fn limits(&self, now: Instant) -> Option<Sizes> {
        let refused = self.refused?;
        self.limits
            .filter(|_| now.saturating_duration_since(refused) < MEMORY)
    }

    /// Returns true if a refusal is remembered.
    pub(crate) fn is_remembered(&self, now: Instant) -> bool {
        self.limits(now).is_some()
    }

    /// Records that a batch of two or more items was refused. Smaller ones are tried next.
    pub(crate) fn refused(&mut self, size: Sizes, now: Instant) {
        if !self.is_remembered(now) {
            *self = Self {
                passed: self.passed,
                ..Self::default()
            };
        }
        self.refused = Some(now);
        self.clean = 0;
        let unknown = Sizes {
            items: usize::MAX,
            bytes: usize::MAX,
        };
        let limits = self.limits.get_or_insert(unknown);
        let (many, long) = (
            size.items > self.passed.items,
            size.bytes > self.passed.bytes,
        );
        if !many && !long {
            // The upstream accepts less than before.
            self.passed = Sizes::default();
        }
        let by_bytes = match (many, long) {
            (true, false) => false,
            (false, true) => true,
            _ => size.bytes / size.items.max(1) >= LONG_ITEM,
        };
        if by_bytes {
            let tried = (size.bytes / 2).max(self.passed.bytes).max(1);
            limits.bytes = limits.bytes.min(tried);
        } else {
            // A pair teaches nothing: one item is no batch.
            let tried = (size.items / 2).max(self.passed.items).max(2);
            limits.items = limits.items.min(tried);
        }
    }

    /// Records that the upstream takes this number of items at most. It said so if `told`; else it
    /// stopped after this number.
    pub(crate) fn limited(&mut self, items: usize, told: bool, now: Instant) {
        if !self.is_remembered(now) {
            *self = Self::default();
        }
        let items = items.max(1);
        self.refused = Some(now);
        self.clean = 0;
        self.told = told;
        self.passed.items = self.passed.items.min(items);
        let bytes = self.limits.map_or(usize::MAX, |limits| limits.bytes);
        self.limits = Some(Sizes { items, bytes });
    }

    /// Records that a batch passed.
    pub(crate) fn accepted(&mut self, size: Sizes, now: Instant) {
        self.passed.items = self.passed.items.max(size.items);
        self.passed.bytes = self.passed.bytes.max(size.bytes);
        if !self.is_remembered(now) {
            (self.limits, self.refused) = (None, None);
            return;
        }
        let Some(limits) = &mut self.limits else {
            return;
        };
        // A smaller batch says nothing about one of full size.
        let full = size.items >= limits.items || size.bytes >= limits.bytes / 2;
        self.clean += u32::from(full);
        if self.clean >= CLEAN {
            self.clean = 0;
            limits.items = limits.items.saturating_add(usize::from(!self.told));
            limits.bytes = limits.bytes.saturating_add(limits.bytes / 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(items: usize, bytes: usize) -> Sizes {
        Sizes { items, bytes }
    }

    fn limits(learned: &Learned) -> (usize, usize) {
        let limits = learned.limits(Instant::now()).unwrap();
        (limits.items, limits.bytes)
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_many_short_items_halves_their_number_and_twenty_full_batches_add_one() {
        let (mut learned, now) = (Learned::default(), Instant::now());
        learned.refused(size(100, 5_000), now);
        assert_eq!(limits(&learned), (50, usize::MAX));
        learned.refused(size(100, 5_000), now);
        assert_eq!(limits(&learned).0, 50, "a batch that was sent before");
        (0..19).for_each(|_| learned.accepted(size(50, 2_500), now));
        learned.accepted(size(7, 300), now);
        assert_eq!(
            limits(&learned).0,
            50,
            "seven items say nothing about fifty"
        );
        learned.accepted(size(50, 2_500), now);
        assert_eq!(limits(&learned).0, 51);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_the_upstream_names_stays_for_ten_minutes_and_one_that_it_shows_grows() {
        for (told, grown) in [(true, 10), (false, 11)] {
            let (mut learned, now) = (Learned::default(), Instant::now());
            learned.accepted(size(60, 600), now);
            learned.limited(10, told, now);
            assert_eq!(limits(&learned), (10, usize::MAX));
            (0..20).for_each(|_| learned.accepted(size(10, 100), now));
            assert_eq!(limits(&learned).0, grown);
            assert!(!learned.is_remembered(now + MEMORY));
            learned.limited(0, told, now);
            assert_eq!(limits(&learned).0, 1, "items go alone");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn two_long_items_teach_bytes_and_never_a_number_of_items() {
        let (mut learned, now) = (Learned::default(), Instant::now());
        learned.refused(size(2, 120_000), now);
        assert_eq!(limits(&learned), (usize::MAX, 60_000));
        for _ in 0..1_000 {
            learned.refused(size(2, 2), now);
        }
        assert_eq!(limits(&learned).0, 2, "a pair is the smallest batch");
    }

    #[tokio::test(start_paused = true)]
    async fn what_passed_before_tells_bytes_and_items_apart() {
        let (mut learned, now) = (Learned::default(), Instant::now());
        learned.accepted(size(80, 8_000), now);
        learned.refused(size(60, 9_000), now);
        assert_eq!(limits(&learned), (usize::MAX, 8_000), "60 items passed");
        learned.refused(size(100, 7_000), now);
        assert_eq!(limits(&learned), (80, 8_000), "7,000 bytes passed");
    }

    #[tokio::test(start_paused = true)]
    async fn as_much_as_passed_before_was_not_the_reason() {
        let now = Instant::now();
        let refused = |passed: Sizes, refused: Sizes| {
            let mut learned = Learned::default();
            learned.accepted(passed, now);
            learned.refused(refused, now);
            limits(&learned)
        };
        let bytes = refused(size(10, 1_000), size(10, 2_000));
        assert_eq!(bytes, (usize::MAX, 1_000), "ten items passed");
        let items = refused(size(2, 4_096), size(3, 4_096));
        assert_eq!(items, (2, usize::MAX), "4 KiB passed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_on_bytes_stays_beside_one_on_items_and_grows_by_an_eighth() {
        let (mut learned, now) = (Learned::default(), Instant::now());
        learned.refused(size(2, 120_000), now);
        learned.limited(10, true, now);
        assert_eq!(limits(&learned), (10, 60_000));
        (0..20).for_each(|_| learned.accepted(size(10, 60_000), now));
        assert_eq!(limits(&learned), (10, 67_500));
    }

    #[tokio::test(start_paused = true)]
    async fn an_upstream_with_a_limit_on_either_is_found_within_a_few_refusals() {
        for (most, long) in [(20, usize::MAX), (usize::MAX, 100_000), (20, 100_000)] {
            for item in [10, 400, 5_000] {
                let (mut learned, now) = (Learned::default(), Instant::now());
                let mut refusals = 0;
                for _ in 0..100 {
                    let limits = learned.limits(now).unwrap_or(size(100, 1 << 20));
                    let items = limits.items.min(100).min((limits.bytes / item).max(1));
                    let batch = size(items, items * item);
                    if batch.items <= 1 {
                        continue;
                    }
                    if batch.items > most || batch.bytes > long {
                        refusals += 1;
                        learned.refused(batch, now);
                    } else {
                        learned.accepted(batch, now);
                    }
                }
                assert!(refusals <= 12, "{most} {long} {item}: {refusals}");
                let limits = learned.limits(now).unwrap_or(size(100, 1 << 20));
                let reached = limits.items.min(limits.bytes / item).min(100);
                let best = most.min(long / item).min(100);
                assert!(
                    reached * 2 >= best,
                    "{most} {long} {item}: {reached} of {best}"
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_forgotten_after_ten_minutes_even_if_nothing_is_sent() {
        let (mut learned, now) = (Learned::default(), Instant::now());
        learned.refused(size(8, 80), now);
        assert!(learned.is_remembered(now + MEMORY - Duration::from_secs(1)));
        assert!(!learned.is_remembered(now + MEMORY));
    }
}
