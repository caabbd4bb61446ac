//! Distinction of an outage from chance.

/// Number of failures in a row that look like an outage.
const IN_A_ROW: u32 = 3;
/// Chance of such a row below which it is an outage. A provider that often fails may still be
/// the best one: the score decides that.
const CHANCE: f64 = 0.000_1;
/// Failure rate that is an outage if the rate is surely above it.
const RATE: f64 = 0.5;
/// Attempts that this takes at least.
const ATTEMPTS: f64 = 8.0;

/// Failures without a success between them.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    count: u32,
    began: f64,
    /// Number of calls that began since then.
    begun: u32,
    /// Share of failures before the row.
    rate: f64,
}

// === impl Row ===

impl Row {
    pub(super) fn started(&mut self) {
        self.begun = self.begun.saturating_add(1);
    }

    /// Counts a success of a call that began at `start`. Calls that were under way when the
    /// failures began say nothing about the present.
    pub(super) fn succeeded(&mut self, start: f64) {
        if start >= self.began {
            self.count = 0;
        }
    }

    /// Counts a failure. `rate` is the expected share of failures before this one.
    pub(super) fn failed(&mut self, now: f64, rate: f64) {
        if self.count == 0 {
            (self.rate, self.began, self.begun) = (rate, now, 1);
        }
        self.count += 1;
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Reports whether the row is an outage. Failures come back sooner than answers do, so a
    /// row of them proves little while others that began with it are still under way.
    pub(super) fn is_an_outage(&self) -> bool {
        self.count >= IN_A_ROW
            && self.count >= self.begun
            && self.rate.powf(f64::from(self.count)) < CHANCE
    }
}

/// Reports whether more than half of the calls surely fail: by the lower end of the Wilson
/// interval, 95 %, of the rate.
pub(super) fn is_mostly_failing(failures: f64, attempts: f64) -> bool {
    const Z: f64 = 1.96;
    let rate = (failures / attempts).clamp(0.0, 1.0);
    let spread = Z * (rate * (1.0 - rate) / attempts + Z * Z / (4.0 * attempts * attempts)).sqrt();
    let least = (rate + Z * Z / (2.0 * attempts) - spread) / (1.0 + Z * Z / attempts);
    attempts >= ATTEMPTS && least > RATE
}
