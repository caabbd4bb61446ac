//! Contents of a full table.

use std::{ops::Range, time::Duration};

use super::{
    evict::STEPS,
    tests::{Value, check, key, put},
    *,
};

/// Returns whether a key hits. A missing one is put, with this weight.
fn request(table: &Table<Value>, name: u64, weight: u64) -> bool {
    let hit = table.get(key(name).as_ref()).is_some();
    if !hit {
        let _ = put(table, name, weight);
    }
    hit
}

#[test]
fn what_is_asked_for_once_does_not_drive_out_what_is_asked_for_again() {
    let table = Table::new(1 << 20, u64::MAX);
    let mut hits = 0;
    for turn in 0..20_000 {
        // Every other request comes from a caller who reads through everything.
        let _ = put(&table, 1_000 + turn, 4_000);
        let name = turn * 7 % 200;
        match table.get(key(name).as_ref()) {
            Some(_) => hits += 1,
            None => drop(put(&table, name, 4_000)),
        }
    }
    // Some are evicted by chance, and come back; a queue by age would keep none.
    assert!(hits > 16_000, "{hits}");
}

#[test]
fn what_is_no_longer_asked_for_goes_in_the_end() {
    let table = Table::new(1 << 20, u64::MAX);
    for name in 0..200 {
        put(&table, name, 4_000).expect("room");
        for _ in 0..1_000 {
            table.get(key(name).as_ref());
        }
    }
    for round in 1..200 {
        for name in 0..200 {
            let name = round * 1_000 + name;
            let _ = put(&table, name, 4_000);
            table.get(key(name).as_ref());
            table.get(key(name).as_ref());
        }
    }
    let stayed = (0..200).filter(|&name| table.get(key(name).as_ref()).is_some());
    assert!(stayed.count() < 20);
}

#[test]
fn what_has_run_out_goes_before_what_saves_calls() {
    let table = Table::new(16 * 4_300, u64::MAX);
    let now = Instant::now();
    let put = |name, until| {
        let value = Value(4_000, Some(now + Duration::from_secs(until)));
        let later = now + Duration::from_secs(30);
        table.change(key(name), later, |_| Change::Put(value, ()))
    };
    for name in 0..8 {
        put(name, 60).expect("room");
        put(100 + name, 20).expect("room");
        for _ in 0..50 {
            table.get(key(100 + name).as_ref());
        }
    }
    for name in 0..8 {
        put(200 + name, 60).expect("room");
    }
    let there = |names: Range<u64>| names.filter(|&name| table.get(key(name).as_ref()).is_some());
    assert_eq!((there(0..8).count(), there(200..208).count()), (8, 8));
}

#[test]
fn what_is_heavy_is_let_in_once_it_is_missed_often_enough() {
    let table = Table::new(1 << 20, u64::MAX);
    for name in 0..200 {
        put(&table, name, 5_000).expect("room");
        table.get(key(name).as_ref());
    }
    let heavy = 1_u64 << 40;
    // Ten times as heavy as others that are used twice.
    let turns = (1..60).find(|_| put(&table, heavy, 50_000).is_ok());
    assert!(turns.is_some_and(|turns| turns >= 10), "{turns:?}");
    check(&table);
}

#[test]
fn what_is_heavy_and_always_asked_for_stays_whatever_comes_once() {
    let table = Table::new(4 << 20, u64::MAX);
    let heavy = 1_u64 << 40;
    let mut hits = 0;
    for turn in 0..20_000 {
        let _ = put(&table, turn, 1_000);
        match table.get(key(heavy).as_ref()) {
            // First it had to be missed as often as the values that go for it are worth.
            Some(_) if turn >= 10_000 => hits += 1,
            Some(_) => {}
            None => drop(put(&table, heavy, 200_000)),
        }
    }
    assert!(hits > 9_000, "{hits}");
}

#[test]
fn a_job_that_reads_more_than_fits_in_the_same_order_hits_what_fits() {
    let table = Table::new(1 << 20, u64::MAX);
    let fits = (1 << 20) / 4_200;
    let mut hits = 0;
    for _ in 0..40 {
        hits = (0..2 * fits)
            .filter(|&name| request(&table, name, 4_000))
            .count();
    }
    // The best that is possible is to keep one half. How values fall among the shards makes a
    // difference of some hits.
    assert!(hits as u64 > fits * 8 / 10, "{hits} of {fits}");
    check(&table);
}

