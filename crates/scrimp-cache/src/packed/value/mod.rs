//! Field values that need no memory of their own.
//!
//! Most of the values of a response are common to many: its media type, its Cache-Control, its
//! small numbers. Such values are static text: stored responses share them, and copying one on a
//! hit counts no references.

mod known;

use http::HeaderValue;

/// Returns a value without memory of its own, if the value is common and not sensitive.
pub(super) fn shared(value: &HeaderValue) -> Option<HeaderValue> {
    if value.is_sensitive() {
        return None;
    }
    known::known(value.as_bytes()).map(HeaderValue::from_static)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shared() {
        let mut value = HeaderValue::from_static("gzip");
        assert_eq!(shared(&value), Some(value.clone()));
        value.set_sensitive(true);
        assert_eq!(shared(&value), None);
        assert_eq!(
            shared(&HeaderValue::from_static("session=of-one-user")),
            None
        );
    }
}
