//! Asking those who have not been asked for a while, within bounds.

/// Requests in a hundred that may be spent on it.
const SHARE: f64 = 0.01;
/// What can be saved up, in requests.
const MOST: f64 = 3.0;
/// Seconds after which what is known of a candidate is old.
pub(super) const STALE: f64 = 15.0;
/// Times more of that are waited after trying out led to nothing, at most.
pub(super) const MOST_IN_VAIN: u8 = 2;

#[derive(Debug, Clone)]
pub(super) struct Exploration {
    credit: f64,
    /// Dollars per hour, if there is a cap.
    hourly: Option<f64>,
    hour_began: f64,
    spent: f64,
}

// === impl Exploration ===

impl Exploration {
    pub(super) fn new(hourly: Option<f64>) -> Self {
        Self {
            credit: 1.0,
            hourly,
            hour_began: 0.0,
            spent: 0.0,
        }
    }

    /// Counts a request.
    pub(super) fn request(&mut self) {
        self.credit = (self.credit + SHARE).min(MOST);
    }

    pub(super) fn has_credit(&self) -> bool {
        self.credit >= 1.0
    }

    /// Whether so much may be spent now; takes it if so.
    pub(super) fn take(&mut self, dollars: f64, now: f64) -> bool {
        if now - self.hour_began >= 3_600.0 {
            (self.hour_began, self.spent) = (now, 0.0);
        }
        if self.hourly.is_some_and(|cap| self.spent + dollars > cap) {
            return false;
        }
        self.credit -= 1.0;
        self.spent += dollars;
        true
    }
}
