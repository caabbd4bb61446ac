//! Tokens: compared in constant time.

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The digest of a token.
#[derive(Clone)]
pub(crate) struct Token([u8; 32]);

// === impl Token ===

impl Token {
    pub(crate) fn new(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Reports whether a request has the token, in `Authorization: Bearer …` and once.
    pub(crate) fn allows(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return false;
        };
        bearer(value).is_some_and(|token| {
            // Digests are of one length, whatever is sent.
            let sent: [u8; 32] = Sha256::digest(token).into();
            sent.ct_eq(&self.0).into()
        })
    }
}

/// Returns the token of `Bearer …`.
pub(crate) fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_once_is_allowed() {
        let token = Token::new("secret");
        let headers = |values: &[&'static str]| {
            let values = values
                .iter()
                .map(|value| (AUTHORIZATION, HeaderValue::from_static(value)));
            HeaderMap::from_iter(values)
        };
        assert!(token.allows(&headers(&["Bearer secret"])));
        assert!(token.allows(&headers(&["bearer  secret "])));
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer secre",
            "Bearer secrets",
            "Basic secret",
        ] {
            assert!(!token.allows(&headers(&[wrong])), "{wrong:?}");
        }
        assert!(!token.allows(&HeaderMap::new()));
        assert!(!token.allows(&headers(&["Bearer secret", "Bearer secret"])));
    }
}
