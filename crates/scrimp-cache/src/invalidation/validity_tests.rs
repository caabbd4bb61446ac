//! Tests of the state of one entry.

use scrimp_core::KeyBuf;

use super::{
    carried::{Carried, OwnTarget},
    epoch::Position,
    sync::Ordering,
    tags::Tag,
    validity::Validity,
};

#[test]
fn an_entry_weighs_what_it_carries() {
    let position = Position { log: 1, at: 1 };
    let tags: Vec<_> = (0..100).map(|n| Tag(n << 2)).collect();
    let entry = Validity::new(position, Carried::new(tags, [], ""));
    assert!(entry.heap_size() >= 100 * size_of::<Tag>());
    let mut key = KeyBuf::new();
    for part in ["", "http", "a.example", "/a/b", "?x=1"] {
        key.part(part.as_bytes());
    }
    let key = key.to_key();
    let own = OwnTarget::new(&key, "a.example", "/a/b?x=1");
    let entry = Validity::new(position, Carried::new([], [], "").of(own));
    assert_eq!(entry.key_size(), key.heap_size());
}

#[test]
fn a_check_is_remembered_and_never_taken_back() {
    let position = Position { log: 1, at: 1 };
    let entry = Validity::new(position, Carried::new([], [], ""));
    for (noted, known) in [(5, 5), (3, 5), (9, 9)] {
        entry.note_checked(noted);
        assert_eq!(entry.checked.load(Ordering::Relaxed), known);
    }
}
