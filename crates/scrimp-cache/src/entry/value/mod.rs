//! Field values that need no memory of their own.
//!
//! Most values of a response are common to many: its media type, its Cache-Control, its server's
//! name. Such values are static text: stored responses share it, and a copy on a hit counts no
//! references.

mod known;
mod learned;

use http::{HeaderName, HeaderValue, header};

use learned::LEARNED;

/// Length of the longest shared value, in bytes.
const LONGEST: usize = 96;

/// Returns a shared value that costs no memory, if many responses have it. A sensitive value, or
/// one that differs in every response, is not shared.
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

/// Counts the values of a stored response, so that frequent ones become shared.
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

/// Reports whether a field's value belongs to one response, or to one user.
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
