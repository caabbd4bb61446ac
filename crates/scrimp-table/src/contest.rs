//! The choice of the rule by which the table evicts, from its own traffic.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;

use super::{
    rank::{RULES, Rule},
    sample::{Sample, Waiting},
    shadow::Shadow,
};

/// Number of requests that wait to be shown to the shadows. Later ones replace them.
const WAITING: usize = 256;

/// Entries of a shadow: above the first number the sample is halved, below the second one doubled.
const MOST: usize = 256;
const FEW: usize = 64;

/// Requests per entry of a shadow after which the scores are compared.
const PERIODS: usize = 4;

/// Part of a score that is left after a period.
const DECAY: f64 = 0.98;

/// Part by which another rule has to be better to lead.
const AHEAD: f64 = 0.003;

/// The rule that leads, and shadows that find out which should.
#[derive(Debug)]
pub(super) struct Contest {
    /// Index of the rule that the table evicts by.
    leader: AtomicUsize,
    /// Bits of the table's age, which is never negative.
    age: AtomicU64,
    /// Largest mixed hash of a key in the sample.
    sampled: AtomicU64,
    waiting: Box<[Waiting]>,
    next: AtomicUsize,
    shadows: Mutex<Shadows>,
}

#[derive(Debug)]
struct Shadows {
    all: [Shadow; RULES.len()],
    /// Memory of each shadow, in bytes: the part of the table's that the sample is of all keys.
    capacity: f64,
    /// Number of samples seen, of all that were written.
    seen: usize,
    turns: usize,
    gains: [f64; RULES.len()],
    scores: [f64; RULES.len()],
}

// === impl Contest ===

impl Contest {
    /// Makes the contest of a table with this many bytes.
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            leader: AtomicUsize::new(0),
            age: AtomicU64::new(0.0_f64.to_bits()),
            sampled: AtomicU64::new(u64::MAX),
            waiting: (0..WAITING).map(|_| Waiting::default()).collect(),
            next: AtomicUsize::new(0),
            shadows: Mutex::new(Shadows {
                all: RULES.map(Shadow::new),
                capacity: capacity as f64,
                seen: 0,
                turns: 0,
                gains: [0.0; RULES.len()],
                scores: [0.0; RULES.len()],
            }),
        }
    }

    #[inline]
    pub(super) fn rule(&self) -> &'static Rule {
        &RULES[self.leader.load(Relaxed) % RULES.len()]
    }

    /// Returns the age of the table.
    #[inline]
    pub(super) fn age(&self) -> f64 {
        f64::from_bits(self.age.load(Relaxed))
    }

    /// Notes that an entry with this priority was evicted or not admitted.
    pub(super) fn age_by(&self, priority: f64) {
        let age = self.rule().age(self.age(), priority);
        // Numbers that are not negative have the order of their bits.
        self.age.fetch_max(age.to_bits(), Relaxed);
    }

    /// Notes a hit, without waiting for anything.
    #[inline]
    pub(super) fn note_hit(&self, sample: Sample) {
        if mixed(sample.hash) <= self.sampled.load(Relaxed) {
            let turn = self.next.fetch_add(1, Relaxed);
            self.waiting[turn % WAITING].set(sample);
        }
    }

    /// Notes a miss, and shows the shadows all requests since the last one.
    pub(super) fn note_miss(&self, sample: Sample) {
        self.note_hit(sample);
        // If another thread is at it, that one or the next sees the samples.
        if let Some(mut shadows) = self.shadows.try_lock() {
            self.show(&mut shadows);
        }
    }

    fn show(&self, shadows: &mut Shadows) {
        let written = self.next.load(Relaxed);
        let new = written.wrapping_sub(shadows.seen).min(WAITING);
        for turn in (0..new).rev() {
            let turn = written.wrapping_sub(1 + turn);
            let Some(sample) = self.waiting[turn % WAITING].take() else {
                continue;
            };
            // The sample may have become smaller since.
            if mixed(sample.hash) <= self.sampled.load(Relaxed) {
                shadows.show(sample);
                self.resize(shadows);
            }
        }
        shadows.seen = written;
        self.leader
            .store(shadows.leader(self.leader.load(Relaxed)), Relaxed);
    }

    /// Keeps the number of a shadow's entries within its limits, by the size of the sample.
    fn resize(&self, shadows: &mut Shadows) {
        let entries = shadows.entries();
        let sampled = self.sampled.load(Relaxed);
        if entries > MOST {
            self.sampled.store(sampled / 2, Relaxed);
            shadows.capacity /= 2.0;
            for shadow in &mut shadows.all {
                shadow.retain(|hash| mixed(hash) <= sampled / 2);
            }
        } else if entries < FEW && sampled <= u64::MAX / 2 && shadows.turns == 0 {
            // At most once a period, since the new keys take time to come.
            self.sampled.store(sampled * 2 + 1, Relaxed);
            shadows.capacity *= 2.0;
        }
    }
}

