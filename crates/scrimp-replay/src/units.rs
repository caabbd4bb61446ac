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

/// Writes an amount as a number of the currency's units, if there is one.
#[expect(clippy::ref_option, reason = "serde calls it so")]
pub(crate) fn optional_units<S: Serializer>(
    amount: &Option<Money>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match amount {
        Some(amount) => units(amount, serializer),
        None => serializer.serialize_none(),
    }
}

/// Returns a part of a whole, 0 to 1; 0 if there is nothing.
#[expect(clippy::cast_precision_loss, reason = "a ratio for people to read")]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
