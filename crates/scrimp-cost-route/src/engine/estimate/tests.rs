//! Sums whose landmark moves, beside sums whose landmark stays.

use super::*;

/// Factors by which a landmark that moves scales the sums.
const FACTORS: Discount = Discount {
    fast: 0.25,
    slow: 0.5,
    long: 0.8,
    trust: 0.3,
};

/// Two copies of one provider's sums: one with its first landmark, and one whose landmark moves.
struct Both {
    still: Sums,
    moved: Sums,
    discount: Discount,
    since: Discount,
}

fn each(one: Discount, other: Discount, of: fn(f64, f64) -> f64) -> Discount {
    Discount {
        fast: of(one.fast, other.fast),
        slow: of(one.slow, other.slow),
        long: of(one.long, other.long),
        trust: of(one.trust, other.trust),
    }
}

const NONE: Discount = Discount {
    fast: 1.0,
    slow: 1.0,
    long: 1.0,
    trust: 1.0,
};

// === impl Both ===

impl Both {
    fn new() -> Self {
        let sums = Sums::new(Prior {
            first_byte: Duration::from_millis(400),
            latency: Duration::from_secs(1),
            reliability: 0.9,
            quality: 0.8,
        });
        Self {
            still: sums,
            moved: sums,
            discount: NONE,
            since: NONE,
        }
    }

    /// Lets a second pass.
    fn pass(&mut self) {
        let second = Discount {
            fast: 0.955,
            slow: 0.988,
            long: 0.999,
            trust: 0.988,
        };
        self.discount = each(self.discount, second, |one, other| one * other);
        self.since = each(self.since, second, |one, other| one * other);
    }

    /// Moves the landmark of one of the two.
    fn move_landmark(&mut self, factors: Discount) {
        self.moved.scale(factors);
        self.since = each(self.since, factors, |since, factor| since / factor);
    }

    fn tell(&mut self, tell: impl Fn(&mut Sums, Discount)) {
        tell(&mut self.still, self.discount);
        tell(&mut self.moved, self.since);
    }

    fn check(&self) -> Expected {
        let values = |sums: &Sums, discount: Discount| {
            let one = sums.expected(discount);
            let (failures, attempts) = sums.failures(discount.fast);
            [
                one.first_byte,
                one.latency,
                one.reliability,
                one.quality,
                failures,
                attempts,
                sums.latency_with(7.0, 3.0, discount),
            ]
        };
        let [still, moved] = [
            values(&self.still, self.discount),
            values(&self.moved, self.since),
        ];
        for (one, other) in still.iter().zip(moved) {
            assert!((one - other).abs() < 1e-9, "{still:?}\n{moved:?}");
        }
        self.still.expected(self.discount)
    }
}

#[test]
fn a_landmark_that_moves_changes_no_estimate_then_or_later() {
    let mut both = Both::new();
    let mut highest: f64 = 0.0;
    for n in 0..200_u32 {
        both.pass();
        // Sixty like these, then slow and bad ones, then fast and good ones: two sure changes each.
        let off = f64::from(n % 7) * 0.02;
        let (seconds, quality) = match n {
            0..60 => (0.94 + off, 0.74 + off),
            60..120 => (4.0 + 4.0 * off, 0.3 + off / 2.0),
            _ => (0.5 + off / 4.0, 0.95 + off / 4.0),
        };
        both.tell(|sums, discount| sums.latency(seconds, discount));
        both.tell(|sums, discount| sums.quality(quality, discount));
        both.tell(|sums, discount| sums.first_byte(seconds / 3.0, discount));
        both.tell(|sums, discount| sums.success(n % 4 != 0, discount));
        if n == 90 {
            both.tell(|sums, discount| sums.only_failures(5, discount));
        }
        highest = highest.max(both.check().latency);
        if n % 3 == 1 {
            both.move_landmark(FACTORS);
            both.check();
        }
    }
    let end = both.check();
    assert!(highest > 3.9, "{highest}");
    assert!(end.latency < 0.6 && end.quality > 0.93, "{end:?}");
}

#[test]
fn failures_are_counted_among_the_attempts_that_still_count() {
    let mut sums = Both::new().still;
    let later = Discount { fast: 0.5, ..NONE };
    sums.success(true, NONE);
    sums.success(false, NONE);
    sums.success(false, NONE);
    assert_eq!(sums.failures(1.0), (2.0, 3.0));
    assert_eq!(sums.failures(later.fast), (1.0, 1.5));
    sums.success(false, later);
    assert_eq!(sums.failures(later.fast), (2.0, 2.5));
    sums.only_failures(4, later);
    assert_eq!(sums.failures(later.fast), (4.0, 4.0));
}

#[test]
fn times_that_are_no_durations_are_the_nearest_ones() {
    assert_eq!(duration(-1.0), Duration::ZERO);
    assert_eq!(duration(1.5), Duration::from_millis(1_500));
    assert_eq!(duration(f64::INFINITY), Duration::MAX);
}

#[test]
fn a_changed_latency_counts_as_the_mean_of_a_nearly_lognormal_distribution() {
    let mut sums = Both::new().still;
    let mut see = |seconds: f64| {
        sums.latency(seconds, NONE);
        (sums.latency.recent, sums.latency_noise.variance(1.0))
    };
    (0..50).for_each(|n| {
        see(if n % 2 == 0 { 0.9 } else { 1.1 });
    });
    let mut before = see(1.0).0.weight;
    for _ in 0..20 {
        let (recent, variance) = see(5.0);
        if recent.weight < before {
            let mean = (5.0_f64.ln() + variance / 2.0).exp();
            assert!(
                (recent.sum / recent.weight - mean).abs() < 1e-9,
                "{recent:?}"
            );
            assert!(variance > 0.0 && recent.weight >= 3.0);
            return;
        }
        before = recent.weight;
    }
    panic!("the change was not found");
}
