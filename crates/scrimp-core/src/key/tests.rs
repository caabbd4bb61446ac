//! Tests of keys.

use super::*;
use proptest::prelude::*;

fn key(parts: &[Vec<u8>]) -> Key {
    let mut buf = KeyBuf::new();
    for part in parts {
        buf.part(part);
    }
    buf.to_key()
}

proptest! {
    #[test]
    fn keys_are_equal_exactly_when_all_their_parts_are(
        left in prop::collection::vec(prop::collection::vec(0u8..3, 0..4), 0..4),
        right in prop::collection::vec(prop::collection::vec(0u8..3, 0..4), 0..4),
    ) {
        prop_assert_eq!(key(&left) == key(&right), left == right);
        prop_assert_eq!(Key::from_bytes(key(&left).as_ref().as_bytes()), Some(key(&left)));
        prop_assert_eq!(key(&left).as_ref().parts().map(<[u8]>::to_vec).collect::<Vec<_>>(), left);
    }

    #[test]
    fn a_part_written_in_pieces_equals_the_part_written_whole(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..150), 0..6),
    ) {
        let mut whole = KeyBuf::new();
        whole.part(&pieces.concat());
        let mut piecewise = KeyBuf::new();
        piecewise.part_with(|write| pieces.iter().for_each(|piece| write(piece)));
        prop_assert_eq!(whole.as_ref(), piecewise.as_ref());
        whole.part(b"next");
        piecewise.part(b"next");
        let (whole, piecewise) = (whole.to_key(), piecewise.to_key());
        prop_assert_eq!(&whole, &piecewise);
        let parts: Vec<_> = whole.as_ref().parts().map(<[u8]>::to_vec).collect();
        prop_assert_eq!(parts, [pieces.concat(), b"next".to_vec()]);
        prop_assert_eq!(Key::from_bytes(whole.as_ref().as_bytes()), Some(whole));
    }
}

#[test]
fn bytes_that_are_not_parts_are_not_a_key() {
    // A part is missing, or a short length is in the form of a long one.
    for bytes in [&b"\x01"[..], b"\x01ab\x02", b"\xff", b"\xff\x01\0\0\0a"] {
        assert_eq!(Key::from_bytes(bytes), None);
    }
}

#[test]
fn a_borrowed_key_finds_an_owned_one() {
    let mut map = std::collections::HashMap::with_hasher(KeyHashBuilder);
    let mut buf = KeyBuf::new();
    buf.part(b"GET").part(&[b'x'; 300]);
    map.insert(buf.to_key(), 1);
    assert!(map.keys().all(|key| buf.as_ref().equivalent(key)));
    assert_eq!(map.get(&buf.to_key()), Some(&1));
}
