//! The table holds what it reports, under any concurrent changes.

use std::{collections::HashMap, thread, time::Duration};

use proptest::prelude::*;
use scrimp_core::KeyBuf;

use super::*;

pub(super) fn key(name: u64) -> Key {
    let mut key = KeyBuf::new();
    key.part(b"").part(&name.to_le_bytes());
    key.to_key()
}

/// A value that reports its weight.
#[derive(Clone, Copy)]
pub(super) struct Value(pub(super) u64, pub(super) Option<Instant>);

impl Kept for Value {
    fn weight(&self) -> u64 {
        self.0
    }

    fn until(&self) -> Option<Instant> {
        self.1
    }
}

pub(super) fn put(table: &Table<Value>, name: u64, weight: u64) -> Result<(), ()> {
    let value = Value(weight, None);
    let change = table.change(key(name), Instant::now(), |_| Change::Put(value, ()));
    change.map_err(drop)
}

/// Checks that every slot is found by its key, and that the gauge reports their weight.
pub(super) fn check(table: &Table<Value>) -> HashMap<Vec<u8>, u64> {
    let mut held = HashMap::new();
    for shard in &table.shards {
        let shard = shard.read();
        for slot in shard.iter() {
            let found = shard.get(slot.key().as_ref()).expect("it is there");
            assert!(std::ptr::eq(found, slot));
            held.insert(slot.key().as_ref().as_bytes().to_vec(), slot.weight());
        }
    }
    assert_eq!(held.len() as u64, table.gauge.entries());
    assert_eq!(held.values().sum::<u64>(), table.gauge.bytes());
    assert!(table.gauge.peak() <= table.capacity());
    held
}

#[test]
fn a_cleared_table_is_empty_and_usable() {
    let table = Table::new(64 << 20, u64::MAX);
    for round in 0..2 {
        for name in 0..1_000 {
            put(&table, name, 1_000).unwrap();
        }
        assert_eq!(check(&table).len(), 1_000, "in round {round}");
        table.clear();
        assert!(check(&table).is_empty());
        assert_eq!((table.stats().bytes, table.stats().entries), (0, 0));
    }
}

#[test]
fn what_has_expired_is_shed_and_the_rest_stays() {
    let table = Table::new(64 << 20, u64::MAX);
    let now = Instant::now();
    let until = |name: u64| now + Duration::from_secs(1 + name % 2 * 60);
    for name in 0..1_000 {
        let value = Value(1_000, Some(until(name)));
        table
            .change(key(name), now, |_| Change::Put(value, ()))
            .unwrap();
    }
    assert!(!table.shed(now), "nothing has expired");
    let later = now + Duration::from_secs(2);
    let shed = (0..100_000).filter(|_| table.shed(later)).count();
    assert_eq!((shed, check(&table).len()), (500, 500));
    assert!((0..1_000).all(|name| table.get(key(name).as_ref()).is_some() == (name % 2 == 1)));
}

#[derive(Debug, Clone)]
enum Act {
    Put(u64, u64),
    Get(u64),
    Remove(u64),
    RemoveAsChange(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let name = 0..40_u64;
    prop_oneof![
        4 => (name.clone(), 0..6_000_u64).prop_map(|(name, bytes)| Act::Put(name, bytes)),
        4 => name.clone().prop_map(Act::Get),
        1 => name.clone().prop_map(Act::Remove),
        1 => name.prop_map(Act::RemoveAsChange),
    ]
}

proptest! {
    #[test]
    fn what_is_held_is_what_was_put_last_and_weighs_what_the_gauge_says(
        acts in prop::collection::vec(act(), 0..300),
    ) {
        let table = Table::new(40_000, u64::MAX);
        let mut latest = HashMap::new();
        for act in acts {
            match act {
                Act::Put(name, bytes) => {
                    if put(&table, name, bytes).is_ok() {
                        latest.insert(name, bytes);
                        prop_assert!(table.get(key(name).as_ref()).is_some());
                    }
                }
                Act::Get(name) => {
                    if let Some(found) = table.get(key(name).as_ref()) {
                        prop_assert_eq!(found.0, latest[&name]);
                    }
                }
                Act::Remove(name) => {
                    table.remove(key(name).as_ref());
                    prop_assert!(table.get(key(name).as_ref()).is_none());
                }
                Act::RemoveAsChange(name) => {
                    let removed = table.change(key(name), Instant::now(), |_| Change::Remove(()));
                    prop_assert!(removed.is_ok());
                    prop_assert!(table.get(key(name).as_ref()).is_none());
                }
            }
        }
        check(&table);
    }
}

#[test]
fn threads_that_change_it_at_once_leave_it_whole() {
    // Large enough for several shards, small enough for many evictions.
    let table = Table::new(32 << 20, u64::MAX - 1);
    thread::scope(|scope| {
        for seed in 0..4_u64 {
            let table = &table;
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                for _ in 0..4_000 {
                    let name = random.u64(..2_000);
                    match random.u8(..10) {
                        0 => table.remove(key(name).as_ref()),
                        1..5 => drop(put(table, name, random.u64(..100_000))),
                        _ => drop(table.get(key(name).as_ref())),
                    }
                }
            });
        }
    });
    let held = check(&table);
    assert!(table.gauge.evicted() > 100 && held.len() > 100);
    // The tenant's count has followed: this many can be released, and no more.
    for name in 0..2_000 {
        table.remove(key(name).as_ref());
    }
    assert_eq!((table.gauge.entries(), table.gauge.bytes()), (0, 0));
    assert_eq!(table.tenants.known(), 0);
}

