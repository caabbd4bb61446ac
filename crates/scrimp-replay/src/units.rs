//! Units of numbers in JSON.

use std::time::Duration;

use scrimp_core::Money;
use serde::Serializer;

/// Writes a time as seconds.
pub(crate) fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

/// Writes an amount as a number of the currency's units.
pub(crate) fn units<S: Serializer>(amount: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(amount.as_f64())
}