#[test]
fn a_read_through_everything_leaves_what_is_popular() {
    let table = Table::new(1 << 20, u64::MAX);
    for turn in 0..4_000 {
        request(&table, turn % 100, 4_000);
    }
    for name in 0..100_000 {
        request(&table, 1_000 + name, 4_000);
        if name % 20 == 0 {
            request(&table, name / 20 % 100, 4_000);
        }
    }
    let stayed = (0..100).filter(|&name| table.get(key(name).as_ref()).is_some());
    assert!(stayed.count() > 95);
}

/// A value whose hit saves this much.
struct Costly(f64);

impl Kept for Costly {
    fn weight(&self) -> u64 {
        4_000
    }

    fn until(&self) -> Option<Instant> {
        None
    }

    fn saves(&self) -> f64 {
        self.0
    }
}

#[test]
fn of_equal_weights_and_uses_those_stay_whose_hits_save_most() {
    let table = Table::new(1 << 20, u64::MAX);
    let mut saved = 0.0;
    let mut calls = 0.0;
    for turn in 0..60_000_u64 {
        let name = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let name = name % 1_000;
        let saves = if name % 10 == 0 { 100.0 } else { 1.0 };
        calls += saves;
        if table.get(key(name).as_ref()).is_some() {
            saved += saves;
        } else {
            let _ = table.change(key(name), Instant::now(), |_| {
                Change::Put(Costly(saves), ())
            });
        }
    }
    // A quarter fits, and a tenth has nine tenths of the value.
    assert!(saved / calls > 0.85, "{}", saved / calls);
}

#[test]
fn a_value_that_is_no_number_does_no_harm() {
    let table = Table::new(100_000, u64::MAX);
    for (name, saves) in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300]
        .into_iter()
        .enumerate()
    {
        let change = table.change(key(name as u64), Instant::now(), |_| {
            Change::Put(Costly(saves), ())
        });
        assert!(change.is_ok());
    }
    for name in 0..1_000 {
        let _ = table.change(key(100 + name), Instant::now(), |_| {
            Change::Put(Costly(1.0), ())
        });
    }
    assert!(table.contest.age().is_finite());
}

#[test]
fn one_eviction_looks_at_a_bounded_number_of_entries() {
    let table = Table::new(4_000_000, u64::MAX);
    let fits = (0..).take_while(|&name| {
        put(&table, name, 200).expect("room");
        table.gauge.evicted() == 0
    });
    let fits = fits.count() as u64;
    for name in 0..=fits {
        table.get(key(name).as_ref());
    }
    let unranked = || {
        let rule = table.contest.rule();
        let shards = table.shards.iter();
        shards
            .map(|shard| shard.read().unranked(rule))
            .sum::<usize>()
    };
    let (before, evicted) = (unranked(), table.gauge.evicted());
    assert!(before as u64 > fits / 2);
    put(&table, 1 << 40, 200).expect("one is evicted though all have been used");
    assert_eq!(table.gauge.evicted(), evicted + 1);
    assert!(before - unranked() <= STEPS as usize + 1);
}

#[test]
fn a_flood_of_a_hundred_times_the_keys_takes_no_more_memory() {
    let table = Table::new(1 << 20, u64::MAX);
    let fits = (1 << 20) / 1_200;
    for name in 0..100 * fits {
        request(&table, name, 1_000);
    }
    assert!(table.stats().peak_bytes <= 1 << 20);
    let ghosts = table.shards.iter().map(|shard| shard.read().ghosts());
    assert!(ghosts.sum::<usize>() as u64 <= 4 * fits);
    assert!(table.contest.entries() <= 256);
    check(&table);
}

#[test]
fn a_dear_value_outlasts_many_cheap_ones_without_a_hit() {
    let table = Table::new(256 << 10, u64::MAX);
    let put = |name: u64, saves: f64| {
        let put = table.change(key(name), Instant::now(), |_| {
            Change::Put(Costly(saves), ())
        });
        assert!(put.is_ok());
    };
    (0..20).for_each(|name| put(name, 2.0));
    (100..500).for_each(|name| put(name, 1.0 / 64.0));
    let stayed = (0..20).filter(|&name| table.get(key(name).as_ref()).is_some());
    assert_eq!(stayed.count(), 20);
}
