//! Tests of claims: who makes room for whom, and what is counted meanwhile.

use std::time::Duration;

use scrimp_core::KeyBuf;

use super::{
    tests::{Value, check, key},
    *,
};

/// Returns a value that weighs this much with its key.
fn weighing(weight: u64) -> Value {
    Value(weight - Slot::weigh(&key(0), &Value(0, None)), None)
}

fn put(table: &Table<Value>, name: u64, value: Value) -> Result<(), NoRoom> {
    table.change(key(name), Instant::now(), |_| Change::Put(value, ()))
}

/// Puts a value that is used so often that no newcomer is worth more.
fn put_popular(table: &Table<Value>, name: u64, weight: u64) {
    put(table, name, weighing(weight)).expect("room");
    for _ in 0..1_000 {
        table.get(key(name).as_ref());
    }
}

fn has(table: &Table<Value>, name: u64) -> bool {
    table.peek(key(name).as_ref()).is_some()
}

#[test]
fn a_value_as_large_as_the_table_displaces_the_one_that_is_there() {
    let table = Table::new(10_000, u64::MAX);
    put(&table, 1, weighing(500)).expect("room");
    put(&table, 2, weighing(10_000)).expect("it fits");
    assert_eq!((check(&table).len(), table.stats().bytes), (1, 10_000));
    assert!(put(&table, 3, weighing(10_001)).is_err());
    assert!(has(&table, 2));
}

#[test]
fn a_decision_for_a_larger_value_takes_only_the_difference() {
    let table = Table::new(10_000, u64::MAX);
    put(&table, 1, weighing(9_000)).expect("room");
    let mut weights = [2_000, 3_000].into_iter();
    let changed = table.change(key(2), Instant::now(), |_| {
        Change::Put(weighing(weights.next().expect("asked twice")), ())
    });
    assert!(changed.is_ok() && weights.next().is_none());
    check(&table);
    assert_eq!(table.stats().bytes, 3_000);
}

#[test]
fn what_a_claim_holds_already_is_not_missing_a_second_time() {
    let table = Table::new(10_000, u64::MAX);
    put_popular(&table, 1, 5_000);
    put_popular(&table, 2, 5_000);
    // The first decision takes the place of one entry. For the second, the other one suffices by
    // itself: 9,000 are wanted, 1,000 are held and 4,000 free.
    let mut weights = [1_000, 9_000, 9_000].into_iter();
    let changed = table.change(key(3), Instant::now(), |_| {
        Change::Put(weighing(weights.next().expect("asked thrice")), ())
    });
    assert!(changed.is_ok());
    assert_eq!((check(&table).len(), table.stats().bytes), (1, 9_000));
}

#[test]
fn what_has_expired_makes_room_first_and_then_one_entry_may_suffice() {
    let table = Table::new(8_000, u64::MAX);
    put_popular(&table, 1, 5_000);
    let now = Instant::now();
    let short = Value(weighing(3_000).0, Some(now + Duration::from_secs(1)));
    put(&table, 2, short).expect("room");
    let later = now + Duration::from_secs(60);
    // 6,000 are missing: more than the popular entry has, until the expired one has gone.
    let changed = table.change(key(3), later, |_| Change::Put(weighing(6_000), ()));
    assert!(changed.is_ok());
    assert!(has(&table, 3) && !has(&table, 1) && !has(&table, 2));
    check(&table);
}

#[test]
fn a_replacement_displaces_nothing_that_is_worth_more_even_after_an_expiry() {
    let table = Table::new(8_000, u64::MAX);
    put_popular(&table, 1, 5_000);
    put(&table, 2, weighing(1_000)).expect("room");
    let now = Instant::now();
    let short = Value(weighing(2_000).0, Some(now + Duration::from_secs(1)));
    put(&table, 3, short).expect("room");
    let later = now + Duration::from_secs(60);
    let changed = table.change(key(2), later, |_| Change::Put(weighing(4_000), ()));
    assert!(changed.is_err());
    assert!(has(&table, 1) && has(&table, 2) && !has(&table, 3));
    assert_eq!(table.stats().bytes, 6_000, "the old value is there");
}

