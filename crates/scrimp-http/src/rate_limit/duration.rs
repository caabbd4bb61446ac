//! Durations such as `6m0s`, and what they say about a window.

use std::time::Duration;

use super::LONGEST;

/// Windows that quotas are known to have, in seconds.
const WINDOWS: [f64; 4] = [1.0, 60.0, 3_600.0, 86_400.0];
/// Window of a quota that does not state one.
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// Number of times that a reset must be longer than its rounding, so that a window follows from it.
const SHARP: f64 = 10.0;

/// Time until a quota is whole again, and how finely it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reset {
    pub(super) after: Duration,
    /// Seconds of the last digit.
    pub(super) step: f64,
    /// False if the text was a plain number.
    pub(super) has_unit: bool,
}

// === impl Reset ===

impl Reset {
    /// Reads a duration: a number of seconds, or numbers with units (`1h2m3.5s`, `20ms`).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let (mut seconds, mut step) = (0.0, f64::MAX);
        let mut has_unit = false;
        while !rest.is_empty() {
            let is_part = |c: char| !c.is_ascii_digit() && c != '.';
            let (number, tail) = rest.split_at(rest.find(is_part).unwrap_or(rest.len()));
            let is_letter = |c: char| c.is_ascii_digit() || c == '.';
            let (unit, tail) = tail.split_at(tail.find(is_letter).unwrap_or(tail.len()));
            let scale = match unit {
                "" if !has_unit && tail.is_empty() => 1.0,
                "d" => 86_400.0,
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" | "μs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
            has_unit |= !unit.is_empty();
            let value: f64 = number.parse().ok()?;
            let decimals = number.split_once('.').map_or(0, |(_, tail)| tail.len());
            let decimals = i32::try_from(decimals.min(9)).unwrap_or(9);
            seconds += value * scale;
            step = scale * 10f64.powi(-decimals);
            rest = tail;
        }
        (step < f64::MAX).then(|| Self {
            after: Duration::try_from_secs_f64(seconds)
                .unwrap_or(LONGEST)
                .min(LONGEST),
            step,
            has_unit,
        })
    }

    /// Returns the window of a quota that fills up evenly, and of which `used` of `limit` were missing:
    /// the usual one that is next to what follows. A minute, if the numbers are too small to tell.
    #[expect(clippy::cast_precision_loss, reason = "a ratio of counts")]
    pub(super) fn window(&self, limit: Option<u64>, remaining: u64) -> Duration {
        let used = limit.map_or(0, |limit| limit.saturating_sub(remaining));
        let after = self.after.as_secs_f64();
        if used == 0 || after < SHARP * self.step {
            return MINUTE;
        }
        let window = after * limit.unwrap_or(0) as f64 / used as f64;
        let far = |known: f64| (known.ln() - window.ln()).abs();
        let nearest = WINDOWS
            .into_iter()
            .min_by(|a, b| far(*a).total_cmp(&far(*b)));
        nearest.map_or(MINUTE, Duration::from_secs_f64)
    }
}
