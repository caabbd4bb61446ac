//! Request fields that tell the client's address.

use crate::names::FieldNames;

/// The fields in which proxies and CDNs tell the address of their client. A proxy that trusts
/// none before it drops them, since a client can write what it likes there.
///
/// Forwarded (RFC 7239) tells more than an address and is among
/// [`RETELLING`](crate::target::RETELLING).
pub static CLIENT_ADDRESS: FieldNames = FieldNames::new(
    &[
        "cf-connecting-ip",
        "cf-connecting-ipv6",
        "fastly-client-ip",
        "fly-client-ip",
        "true-client-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-envoy-external-address",
        "x-forwarded-for",
        "x-original-forwarded-for",
        "x-real-ip",
    ],
    &[],
);

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;
    use crate::role::{Role, role};

    #[test]
    fn the_fields_tell_of_the_client_and_select_no_answer() {
        for name in CLIENT_ADDRESS.names() {
            assert_eq!(role(&HeaderName::from_static(name)), Role::Client, "{name}");
        }
    }
}
