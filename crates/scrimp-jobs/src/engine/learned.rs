//! Durations of jobs and of single calls, as they were observed.

use std::{collections::VecDeque, time::Duration};

/// Observations that are kept of each kind.
const KEPT: usize = 128;

/// Observations of which the longest is taken, together with the assumption. From then on, it is a quantile.
const FEW: usize = 16;

/// Observed durations.
#[derive(Debug, Clone)]
pub(crate) struct Learned {
    jobs: Durations,
    calls: Durations,
}

#[derive(Debug, Clone)]
struct Durations {
    assumed: Duration,
    share: f64,
    seen: VecDeque<Duration>,
}

// === impl Learned ===

impl Learned {
    /// Starts with the assumed duration of a job and of a call.
    pub(crate) fn new(job: Duration, call: Duration) -> Self {
        let of = |assumed, share| Durations {
            assumed,
            share,
            seen: VecDeque::new(),
        };
        Self {
            jobs: of(job, 0.9),
            calls: of(call, 0.99),
        }
    }

    pub(crate) fn job_ended(&mut self, after: Duration) {
        self.jobs.saw(after);
    }

    pub(crate) fn call_ended(&mut self, after: Duration) {
        self.calls.saw(after);
    }

    /// Returns the time within which nine jobs in ten end.
    pub(crate) fn job(&self) -> Duration {
        self.jobs.expected()
    }

    /// Returns the time within which nearly all calls end. It is never below the assumption: few slow calls
    /// are seen before the one that counts.
    pub(crate) fn call(&self) -> Duration {
        self.calls.expected().max(self.calls.assumed)
    }
}

impl Durations {
    fn saw(&mut self, duration: Duration) {
        if self.seen.len() == KEPT {
            self.seen.pop_front();
        }
        self.seen.push_back(duration);
    }

    fn expected(&self) -> Duration {
        if self.seen.len() < FEW {
            let longest = self.seen.iter().max().copied().unwrap_or_default();
            return longest.max(self.assumed);
        }
        let mut sorted: Vec<_> = self.seen.iter().copied().collect();
        sorted.sort_unstable();
        let at = (sorted.len() as f64 * self.share).ceil() as usize;
        // A tenth more, as the next one may be a little longer than all before.
        sorted[at.clamp(1, sorted.len()) - 1].mul_f64(1.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_job_is_expected_to_take_what_nine_in_ten_took() {
        let mut learned = Learned::new(60 * MINUTE, MINUTE);
        assert_eq!(learned.job(), 60 * MINUTE);
        learned.job_ended(90 * MINUTE);
        assert_eq!(
            learned.job(),
            90 * MINUTE,
            "few are no reason to hope for less"
        );
        for minutes in 0..100 {
            learned.job_ended(MINUTE * (minutes % 10 + 1));
        }
        let expected = learned.job();
        assert!(
            expected > 9 * MINUTE && expected < 12 * MINUTE,
            "{expected:?}"
        );
    }

    #[test]
    fn calls_are_never_expected_to_be_faster_than_assumed() {
        let mut learned = Learned::new(MINUTE, MINUTE);
        for _ in 0..1_000 {
            learned.call_ended(Duration::from_millis(5));
        }
        assert_eq!(learned.call(), MINUTE);
        for _ in 0..10 {
            learned.call_ended(5 * MINUTE);
        }
        assert!(learned.call() >= 5 * MINUTE);
        assert_eq!(learned.calls.seen.len(), KEPT, "memory is bounded");
    }
}
