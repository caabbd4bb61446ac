//! The authority of a target in the form used for comparison.

use std::borrow::Cow;

use http::{HeaderValue, Uri};

use super::authority::authority_of;

/// Returns the authority of a request's target in lower case, without user information and
/// without the scheme's default port: equal for all spellings of one server.
#[must_use]
pub fn lower_authority<'a>(uri: &'a Uri, host: Option<&'a HeaderValue>) -> Cow<'a, str> {
    if let Some(authority) = uri.authority()
        // Without an early exit, so that the compiler can test several bytes at a time.
        && authority.as_str().bytes().fold(true, |plain, byte| plain & is_plain(byte))
    {
        return authority.as_str().into();
    }
    let authority = authority_of(uri, host);
    match authority.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => authority.to_ascii_lowercase().into(),
        false => authority.into(),
    }
}

/// Reports whether a byte needs no change. Most authorities consist of such bytes only.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_server_are_equal() {
        let of = |uri: &str, host: Option<&'static str>| {
            let host = host.map(HeaderValue::from_static);
            let uri: Uri = uri.parse().unwrap();
            lower_authority(&uri, host.as_ref()).into_owned()
        };
        for uri in [
            "http://api.example.com/",
            "http://API.example.com/",
            "http://api.example.com:80/",
            "http://me:secret@api.example.com/",
        ] {
            assert_eq!(of(uri, Some("other")), "api.example.com", "{uri}");
        }
        assert_eq!(of("/x", Some("API.example.com")), "api.example.com");
        assert_eq!(of("http://api.example.com:81/", None), "api.example.com:81");
        assert_eq!(of("/x", None), "");
    }
}
