//! Request fields that contain the client's address.

use crate::names::FieldNames;

/// Fields in which proxies and CDNs send the address of their client. A proxy that trusts no
/// proxy in front of it drops them, since a client can set them freely.
///
/// Forwarded (RFC 7239) contains more than an address and is among
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
    fn the_fields_describe_the_client_and_do_not_select_an_answer() {
        for name in CLIENT_ADDRESS.names() {
            assert_eq!(role(&HeaderName::from_static(name)), Role::Client, "{name}");
        }
    }
}
