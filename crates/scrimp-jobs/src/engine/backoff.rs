//! Times between calls that ask for a state.

use std::time::Duration;

/// Pauses that grow by half, up to a longest one, each a tenth longer or shorter by chance.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
}

// === impl Backoff ===

impl Backoff {
    pub(crate) fn new(shortest: Duration, longest: Duration) -> Self {
        Self {
            next: shortest,
            longest,
        }
    }

    /// Returns the next pause, and at least the one that the provider asks for.
    pub(crate) fn pause(&mut self, asked: Option<Duration>) -> Duration {
        let pause = self.next.mul_f64(0.9 + 0.2 * fastrand::f64());
        self.next = self.next.mul_f64(1.5).min(self.longest);
        pause.max(asked.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest_and_obey_the_provider() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, 10 * second);
        let pauses: Vec<_> = (0..20).map(|_| backoff.pause(None)).collect();
        assert!(pauses[0] < second.mul_f64(1.11), "{pauses:?}");
        assert!(
            pauses.iter().all(|pause| *pause <= 11 * second),
            "{pauses:?}"
        );
        assert!(pauses[19] >= 9 * second, "{pauses:?}");
        assert_eq!(backoff.pause(Some(60 * second)), 60 * second);
    }
}
