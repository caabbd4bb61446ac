//! Fields that concern one connection or one message's framing (RFC 9110 §7.6.1).

use http::{HeaderMap, HeaderName, header};

use crate::{
    list::{line_members, members},
    names::FieldNames,
};

/// Fields that concern one connection and are neither stored nor passed on (RFC 9110 §7.6.1,
/// RFC 9111 §3.1).
pub static HOP_BY_HOP: FieldNames = FieldNames::new(
    &[
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ],
    &[],
);

/// Fields that frame one message or name its recipient. A message built from others has its own.
pub static FRAMING: FieldNames = FieldNames::new(
    &[
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ],
    &[],
);

/// Fields that are always for every recipient, so that they cannot be connection options:
/// `Connection: Cache-Control` would turn a private response into a public one.
pub static END_TO_END: FieldNames = FieldNames::new(
    &[
        "age",
        "authorization",
        "cache-control",
        "content-length",
        "cookie",
        "expires",
        "host",
        "set-cookie",
        "vary",
    ],
    &[],
);

/// Reports whether a field concerns one connection, independently of Connection.
#[must_use]
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(name)
}

/// Returns the fields that Connection names.
pub fn options(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    members(headers.get_all(header::CONNECTION))
        .filter_map(|name| HeaderName::from_bytes(name).ok())
}

/// Removes the fields of one connection: those of [`HOP_BY_HOP`], and those that Connection names,
/// unless they are for every recipient.
pub fn strip(headers: &mut HeaderMap) {
    let named: Vec<_> = options(headers)
        .filter(|name| !END_TO_END.contains(name))
        .collect();
    for name in named {
        headers.remove(name);
    }
    remove_listed(headers, &HOP_BY_HOP);
}

/// Removes all fields of a list.
pub fn remove_listed(headers: &mut HeaderMap, list: &FieldNames) {
    let listed: Vec<_> = headers
        .keys()
        .filter(|name| list.contains(name))
        .cloned()
        .collect();
    for name in listed {
        headers.remove(name);
    }
}

/// Reports whether a line of Connection asks for another protocol.
#[must_use]
#[inline]
pub fn names_upgrade(connection: &[u8]) -> bool {
    // Most lines have this value.
    connection != b"keep-alive" && lists_upgrade(connection)
}

#[inline(never)]
fn lists_upgrade(connection: &[u8]) -> bool {
    line_members(connection).any(|option| option.eq_ignore_ascii_case(b"upgrade"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_connection_names_is_stripped_unless_it_is_for_every_recipient() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "x-hop, Cache-Control, close"),
            ("x-hop", "1"),
            ("cache-control", "no-store"),
            ("keep-alive", "5"),
            ("transfer_encoding", "chunked"),
            ("x-stays", "1"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        strip(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["cache-control", "x-stays"]);
    }

    #[test]
    fn an_upgrade_is_a_connection_option() {
        assert!(names_upgrade(b"keep-alive, Upgrade"));
        for text in [&b"keep-alive"[..], b"close", b"x-upgrade", b"upgradex", b""] {
            assert!(!names_upgrade(text));
        }
    }
}