/// Returns a hash whose order tells nothing about places in the tables.
#[inline]
fn mixed(hash: u64) -> u64 {
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

// === impl Shadows ===

impl Shadows {
    fn entries(&self) -> usize {
        self.all.iter().map(Shadow::len).max().unwrap_or(0)
    }

    fn show(&mut self, sample: Sample) {
        for (shadow, gain) in self.all.iter_mut().zip(&mut self.gains) {
            if shadow.request(sample, self.capacity) {
                *gain += sample.gain();
            }
        }
        self.turns += 1;
        if self.turns >= (self.entries() / PERIODS).max(8) {
            self.turns = 0;
            for (score, gain) in self.scores.iter_mut().zip(&mut self.gains) {
                *score = *score * DECAY + std::mem::take(gain);
            }
        }
    }

    /// Returns the index of the rule that should lead, after this one did.
    fn leader(&self, before: usize) -> usize {
        (0..RULES.len()).fold(before, |best, rule| {
            let is_better = self.scores[rule] > self.scores[best] * (1.0 + AHEAD);
            if is_better { rule } else { best }
        })
    }
}

#[cfg(test)]
impl Contest {
    /// Returns the largest number of entries of a shadow.
    pub(super) fn entries(&self) -> usize {
        self.shadows.lock().entries()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u64) -> u64 {
        (n + 1).wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(29)
    }

    fn miss(contest: &Contest, key: u64) {
        contest.note_miss(Sample::new(hash(key), 1_000, 1.0));
    }

    #[test]
    fn a_loop_makes_the_rule_lead_that_does_not_age_and_new_popularity_one_that_does() {
        let contest = Contest::new(100_000);
        for turn in 0..10_000 {
            miss(&contest, turn % 150);
        }
        assert_eq!(contest.rule().age(1.0, 2.0), 1.0);
        for turn in 0..40_000 {
            miss(&contest, 1_000 + turn / 1_000 * 90 + turn % 90);
        }
        assert!(contest.rule().age(1.0, 2.0) > 1.0);
    }

    #[test]
    fn shadows_stay_small_however_much_the_table_holds() {
        let contest = Contest::new(1 << 40);
        for key in 0..100_000 {
            miss(&contest, key);
        }
        assert!((FEW..=MOST).contains(&contest.entries()));
        assert!(contest.sampled.load(Relaxed) < u64::MAX / 250);
    }

    #[test]
    fn the_sample_grows_again_when_entries_become_heavier() {
        let contest = Contest::new(10_000_000);
        for key in 0..40_000 {
            contest.note_miss(Sample::new(hash(key), 100, 1.0));
        }
        for key in 0..40_000 {
            contest.note_miss(Sample::new(hash(key), 100_000, 1.0));
        }
        let entries = contest.entries();
        assert!((FEW..=MOST).contains(&entries), "{entries}");
    }

    /// Puts this many keys into each shadow.
    fn fill(contest: &Contest, keys: u64) {
        for shadow in &mut contest.shadows.lock().all {
            for key in 0..keys {
                shadow.request(Sample::new(hash(key), 1, 1.0), 1e12);
            }
        }
        assert_eq!(contest.entries() as u64, keys);
    }

    /// Resizes, and returns what is sampled, the capacity and the number of entries.
    fn resized(contest: &Contest) -> (u64, f64, usize) {
        contest.resize(&mut contest.shadows.lock());
        let capacity = contest.shadows.lock().capacity;
        (contest.sampled.load(Relaxed), capacity, contest.entries())
    }

    #[test]
    fn above_most_entries_the_sample_is_halved_and_the_shadows_with_it() {
        let contest = Contest::new(1_024);
        fill(&contest, MOST as u64);
        assert_eq!(resized(&contest), (u64::MAX, 1_024.0, MOST));
        let contest = Contest::new(1_024);
        fill(&contest, MOST as u64 + 1);
        let (sampled, capacity, entries) = resized(&contest);
        assert_eq!((sampled, capacity), (u64::MAX / 2, 512.0));
        assert!((90..170).contains(&entries), "{entries}");
    }

    #[test]
    fn below_few_entries_the_sample_is_doubled_once_a_period() {
        let half = u64::MAX / 2;
        for (keys, sampled, turns, expected) in [
            (FEW - 1, half, 0, (u64::MAX, 2_048.0)),
            (FEW, half, 0, (half, 1_024.0)),
            (FEW - 1, half, 1, (half, 1_024.0)),
            // All keys cannot be doubled.
            (FEW - 1, half + 1, 0, (half + 1, 1_024.0)),
        ] {
            let contest = Contest::new(1_024);
            fill(&contest, keys as u64);
            contest.sampled.store(sampled, Relaxed);
            contest.shadows.lock().turns = turns;
            let (sampled, capacity, entries) = resized(&contest);
            assert_eq!(
                ((sampled, capacity), entries),
                (expected, keys),
                "{keys} {turns}"
            );
        }
    }

    #[test]
    fn a_miss_is_shown_at_once_with_all_hits_before_it() {
        let contest = Contest::new(1_000_000);
        miss(&contest, 1);
        assert_eq!(contest.entries(), 1);
        for key in 2..5 {
            contest.note_hit(Sample::new(hash(key), 1_000, 1.0));
        }
        assert_eq!(contest.entries(), 1);
        miss(&contest, 5);
        assert_eq!(contest.entries(), 5);
    }

    #[test]
    fn scores_are_gains_that_fade_with_each_period() {
        for (keys, period) in [(4, 8), (100, 25)] {
            let contest = Contest::new(1 << 30);
            fill(&contest, keys);
            let mut shadows = contest.shadows.lock();
            shadows.scores = [10.0; RULES.len()];
            for turn in 1..=2 * period {
                shadows.show(Sample::new(hash(turn % keys), 1, 2.0));
                let gain = 2.0 * period as f64;
                let expected = match turn / period {
                    0 => 10.0,
                    1 => 10.0 * DECAY + gain,
                    _ => (10.0 * DECAY + gain) * DECAY + gain,
                };
                assert!((shadows.scores[1] - expected).abs() < 1e-9, "{turn}");
            }
        }
    }

    #[test]
    fn the_best_rule_leads_once_it_is_clearly_ahead() {
        let contest = Contest::new(1);
        let mut shadows = contest.shadows.lock();
        for (scores, before, expected) in [
            ([0.0; 4], 2, 2),
            ([1_000.0, 1_002.9, 0.0, 0.0], 0, 0),
            ([1_000.0, 1_003.1, 0.0, 0.0], 0, 1),
            ([1_000.0, 1_003.1, 2_000.0, 1_999.0], 1, 2),
            ([0.001, 0.002, 0.0, 0.0], 3, 1),
            ([0.0, 0.0, 0.0, 3.0], 0, 3),
        ] {
            shadows.scores = scores;
            assert_eq!(shadows.leader(before), expected, "{scores:?}");
        }
    }
}
