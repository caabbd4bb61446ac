//! The address of the client, which is only told from others: an [`Entry`](super::Entry) has its hash.

use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    net::{IpAddr, SocketAddr},
};

/// Returns a hash of a client that is the same in every process, and never zero. Of a list, the first
/// address is that of the client. A port does not count.
pub(super) fn hash(text: &str) -> u64 {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let hash = match address(text) {
        Some(address) => hasher.hash_one(address),
        // A name, where a server looks them up.
        None => hasher.hash_one(text),
    };
    hash.max(1)
}

/// Reports whether a text begins with an address.
pub(super) fn is_address(text: &str) -> bool {
    address(text).is_some()
}

fn address(text: &str) -> Option<IpAddr> {
    let first = text.split(',').next()?.trim();
    let plain = first.trim_matches(['[', ']']).parse::<IpAddr>();
    let with_port = || first.parse::<SocketAddr>().map(|socket| socket.ip());
    plain.or_else(|_| with_port()).ok()
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn a_client_is_its_address_without_a_port_and_without_its_proxies() {
        let one = hash("192.0.2.7");
        for same in ["192.0.2.7:5678", "192.0.2.7, 10.0.0.1", " 192.0.2.7 "] {
            assert_eq!(hash(same), one, "{same}");
        }
        assert_eq!(hash("[2001:db8::1]:80"), hash("2001:db8::1"));
        for other in ["192.0.2.8", "10.0.0.1, 192.0.2.7", "client.example"] {
            assert_ne!(hash(other), one, "{other}");
        }
    }
}