#[test]
fn a_table_whose_memory_is_lent_refuses_values_and_counts_nothing() {
    let table = Table::new(10_000, 100);
    assert!(table.take(10_000, 0));
    assert!(put(&table, 1, weighing(500)).is_err());
    assert_eq!((table.stats().bytes, table.tenants.known()), (0, 0));
    table.give_back(10_000);
    put(&table, 1, weighing(500)).expect("room");
    check(&table);
}

#[test]
fn a_key_that_has_to_wait_is_remembered_with_its_uses() {
    let table = Table::new(10_000, u64::MAX);
    put_popular(&table, 1, 4_000);
    put_popular(&table, 2, 4_000);
    let past_uses = || {
        let shard = table.shards[table.place(key(3).as_ref())].read();
        shard.past_uses(key(3).as_ref().hash_value())
    };
    for uses in 1..4 {
        assert!(put(&table, 3, weighing(8_000)).is_err());
        assert_eq!(past_uses(), uses);
    }
    put(&table, 3, weighing(1_000)).expect("room");
    assert_eq!(past_uses(), 0, "it is in the table");
}

#[test]
fn the_peak_is_the_most_that_entries_have_weighed() {
    let table = Table::new(10_000, u64::MAX);
    put(&table, 1, weighing(6_000)).expect("room");
    table.remove(key(1).as_ref());
    put(&table, 2, weighing(2_000)).expect("room");
    assert!(table.take(8_000, 0));
    let stats = table.stats();
    assert_eq!((stats.bytes, stats.peak_bytes), (2_000, 6_000));
}

#[test]
fn a_limit_of_keys_is_that_of_each_tenant() {
    let table = Table::new(1 << 20, 1);
    let of = |tenant: &[u8], name: u8| {
        let mut key = KeyBuf::new();
        key.part(tenant).part(&[name]);
        let put = |_: Option<&Value>| Change::Put(Value(100, None), ());
        table.change(key.to_key(), Instant::now(), put).is_ok()
    };
    for tenant in [&b"a"[..], b"b", b"", b"\0", b"\x01"] {
        assert!(of(tenant, 1) && !of(tenant, 2), "{tenant:?}");
    }
    assert_eq!(table.tenants.known(), 5);
}

#[test]
fn a_refused_change_gives_its_key_back() {
    let table = Table::new(10_000, u64::MAX);
    let refused = put(&table, 1, weighing(10_001)).expect_err("no room");
    assert_eq!(refused.into_key(), Some(key(1)));
}

#[test]
fn a_hit_saves_one_call_by_default() {
    assert_eq!(Value(1, None).saves(), 1.0);
}

#[test]
fn keys_are_spread_over_all_parts_and_all_are_visited() {
    let table = Table::new(64 << 20, u64::MAX);
    for name in 0..1_000 {
        put(&table, name, weighing(1_000)).expect("room");
    }
    let parts = table.shards.len();
    assert!(parts.is_power_of_two() && (4..=256).contains(&parts));
    assert_eq!(Table::<Value>::new(SHARD, 1).shards.len(), 1);
    let least = table.shards.iter().map(|shard| shard.read().iter().count());
    assert!(least.min() > Some(0));
    let mut values = 0;
    table.for_each(|value| values += value.weight());
    let mut keys = std::collections::HashSet::new();
    table.for_each_key(|key, _| {
        keys.insert(key.as_bytes().to_vec());
    });
    assert_eq!((values, keys.len()), (1_000 * weighing(1_000).0, 1_000));
    assert!(keys.contains(key(7).as_ref().as_bytes()));
    let written = format!("{table:?}");
    assert!(written.contains("entries: 1000"), "{written}");
}

#[test]
fn a_list_that_grows_has_an_eighth_to_spare_at_most_and_is_rarely_moved() {
    let mut list = Vec::new();
    let mut moves = 0;
    for item in 0..10_000_usize {
        let before = list.capacity();
        grow(&mut list);
        list.push(item);
        moves += usize::from(list.capacity() != before);
        let spare = list.capacity() - list.len();
        assert!(spare <= (item / 8).max(4), "{spare} at {item}");
    }
    assert!(moves < 100, "{moves}");
}
