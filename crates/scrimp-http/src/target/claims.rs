//! Fields in which a request makes claims about its target.

use http::HeaderName;

use crate::{list::parameter, names::FieldNames};

/// Fields from which upstreams may take the name under which they were called: frameworks build
/// links and redirects from it. A client's claim must not reach other clients, so it becomes part
/// of the key.
///
/// Fields with the client's address are not among them: they differ with every client, and
/// responses are not made from one client's address for all.
pub static RETELLING: FieldNames = FieldNames::new(
    &[
        "cloudfront-forwarded-proto",
        "forwarded",
        "front-end-https",
        "x-forwarded-host",
        "x-forwarded-path",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-proto",
        "x-forwarded-protocol",
        "x-forwarded-scheme",
        "x-forwarded-server",
        "x-forwarded-ssl",
        "x-forwarded-uri",
        "x-host",
        "x-http-host-override",
        "x-original-host",
        "x-original-proto",
        "x-scheme",
        "x-script-name",
        "x-url-scheme",
    ],
    &[],
);

/// Fields from which upstreams may take the intended method or path. The request is then not the
/// one that the key and the rules see.
pub static OVERRIDING: FieldNames = FieldNames::new(
    &[
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-method",
        "x-original-uri",
        "x-original-url",
        "x-rewrite-url",
    ],
    &[],
);

/// Reports whether upstreams may take from this field the name under which they were called.
#[must_use]
pub fn retells(name: &HeaderName) -> bool {
    RETELLING.contains(name)
}

/// Reports whether upstreams may take from this field the intended method or path.
#[must_use]
pub fn overrides(name: &HeaderName) -> bool {
    OVERRIDING.contains(name)
}

/// Returns the `host` and `proto` parameters of a line of Forwarded (RFC 7239), each with its
/// name; `for` and `by` are addresses.
///
/// Lines are split without regard to quotes, so that quotes cannot hide a parameter.
pub fn forwarded_claims(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| byte == b',' || byte == b';')
        .filter(|pair| {
            let (name, _) = parameter(pair);
            name.eq_ignore_ascii_case(b"host") || name.eq_ignore_ascii_case(b"proto")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_lists_is_found_in_any_spelling() {
        let name = |text: &str| HeaderName::from_bytes(text.as_bytes()).unwrap();
        for field in RETELLING.names() {
            assert!(
                retells(&name(field)) && retells(&name(&field.replace('-', "_"))),
                "{field}"
            );
        }
        for field in OVERRIDING.names() {
            assert!(
                overrides(&name(field)) && overrides(&name(&field.replace('-', "_"))),
                "{field}"
            );
        }
        assert!(!retells(&name("x-forwarded-for")) && !overrides(&name("x-forwarded-for")));
    }

    #[test]
    fn forwarded_claims_host_and_protocol() {
        let claims = |line: &'static str| {
            let claims = forwarded_claims(line.as_bytes());
            claims
                .map(|pair| std::str::from_utf8(pair).unwrap().trim())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            claims("for=1, HOST=evil;proto=https"),
            ["HOST=evil", "proto=https"]
        );
        assert_eq!(claims("for=\"a;host=evil\""), ["host=evil\""]);
        assert!(claims("for=1;by=2").is_empty());
    }
}
