//! Measured values, and their goals.

use std::{fmt, time::Duration};

use scrimp_core::Money;
use serde::{Serialize, Serializer};

use crate::support::format::{count, money, percent};

/// A measured amount.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A number of items.
    Count(u64),
    /// A part of a whole, from 0 to 1; below 0 if more is spent than before.
    Share(f64),
    /// An amount of money.
    Money(Money),
    /// A duration.
    Time(Duration),
}

/// Goal of a [`Value`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Goal {
    /// This amount or more.
    AtLeast(Value),
    /// This amount or less.
    AtMost(Value),
    /// Exactly this amount.
    Exactly(Value),
}

// === impl Value ===

impl Value {
    /// Returns the unit of the number in JSON.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Count(_) => "count",
            Self::Share(_) => "share",
            Self::Money(_) => "money",
            Self::Time(_) => "seconds",
        }
    }

    /// Compares two values. Two kinds, or amounts of two currencies, are never at least one
    /// another.
    fn is_at_least(self, other: Self) -> bool {
        match (self, other) {
            (Self::Count(a), Self::Count(b)) => a >= b,
            (Self::Share(a), Self::Share(b)) => a >= b,
            (Self::Money(a), Self::Money(b)) => a >= b,
            (Self::Time(a), Self::Time(b)) => a >= b,
            _ => false,
        }
    }
}

/// Returns a count, a part of 1, units of the currency, or seconds.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Count(number) => serializer.serialize_u64(number),
            Self::Share(share) => serializer.serialize_f64(share),
            Self::Money(amount) => serializer.serialize_f64(amount.as_f64()),
            Self::Time(time) => serializer.serialize_f64(time.as_secs_f64()),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Count(number) => f.write_str(&count(number)),
            Self::Share(share) => f.write_str(&percent(share)),
            Self::Money(amount) => f.write_str(&money(amount)),
            Self::Time(time) => f.write_str(&length(time)),
        }
    }
}

// === impl Goal ===

impl Goal {
    /// Reports whether a value meets the goal.
    #[must_use]
    pub fn is_met_by(self, value: Value) -> bool {
        match self {
            Self::AtLeast(least) => value.is_at_least(least),
            Self::AtMost(most) => most.is_at_least(value),
            Self::Exactly(goal) => value.is_at_least(goal) && goal.is_at_least(value),
        }
    }

    /// Returns the amount of the goal.
    #[must_use]
    pub fn value(self) -> Value {
        let (Self::AtLeast(value) | Self::AtMost(value) | Self::Exactly(value)) = self;
        value
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::AtLeast(_) => "at least",
            Self::AtMost(_) => "at most",
            Self::Exactly(_) => "exactly",
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self {
            Self::AtLeast(_) => "≥ ",
            Self::AtMost(_) => "≤ ",
            Self::Exactly(_) => "= ",
        };
        write!(f, "{sign}{}", self.value())
    }
}

/// Writes `3.2 µs`, `45 ms`, `2.00 s`, `1.98 h`.
fn length(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match time.as_micros() {
        0 if time.is_zero() => "0 ms".to_owned(),
        0..1_000 => format!("{:.1} µs", seconds * 1e6),
        1_000..1_000_000 => format!("{} ms", time.as_millis()),
        1_000_000..120_000_000 => format!("{seconds:.2} s"),
        120_000_000..7_000_000_000 => format!("{:.1} min", seconds / 60.0),
        _ => format!("{:.2} h", seconds / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_met_by_values_that_reach_them_and_by_no_others() {
        let share = Value::Share;
        assert!(Goal::AtLeast(share(0.9)).is_met_by(share(0.9)));
        assert!(!Goal::AtLeast(share(0.9)).is_met_by(share(0.899)));
        assert!(Goal::AtMost(Value::Count(3)).is_met_by(Value::Count(3)));
        assert!(!Goal::AtMost(Value::Count(3)).is_met_by(Value::Count(4)));
        let yen = Value::Money("5 JPY".parse().unwrap());
        let dollar = Value::Money("1 USD".parse().unwrap());
        assert!(
            !Goal::AtLeast(dollar).is_met_by(yen),
            "they cannot be compared"
        );
        let large = (1 << 60) + 1;
        let exactly = Goal::Exactly(Value::Count(large));
        assert!(exactly.is_met_by(Value::Count(large)));
        assert!(!exactly.is_met_by(Value::Count(large - 1)), "no rounding");
    }

    #[test]
    fn times_are_written_in_the_usual_unit() {
        let texts = [0, 3_200, 45_000_000, 2_000_000_000, 7_142_000_000_000]
            .map(|nanos| length(Duration::from_nanos(nanos)));
        assert_eq!(texts, ["0 ms", "3.2 µs", "45 ms", "2.00 s", "1.98 h"]);
    }
}
