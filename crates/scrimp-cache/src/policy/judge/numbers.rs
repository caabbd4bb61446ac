//! Points and lengths of time as the numbers in which they are encoded.

use super::{Micros, Moment, Span};

// === impl Moment ===

impl Moment {
    /// Returns the nanoseconds after the process's start.
    pub(crate) fn number(self) -> i64 {
        self.0
    }

    /// Returns the point with this [number](Self::number).
    pub(crate) fn from_number(number: i64) -> Self {
        Self(number)
    }
}

// === impl Span ===

impl Span {
    /// Returns its nanoseconds.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// Returns the time with this [number](Self::number).
    pub(crate) fn from_number(number: u64) -> Self {
        Self(number)
    }
}

// === impl Micros ===

impl Micros {
    /// Returns its microseconds.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// Returns the time with this [number](Self::number).
    pub(crate) fn from_number(number: u32) -> Self {
        Self(number)
    }
}
