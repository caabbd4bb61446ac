//! Credentials in a query.

use http::Uri;

/// Parameters that hold a credential: OAuth's (RFC 6750 §2.3), and those of APIs that take a key
/// or a signature in the URI.
const NAMES: [&str; 14] = [
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "appid",
    "auth",
    "auth_token",
    "code",
    "key",
    "sig",
    "signature",
    "subscription-key",
    "token",
    "x-amz-signature",
];

/// Reports whether a URI's query has a parameter that is known to hold a credential.
#[must_use]
pub fn is_in_query(uri: &Uri) -> bool {
    let mut pairs = uri.query().unwrap_or_default().split('&');
    pairs.any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_a_query_is_found_by_its_name() {
        let has = |uri: &str| is_in_query(&uri.parse().unwrap());
        assert!(has("/v1?key=x") && has("/?a=1&API_KEY=2") && has("http://a/?X-Amz-Signature=1"));
        assert!(!has("/key") && !has("/?keys=1") && !has("/?a=key") && !has("/"));
    }
}
