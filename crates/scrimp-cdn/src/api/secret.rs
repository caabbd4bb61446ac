//! Secrets of APIs.

use std::fmt;

use http::HeaderValue;
use scrimp_core::SettingError;

/// A value of a field that must not be written anywhere.
#[derive(Clone)]
pub(super) struct Secret(Option<HeaderValue>);

// === impl Secret ===

impl Secret {
    /// Takes a secret, with a prefix such as `Bearer `. One that no field can hold fails in `check`.
    pub(super) fn new(prefix: &str, secret: &str) -> Self {
        let text = format!("{prefix}{secret}");
        let value = HeaderValue::try_from(text).ok();
        let value = value.filter(|_| !secret.is_empty());
        Self(value.map(|mut value| {
            value.set_sensitive(true);
            value
        }))
    }

    /// Checks that a field can hold it.
    pub(super) fn check(
        &self,
        owner: &'static str,
        setting: &'static str,
    ) -> Result<(), SettingError> {
        let error = || {
            SettingError::new(
                owner,
                setting,
                "must be visible ASCII, at least one character",
            )
        };
        self.0.as_ref().map(|_| ()).ok_or_else(error)
    }

    /// Returns the value of the field.
    pub(super) fn value(&self) -> Option<HeaderValue> {
        self.0.clone()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(withheld)")
    }
}
