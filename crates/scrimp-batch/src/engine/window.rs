//! How long to collect.

use std::time::Duration;

use scrimp_core::{Money, SettingError};
use tokio::time::Instant;

/// How long requests are held back so that others can join them.
///
/// Whatever the window, a batch goes as soon as it is full, a request with
/// [`Priority::High`](scrimp_core::extensions::Priority) is not held back, and one with a
/// [`Deadline`](scrimp_core::extensions::Deadline) not past the time a call needs. Only a pause
/// that the upstream has asked for, or earned by failing, comes before all of that: who waits
/// for longer than its deadline then is told so when the pause is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchWindow(Kind);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Fixed(Duration),
    WhenIdle(Duration),
    Economic {
        saving: Money,
        waiting: Money,
        /// Of the two.
        ratio: f64,
        most: Duration,
    },
}

/// When a batch is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    At(Instant),
    /// Once nothing is in flight, but at this time at the latest.
    WhenIdle(Instant),
}

// === impl BatchWindow ===

impl BatchWindow {
    /// The longest wait of an economic window where none is set.
    pub const DEFAULT_MOST: Duration = Duration::from_millis(250);

    /// Collects for a time from the first request on. Zero collects what comes at once.
    #[must_use]
    pub const fn fixed(time: Duration) -> Self {
        Self(Kind::Fixed(time))
    }

    /// Sends at once while nothing is in flight, and collects while something is, for at
    /// most a time: a lone caller never waits, and the busier the upstream, the larger the
    /// batches.
    #[must_use]
    pub const fn when_idle(most: Duration) -> Self {
        Self(Kind::WhenIdle(most))
    }

    /// Collects for as long as waiting is cheaper than calling.
    ///
    /// With S saved by each call avoided, v for each second a request waits, and λ requests
    /// a second as measured, the batch of least cost has √(2λS/v) requests: the economic
    /// order quantity (F. W. Harris, 1913), with waiting for stock-keeping. It goes when so
    /// many are there, at the latest after one and a half times the time they should need,
    /// and never after `most`. Where a batch of two does not pay, or nobody else can be
    /// expected within `most`, requests go at once.
    ///
    /// The builder it is given to fails if `saving` is negative, `waiting` is not above zero, or
    /// they are of different currencies.
    #[must_use]
    pub fn economic(saving: Money, waiting: Money, most: Duration) -> Self {
        Self(Kind::Economic {
            saving,
            waiting,
            ratio: saving.as_f64() / waiting.as_f64(),
            most,
        })
    }

    /// Checks what was given to [`economic`](Self::economic).
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
                "must be of the currency of what a call saves, {}, not {waiting}",
                saving.currency()
            );
            return Err(SettingError::new(OWNER, "waiting", problem));
        }
        Ok(())
    }

    /// Returns when a batch is due whose oldest request has waited since then.
    pub(crate) fn due(&self, since: Instant, queued: usize, rate: f64, limit: usize) -> Due {
        match self.0 {
            Kind::Fixed(time) => Due::At(since + time),
            Kind::WhenIdle(most) => Due::WhenIdle(since + most),
            Kind::Economic { ratio, most, .. } => {
                let (items, wait) = plan(ratio, rate, limit, most);
                Due::At(
                    since
                        + if queued >= items {
                            Duration::ZERO
                        } else {
                            wait
                        },
                )
            }
        }
    }
}

/// How many to wait for, and how long.
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
    (best as usize, most.min(Duration::from_secs_f64(wait)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_millis(250);
    /// A call of $0.0005, and $0.005 for a second of waiting.
    const RATIO: f64 = 0.1;

    #[test]
    fn the_batch_of_least_cost_grows_with_the_root_of_the_rate() {
        let size = |rate| plan(RATIO, rate, 1_000, MOST).0;
        assert_eq!([1.0, 50.0, 200.0, 1_000.0].map(size), [1, 3, 6, 14]);
        assert_eq!(plan(RATIO, 1e6, 100, MOST).0, 100, "no more than the limit");
    }

    #[test]
    fn where_waiting_does_not_pay_nobody_waits() {
        assert_eq!(plan(RATIO, 2.0, 100, MOST), (1, Duration::ZERO));
        assert_eq!(plan(1e6, 1.0, 100, MOST).0, 1, "nobody comes within 250 ms");
        assert_eq!(plan(0.0, 1e6, 100, MOST), (1, Duration::ZERO));
    }

    #[test]
    fn nobody_waits_longer_than_most() {
        assert!(plan(1e9, 5.0, 1_000, MOST).1 <= MOST);
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
            "BatchWindow: `waiting` must be of the currency of what a call saves, USD, not 0.01 EUR"
        );
    }
}
