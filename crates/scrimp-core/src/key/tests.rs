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

/// Returns a key with a given hash, for keys whose hashes collide.
fn with_hash(hash: u64, bytes: &[u8]) -> KeyRef<'_> {
    KeyRef { hash, bytes }
}

#[test]
fn two_keys_of_one_hash_are_different_where_their_bytes_are() {
    let (one, other) = (with_hash(7, b"\x01a"), with_hash(7, b"\x01b"));
    assert!(one != other && one.to_key() != other.to_key());
    assert!(!one.equivalent(&other.to_key()));
    assert!(one == with_hash(7, b"\x01a") && one.equivalent(&one.to_key()));
    // In a map, too.
    let mut map = std::collections::HashMap::with_hasher(KeyHashBuilder);
    map.insert(one.to_key(), "one");
    assert_eq!(map.get(&other.to_key()), None);
    assert_eq!(map.insert(other.to_key(), "other"), None);
    assert_eq!((map.len(), map[&one.to_key()]), (2, "one"));
}

#[test]
fn what_follows_a_part_of_any_length_distinguishes_keys() {
    let parts = |parts: &[&[u8]]| {
        let mut buf = KeyBuf::new();
        for part in parts {
            buf.part(part);
        }
        buf
    };
    for length in 200..=330 {
        let long = vec![b'x'; length];
        let tails: [&[&[u8]]; 6] = [&[], &[b""], &[b"a"], &[b"b"], &[b"a", b"b"], &[b"ab"]];
        let keys = tails.map(|tail| {
            let all = [&[&long[..]], tail].concat();
            let key = parts(&all).to_key();
            assert!(key.as_ref().parts().eq(all.iter().copied()), "{length}");
            assert_eq!(
                Key::from_bytes(key.as_ref().as_bytes()).as_ref(),
                Some(&key)
            );
            // The same, where each part is written in two pieces.
            let mut pieces = KeyBuf::new();
            for part in &all {
                let (one, two) = part.split_at(part.len() / 2);
                pieces.part_with(|write| [one, two].into_iter().for_each(write));
            }
            assert_eq!(pieces.to_key(), key, "{length}");
            key
        });
        for (place, key) in keys.iter().enumerate() {
            let same = keys.iter().filter(|other| *other == key).count();
            assert_eq!(same, 1, "{length}, {place}");
        }
    }
}

#[test]
fn long_and_short_parts_follow_each_other_in_any_order() {
    for length in 200..=330 {
        let all: [&[u8]; 5] = [b"GET", &vec![b'x'; length], b"", &vec![b'y'; 260], b"z"];
        let key = key(&all.map(<[u8]>::to_vec));
        assert!(key.as_ref().parts().eq(all), "{length}");
    }
}

#[test]
fn a_map_hashes_keys_by_the_hash_that_they_carry() {
    let [one, other] = [&b"one"[..], b"other"].map(|part| {
        let mut buf = KeyBuf::new();
        buf.part(part);
        buf
    });
    let hash = one.as_ref().hash_value();
    assert_ne!(hash, other.as_ref().hash_value());
    assert_eq!(one.to_key().as_ref().hash_value(), hash);
    assert_eq!(KeyHashBuilder.hash_one(one.to_key()), hash);
    assert_eq!(KeyHashBuilder.hash_one(one.as_ref()), hash);
}

#[test]
fn the_hasher_takes_bytes_of_other_types_in_their_order() {
    let hash = |bytes: &[u8]| {
        let mut hasher = KeyHashBuilder.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    };
    assert_eq!(hash(&[1, 2, 3]), 0x01_02_03);
    // The ninth byte meets the first.
    assert_eq!(hash(&[1, 0, 0, 0, 0, 0, 0, 0, 1]), 0);
    assert_eq!(hash(&[1, 0, 0, 0, 0, 0, 0, 0, 2]), 3);
}

#[test]
fn clones_share_their_bytes_and_the_counts_of_them() {
    let mut buf = KeyBuf::new();
    buf.part(b"GET").part(b"/a");
    assert_eq!(format!("{buf:?}"), "Key(2 parts, 7 bytes)");
    let key = buf.to_key();
    assert_eq!(format!("{key:?}"), "Key(2 parts, 7 bytes)");
    assert_eq!(key.heap_size(), 7 + 2 * size_of::<usize>());
    assert_eq!(key.shared_bytes()[..], *b"\x03GET\x02/a");
    assert!(Arc::ptr_eq(key.shared_bytes(), key.clone().shared_bytes()));
}

#[test]
fn a_key_that_leaves_its_inline_bytes_has_room_for_as_many_more() {
    for length in [1, 3, 100] {
        let mut key = KeyBuf::new();
        key.push(&[b'a'; INLINE]);
        assert_eq!(key.heap.capacity(), 0);
        key.push(&vec![b'b'; length]);
        let room = key.heap.capacity();
        assert!((2 * INLINE + length..4 * INLINE).contains(&room), "{room}");
    }
}
