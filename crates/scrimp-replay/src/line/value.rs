//! Values of fields, and signs of the software that wrote them.

use std::{borrow::Cow, time::Duration};

use super::{
    blank,
    fields::{Field, Unit},
    latency,
};

/// A value as the log has it.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    /// A number, and whether it was written with a fraction.
    Number(f64, bool),
}

/// Signs of the software that wrote a line.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Marks {
    pub(super) gelf: bool,
    rails: bool,
    envoy: bool,
    /// Targets are percent-encoded once more.
    pub(super) cloudfront: bool,
    pub(super) event: bool,
}

// === impl Marks ===

impl Marks {
    pub(super) fn note(&mut self, name: &str) {
        match name {
            "short_message" => self.gelf = true,
            "controller" => self.rails = true,
            "level" => self.event = true,
            "x-edge-location" => self.cloudfront = true,
            _ => self.envoy = true,
        }
    }

    pub(super) fn latency(self, field: Field, value: &Value<'_>) -> Option<Duration> {
        let unit = match field.unit {
            Unit::Guess if self.rails || self.envoy => Unit::Millis,
            unit => unit,
        };
        match value {
            Value::Text(text) => latency::text(text, unit),
            Value::Number(number, fraction) => latency::number(*number, *fraction, unit),
        }
    }
}

// === impl Value ===

impl<'a> Value<'a> {
    pub(super) fn known(self) -> Option<Self> {
        match self {
            Self::Text(text) if blank(&text) => None,
            known => Some(known),
        }
    }

    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(..) => None,
        }
    }

    /// Returns a day, or a time as a number.
    pub(super) fn day(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Number(number, _) => Some(Cow::Owned(number.to_string())),
            text @ Self::Text(_) => text.text(),
        }
    }

    /// Returns a whole number, also one in quotes or with an empty fraction.
    pub(super) fn whole(&self) -> Option<u64> {
        let number = match self {
            Self::Text(text) => return text.trim().parse().ok(),
            Self::Number(number, _) => number,
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates"
        )]
        (*number >= 0.0).then_some(*number as u64)
    }
}
