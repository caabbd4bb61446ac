//! The time to collect.

use std::time::Duration;

use scrimp_core::{Money, SettingError};
use tokio::time::Instant;

/// More than thirty years.
const FAR: Duration = Duration::from_secs(1_000_000_000);

/// Time for which requests are held back so that others can join them.
///
/// With every window, a full batch is sent at once, a request with
/// [`Priority::High`](scrimp_core::extensions::Priority) is not held back, and a request with a
/// [`Deadline`](scrimp_core::extensions::Deadline) is sent early enough for one call. Only a pause
/// after failures, or one that the upstream asked for, is stronger. A request whose deadline passes
/// gets a `deadline` problem then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchWindow(Kind);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Fixed(Duration),
    WhenIdle(Duration),
    Economic {
        saving: Money,
        waiting: Money,
        /// `saving` divided by `waiting`.
        ratio: f64,
        most: Duration,
    },
}

/// Time at which a batch is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    At(Instant),
    /// Once nothing is in flight, and at this time at the latest.
    WhenIdle(Instant),
}

// === impl BatchWindow ===

impl BatchWindow {
    /// Longest wait of an economic window where none is set.
    pub const DEFAULT_MOST: Duration = Duration::from_millis(250);

    /// Collects for a time that starts with the first request. Zero collects the requests that
    /// come at the same moment.
    #[must_use]
    pub const fn fixed(time: Duration) -> Self {
        Self(Kind::Fixed(time))
    }

    /// Sends at once while no call is in flight, and collects while one is, for `most` at most:
    /// a lone caller never waits, and a busier upstream gets larger batches.
    #[must_use]
    pub const fn when_idle(most: Duration) -> Self {
        Self(Kind::WhenIdle(most))
    }

    /// Collects for as long as waiting is cheaper than calling.
    ///
    /// S is the saving of each call avoided, v the price of one second of waiting for one
    /// request, and λ the measured requests per second. The batch of least cost has √(2λS/v)
    /// requests: the economic order quantity (F. W. Harris, 1913), with waiting in place of
    /// storage. A batch is sent when it has this many requests, or after 1.5 times the expected
    /// time for them, or after `most`, whichever is first. Requests are sent at once if a batch
    /// of two does not pay, or if no other request is expected within `most`.
    ///
    /// The builder of the layer fails if `saving` is negative, `waiting` is not above zero, or
    /// their currencies differ.
    #[must_use]
    pub fn economic(saving: Money, waiting: Money, most: Duration) -> Self {
        Self(Kind::Economic {
            saving,
            waiting,
            ratio: saving.as_f64() / waiting.as_f64(),
            most,
        })
    }

    /// Checks the arguments of [`economic`](Self::economic).
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        const OWNER: &str = "BatchWindow";
        let Kind::Economic {
            saving, waiting, ..
        } = self.0
        else {
            return Ok(());
        };
        SettingError::amount(OWNER, "saving", saving)?;
        if waiting.pico() <= 0 {
            let problem = format_args!("must be above zero (per second), not {waiting}");
            return Err(SettingError::new(OWNER, "waiting", problem));
        }
        if saving.currency() != waiting.currency() {
            let problem = format_args!(
                "must be in the currency of `saving` ({}), not {waiting}",
                saving.currency()
            );
            return Err(SettingError::new(OWNER, "waiting", problem));
        }
        Ok(())
    }

    /// Returns the time at which a batch is due whose oldest request came at `since`.
    pub(crate) fn due(&self, since: Instant, queued: usize, rate: f64, limit: usize) -> Due {
        match self.0 {
            Kind::Fixed(time) => Due::At(after(since, time)),
            Kind::WhenIdle(most) => Due::WhenIdle(after(since, most)),
            Kind::Economic { ratio, most, .. } => {
                let (items, wait) = plan(ratio, rate, limit, most);
                Due::At(match queued >= items {
                    true => since,
                    false => after(since, wait),
                })
            }
        }
    }
}

/// Returns the time after a wait. A wait that no clock can tell ends in the far future.
fn after(since: Instant, wait: Duration) -> Instant {
    since.checked_add(wait).unwrap_or_else(|| since + FAR)
}

