//! Challenges (RFC 9110 §11.3).

use http::{
    HeaderMap,
    header::{PROXY_AUTHENTICATE, WWW_AUTHENTICATE},
};

/// Schemes whose challenge is one step of an exchange with one client, or contains a nonce for that
/// client: NTLM and Negotiate (RFC 4559), Digest (RFC 7616), SCRAM (RFC 7804), mutual
/// authentication (RFC 8120).
const OF_ONE_CLIENT: [&[u8]; 6] = [
    b"ntlm",
    b"negotiate",
    b"digest",
    b"scram-sha-1",
    b"scram-sha-256",
    b"mutual",
];

/// Returns the authentication schemes that a response offers.
///
/// Lines are split without regard to quotes, so that quotes cannot hide a scheme. A word behind a
/// comma in quotes may be among the schemes.
pub fn schemes(response: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    [WWW_AUTHENTICATE, PROXY_AUTHENTICATE]
        .into_iter()
        .flat_map(|name| response.get_all(name))
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .filter_map(|challenge| {
            let challenge = challenge.trim_ascii();
            let mut words = challenge.split(u8::is_ascii_whitespace);
            words.next().filter(|scheme| !scheme.is_empty())
        })
        .filter(|scheme| !scheme.contains(&b'='))
}

/// Reports whether a response challenges one client, so that it cannot answer other clients.
#[must_use]
pub fn is_of_one_client(response: &HeaderMap) -> bool {
    schemes(response).any(|scheme| {
        OF_ONE_CLIENT
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn the_schemes_of_all_challenges_are_read() {
        let headers = map(
            "www-authenticate",
            "Basic realm=\"a\", charset=\"UTF-8\",\tNTLM, , Bearer",
        );
        let read: Vec<_> = schemes(&headers).collect();
        assert_eq!(read, [&b"Basic"[..], b"NTLM", b"Bearer"]);
        assert_eq!(schemes(&HeaderMap::new()).count(), 0);
    }

    #[test]
    fn an_exchange_with_one_client_is_recognised_by_its_scheme() {
        for (value, expected) in [
            ("Basic realm=x, NTLM", true),
            ("negotiate YII=", true),
            ("DIGEST realm=\"a\", nonce=\"b\"", true),
            ("SCRAM-SHA-256\tdata=x", true),
            ("Basic realm=\"a", false),
            ("Bearer realm=\"a, Digest\"", false),
            ("Basic realm=\"digest\", digest=1", false),
        ] {
            let headers = map("www-authenticate", value);
            assert_eq!(is_of_one_client(&headers), expected, "{value}");
        }
        assert!(is_of_one_client(&map("proxy-authenticate", "NTLM")));
    }
}