#[test]
fn a_replacement_does_not_release_the_count_of_its_tenant() {
    let table = Table::new(1 << 20, 2);
    for name in [1, 2] {
        put(&table, name, 100).expect("room");
    }
    for weight in [200, 50, 300, 300, 100] {
        put(&table, 1, weight).expect("its key is counted already");
        assert_eq!(put(&table, 3, 100), Err(()), "a third key");
    }
    assert_eq!(check(&table).len(), 2);
    table.remove(key(1).as_ref());
    put(&table, 3, 100).expect("one has gone");
    assert_eq!(put(&table, 4, 100), Err(()));
    [2, 3]
        .into_iter()
        .for_each(|name| table.remove(key(name).as_ref()));
    assert_eq!(table.tenants.known(), 0);
}

#[test]
fn a_key_that_two_add_at_once_is_counted_once() {
    let table = Table::new(20_000, 100);
    for name in 0..4 {
        put(&table, name, 4_000).expect("room");
    }
    let decide = |_: Option<&Value>| Change::Put(Value(4_000, None), ());
    let mut slow = Claim::new(&table, key(9), 0.0);
    let Attempt::Short { bytes, priority } = slow.attempt(decide) else {
        panic!("there is no room for it");
    };
    put(&table, 9, 4_000).expect("room is made");
    assert!(slow.make_room(bytes, priority));
    assert!(matches!(slow.attempt(decide), Attempt::Done(())));
    drop(slow);
    check(&table);
    for name in 0..10 {
        table.remove(key(name).as_ref());
    }
    assert_eq!((table.gauge.bytes(), table.tenants.known()), (0, 0));
}

#[test]
fn memory_of_what_is_gone_is_given_back() {
    let table = Table::new(64 << 20, u64::MAX);
    for name in 0..100_000 {
        put(&table, name, 100).expect("room");
    }
    for name in 0..100_000 {
        table.remove(key(name).as_ref());
    }
    let rooms = table.shards.iter().map(|shard| shard.read().room());
    assert!(rooms.max() <= Some(4_096));
}

#[test]
fn a_change_that_thinks_better_of_it_leaves_nothing_counted() {
    let table = Table::new(20_000, 100);
    for name in 0..4 {
        put(&table, name, 4_000).expect("room");
    }
    let mut asked = 0;
    let changed = table.change(key(9), Instant::now(), |_| {
        asked += 1;
        match asked {
            // There is no room for it until others have gone.
            1 => Change::Put(Value(4_000, None), "put"),
            _ => Change::Keep("kept"),
        }
    });
    assert_eq!((changed.ok(), asked), (Some("kept"), 2));
    assert_eq!(check(&table).len(), 3);
    for name in 0..4 {
        table.remove(key(name).as_ref());
    }
    assert_eq!((table.gauge.bytes(), table.tenants.known()), (0, 0));
}

#[test]
fn what_is_larger_than_everything_drives_nothing_out() {
    let table = Table::new(100_000, u64::MAX);
    put(&table, 1, 1_000).expect("room");
    for _ in 0..50 {
        assert_eq!(put(&table, 2, 200_000), Err(()));
    }
    assert!(table.get(key(1).as_ref()).is_some());
    assert_eq!(table.gauge.evicted(), 0);
    let none = Table::new(0, u64::MAX);
    assert_eq!(put(&none, 1, 0), Err(()));
}

#[test]
fn memory_that_is_lent_counts_and_comes_from_what_is_worth_least() {
    let table = Table::new(100_000, u64::MAX);
    for name in 0..40 {
        let _ = put(&table, name, 4_000);
        table.get(key(name).as_ref());
    }
    let before = table.stats();
    assert!(!table.take(30_000, 4_000), "all entries are heavier");
    assert!(table.take(30_000, 5_000));
    let after = table.stats();
    assert!(after.bytes <= 70_000 && after.entries < before.entries);
    assert!(!table.take(70_001, 5_000) && !table.take(u64::MAX, u64::MAX));
    assert_eq!(
        table.gauge.bytes(),
        after.bytes.min(table.stats().bytes) + 30_000
    );
    // What is given back is used again, without further evictions.
    table.give_back(30_000);
    let evicted = table.stats().evicted;
    for name in 100..106 {
        put(&table, name, 4_000).expect("room");
    }
    assert_eq!(table.stats().evicted, evicted);
    check(&table);
}