/// Returns the number of requests to wait for, and the longest wait.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "between 1 and a limit that is far below 2^52"
)]
fn plan(ratio: f64, rate: f64, limit: usize, most: Duration) -> (usize, Duration) {
    let best = (2.0 * rate * ratio).sqrt().round().clamp(1.0, limit as f64);
    if best <= 1.0 || rate * most.as_secs_f64() < 1.0 {
        return (1, Duration::ZERO);
    }
    let wait = 1.5 * (best - 1.0) / rate;
    let wait = Duration::try_from_secs_f64(wait).map_or(most, |wait| wait.min(most));
    (best as usize, wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_millis(250);
    /// $0.0005 for a call, and $0.005 for a second of waiting.
    const RATIO: f64 = 0.1;

    #[test]
    fn the_batch_of_least_cost_grows_with_the_root_of_the_rate() {
        let size = |rate| plan(RATIO, rate, 1_000, MOST).0;
        assert_eq!([1.0, 50.0, 200.0, 1_000.0].map(size), [1, 3, 6, 14]);
        assert_eq!(plan(RATIO, 1e6, 100, MOST).0, 100, "no more than the limit");
    }

    #[test]
    fn requests_do_not_wait_where_waiting_does_not_pay() {
        assert_eq!(plan(RATIO, 2.0, 100, MOST), (1, Duration::ZERO));
        assert_eq!(
            plan(1e6, 1.0, 100, MOST).0,
            1,
            "no request is expected within 250 ms"
        );
        assert_eq!(plan(0.0, 1e6, 100, MOST), (1, Duration::ZERO));
    }

    #[test]
    fn a_batch_that_does_not_fill_is_sent_after_one_and_a_half_times_the_time_expected_for_it() {
        let (items, wait) = plan(RATIO, 200.0, 1_000, MOST);
        // Five more requests come within 25 ms at 200 a second.
        assert_eq!((items, wait), (6, Duration::from_micros(37_500)));
    }

    #[test]
    fn no_request_waits_longer_than_most() {
        // Five a second would fill it in five minutes, and two of them are expected within 250 ms.
        assert_eq!(plan(1e9, 5.0, 1_000, MOST), (1_000, MOST));
        assert_eq!(plan(1e40, 1e-18, 1_000, Duration::MAX).1, Duration::MAX);
    }

    #[test]
    fn a_batch_is_due_when_it_has_enough_requests_or_after_the_time_expected_for_them() {
        let [saving, waiting] = ["0.0005", "0.005"].map(|text| text.parse().unwrap());
        let window = BatchWindow::economic(saving, waiting, MOST);
        let now = Instant::now();
        let due = |queued| window.due(now, queued, 200.0, 1_000);
        assert_eq!(due(6), Due::At(now));
        assert_eq!(due(5), Due::At(now + Duration::from_micros(37_500)));
    }

    #[test]
    fn a_request_that_is_just_expected_within_most_is_waited_for() {
        assert_eq!(plan(1e6, 4.0, 100, MOST).0, 100);
    }

    #[test]
    fn a_window_without_end_is_due_in_the_far_future() {
        let now = Instant::now();
        for window in [BatchWindow::fixed, BatchWindow::when_idle] {
            let due = window(Duration::MAX).due(now, 1, 0.0, 100);
            assert!(matches!(due, Due::At(due) | Due::WhenIdle(due) if due > now + FAR / 2));
        }
    }

    #[test]
    fn a_window_without_a_price_of_waiting_is_refused() {
        let window = BatchWindow::economic("0.01".parse().unwrap(), Money::ZERO, MOST);
        assert_eq!(
            window.check().unwrap_err().to_string(),
            "BatchWindow: `waiting` must be above zero (per second), not $0.00"
        );
    }

    #[test]
    fn a_window_between_two_currencies_is_refused() {
        let euro = "0.01 EUR".parse().unwrap();
        let window = BatchWindow::economic("0.01".parse().unwrap(), euro, MOST);
        assert_eq!(
            window.check().unwrap_err().to_string(),
            "BatchWindow: `waiting` must be in the currency of `saving` (USD), not 0.01 EUR"
        );
    }
}
