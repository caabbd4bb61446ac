//! Distribution of a candidate's times to the first byte.

/// Number of buckets. Each is wider than the one before by the square root of two.
const BUCKETS: usize = 48;
/// Upper end of the first bucket, in seconds. The last one ends at four hours.
const FIRST: f64 = 0.001;
/// Number of observations from which the distribution is known.
const KNOWN: f64 = 30.0;

/// Histogram of times, in which newer ones weigh more.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Times([f64; BUCKETS]);

/// A part of the calls that take a time.
#[derive(Debug, Clone, Copy)]
struct Part {
    seconds: f64,
    share: f64,
}

/// Best moment for a second call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    pub(super) after: f64,
    /// Gain of a second call at this moment for each call, in dollars: what the time saved is worth, less
    /// its price.
    pub(super) gain: f64,
}

// === impl Times ===

impl Times {
    pub(in crate::engine) fn new() -> Self {
        Self([0.0; BUCKETS])
    }

    /// Adds a time.
    pub(in crate::engine) fn add(&mut self, seconds: f64, weight: f64) {
        self.0[bucket(seconds)] += weight;
    }

    /// Adds a call that was given up at an age. It would have taken longer: it counts for all longer times,
    /// by their shares (B. Efron, The Two Sample Problem with Censored Data, 1967).
    pub(in crate::engine) fn add_longer(&mut self, age: f64, weight: f64) {
        let longer = (bucket(age) + 1).min(BUCKETS - 1);
        let longer = &mut self.0[longer..];
        let sum: f64 = longer.iter().sum();
        if sum > 0.0 {
            let factor = 1.0 + weight / sum;
            longer.iter_mut().for_each(|held| *held *= factor);
        } else {
            longer[0] += weight;
        }
    }

    pub(in crate::engine) fn scale(&mut self, factor: f64) {
        self.0.iter_mut().for_each(|weight| *weight *= factor);
    }

    /// Reports whether enough was observed.
    pub(super) fn is_known(&self, discount: f64) -> bool {
        self.0.iter().sum::<f64>() * discount >= KNOWN
    }

    fn parts(&self) -> impl DoubleEndedIterator<Item = Part> {
        let sum: f64 = self.0.iter().sum();
        let parts = self.0.iter().enumerate().filter(|(_, held)| **held > 0.0);
        parts.map(move |(index, held)| Part {
            seconds: middle(index),
            share: held / sum,
        })
    }

    /// Returns the moment at which a second call is worth most, if it is ever worth its price. Its times are
    /// those of `other`, times `scale`. `second` is what a second of waiting is worth.
    pub(super) fn moment(
        &self,
        (other, scale): (&Self, f64),
        second: f64,
        price: f64,
    ) -> Option<Moment> {
        // Calls that take longer than each bucket's middle, and how much longer.
        let mut above = [(0.0, 0.0, 0.0); BUCKETS];
        let mut count = 0;
        let (mut share, mut time) = (0.0, 0.0);
        for part in self.parts().rev() {
            share += part.share;
            time += part.share * part.seconds;
            above[count] = (part.seconds, share, time);
            count += 1;
        }
        let above = &above[..count];
        // The mean of max(T − x, 0).
        let beyond = |x: f64| {
            let at = above.partition_point(|(seconds, ..)| *seconds > x);
            let (_, share, time) = above[at.checked_sub(1)?];
            Some(time - share * x)
        };
        let beyond = |x: f64| beyond(x).unwrap_or(0.0);
        let saved = |after: f64| {
            let parts = other.parts();
            let saved = parts.map(|part| part.share * beyond(after + scale * part.seconds));
            saved.sum::<f64>()
        };
        let mut best: Option<Moment> = None;
        // Right after each time at which calls end.
        for (index, (seconds, _, _)) in above.iter().enumerate().skip(1) {
            let after = seconds * 2_f64.powf(0.25);
            let left = above[index - 1].1;
            let gain = second * saved(after) - price * left;
            if gain > 0.0 && best.is_none_or(|best| gain > best.gain) {
                best = Some(Moment { after, gain });
            }
        }
        best
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within the buckets"
)]
fn bucket(seconds: f64) -> usize {
    let place = (2.0 * (seconds / FIRST).log2()).ceil();
    place.clamp(0.0, (BUCKETS - 1) as f64) as usize
}

/// Returns the middle of a bucket, in seconds.
fn middle(index: usize) -> f64 {
    FIRST * 2_f64.powf(index as f64 / 2.0 - 0.25)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: &[(f64, f64)]) -> Times {
        let mut all = Times::new();
        times
            .iter()
            .for_each(|(seconds, weight)| all.add(*seconds, *weight));
        all
    }

    #[test]
    fn every_time_has_a_bucket_and_its_middle_is_near() {
        for seconds in [0.001, 0.0015, 0.5, 1.0, 7.0, 100.0, 10_000.0] {
            let near = middle(bucket(seconds)) / seconds;
            assert!((0.84..=1.2).contains(&near), "{seconds}: {near}");
        }
        for (seconds, expected) in [
            (0.0, 0),
            (-1.0, 0),
            (f64::NAN, 0),
            (f64::INFINITY, BUCKETS - 1),
            (1e9, BUCKETS - 1),
        ] {
            assert_eq!(bucket(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn a_second_call_is_made_where_the_time_it_saves_is_worth_more_than_its_price() {
        // One call in fifty takes 20 s, the others 1 s.
        let times = of(&[(1.0, 98.0), (20.0, 2.0)]);
        let usual = of(&[(1.0, 100.0)]);
        // It saves about 18 s in one call of fifty.
        let moment = times.moment((&usual, 1.0), 0.001, 0.01).unwrap();
        assert!((1.0..1.5).contains(&moment.after), "{moment:?}");
        assert!((1e-4..2e-4).contains(&moment.gain), "{moment:?}");
        assert_eq!(times.moment((&usual, 1.0), 0.001, 0.02), None);
        assert_eq!(times.moment((&times, 1.0), 0.0, 0.001), None);
        let slower = times.moment((&usual, 30.0), 0.001, 0.0);
        assert_eq!(slower, None, "it saves nothing");
    }

    #[test]
    fn calls_of_one_length_and_no_calls_are_never_hedged() {
        for times in [of(&[(1.0, 100.0)]), Times::new()] {
            assert_eq!(times.moment((&times, 0.1), 1.0, 0.0), None);
        }
    }

    #[test]
    fn a_call_that_was_given_up_counts_for_all_longer_times() {
        let mut times = of(&[(1.0, 96.0), (10.0, 3.0), (40.0, 1.0)]);
        times.add_longer(2.0, 4.0);
        let parts: Vec<_> = times.parts().map(|part| part.share * 104.0).collect();
        let expected = [96.0, 6.0, 2.0];
        let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
        assert!(parts.iter().zip(&expected).all(near), "{parts:?}");
        times.add_longer(1e9, 1.0);
        times.add_longer(100.0, 1.0);
        let sum: f64 = times.0.iter().sum();
        assert!((sum - 106.0).abs() < 1e-9);
        assert!(times.is_known(0.5) && !times.is_known(0.25));
    }
}
