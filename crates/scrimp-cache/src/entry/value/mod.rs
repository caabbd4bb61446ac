//! Field values that need no memory of their own.
//!
//! Most of what a response says, others say too: its media type, its Cache-Control, its
//! server's name. Such values are handed out as text that lives as long as the process:
//! stored responses share it, and copying one on a hit counts no references.

mod known;
mod learned;

use http::{HeaderName, HeaderValue, header};

use learned::LEARNED;

/// Longest value worth sharing, in bytes.
const LONGEST: usize = 96;

/// A value that costs no memory, if this is one that many responses have. What is sensitive
/// never is, nor what differs with every response.
pub(super) fn shared(name: &HeaderName, value: &HeaderValue) -> Option<HeaderValue> {
    if value.is_sensitive() || value.len() > LONGEST {
        return None;
    }
    let text = match known::known(value.as_bytes()) {
        None if is_ones_own(name) => None,
        None => LEARNED.find(value),
        text => text,
    };
    text.map(HeaderValue::from_static)
}

/// Takes note of the values of a response that is stored, so that what comes up often will
/// be shared.
pub(super) fn learn<'a>(fields: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>) {
    if !LEARNED.is_due() {
        return;
    }
    for (name, value) in fields {
        if !value.is_sensitive()
            && value.len() <= LONGEST
            && !is_ones_own(name)
            && known::known(value.as_bytes()).is_none()
        {
            LEARNED.note(value);
        }
    }
}

/// Fields whose value is one response's, or one user's.
fn is_ones_own(name: &HeaderName) -> bool {
    [
        header::DATE,
        header::ETAG,
        header::EXPIRES,
        header::LAST_MODIFIED,
        header::LOCATION,
        header::SET_COOKIE,
    ]
    .contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_or_ones_own_is_never_shared() {
        let mut secret = HeaderValue::from_static("gzip");
        assert!(shared(&header::CONTENT_ENCODING, &secret).is_some());
        secret.set_sensitive(true);
        assert_eq!(shared(&header::CONTENT_ENCODING, &secret), None);
        let cookie = HeaderValue::from_static("session=of-one-user-only");
        for _ in 0..10_000 {
            learn([(&header::SET_COOKIE, &cookie)].into_iter());
        }
        assert_eq!(shared(&header::SET_COOKIE, &cookie), None);
        assert_eq!(shared(&header::SERVER, &cookie), None);
    }

    #[test]
    fn what_comes_up_often_is_shared_from_then_on() {
        let server = HeaderValue::from_static("a server of this test");
        assert_eq!(shared(&header::SERVER, &server), None);
        for _ in 0..10_000 {
            learn([(&header::SERVER, &server)].into_iter());
        }
        assert_eq!(shared(&header::SERVER, &server), Some(server));
    }
}
