use fastrand::Rng;

use super::*;

const MIN: u64 = 10;
const MAX: u64 = 100_000;

fn key(hash: u64) -> LearnedKey {
    LearnedKey {
        rule: 0,
        hash: hash.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        ttl: LearnedTtl {
            min: Duration::from_secs(MIN),
            max: Duration::from_secs(MAX),
            stale: 50,
        },
    }
}

/// Returns the lifetime of a key, after an observation.
fn observe(changes: &Changes, key: LearnedKey, after: Duration, changed: bool) -> Duration {
    let seen = Observation { after, changed };
    changes.lifetime(key, Some(seen)).time
}

/// Returns the lifetime of a key, as it is known.
fn lifetime(changes: &Changes, key: LearnedKey) -> Duration {
    changes.lifetime(key, None).time
}

/// Returns a time between two events that come once in `mean` seconds.
fn exponential(rng: &mut Rng, mean: f64) -> f64 {
    -(1.0 - rng.f64()).ln() * mean
}

/// Fetches a resource that changes once in `mean` seconds for a number of lifetimes, each time at once
/// when the last one has ended. Returns the share of stale time, and the last lifetime in seconds.
fn follow(changes: &Changes, key: LearnedKey, mean: f64, lifetimes: usize) -> (f64, f64) {
    let mut rng = Rng::with_seed(key.hash);
    let mut next = exponential(&mut rng, mean);
    let (mut stale, mut time, mut last) = (0.0, 0.0, 0.0);
    for _ in 0..lifetimes {
        let lifetime = changes.lifetime(key, None);
        last = lifetime.time.as_secs_f64();
        changes.count(lifetime, lifetime.time);
        let changed = next < last;
        stale += (last - next).max(0.0);
        time += last;
        // The last change before the fetch is of no interest, only that there was one.
        next = match changed {
            true => exponential(&mut rng, mean),
            false => next - last,
        };
        observe(changes, key, lifetime.time, changed);
    }
    (stale / time, last)
}

#[test]
fn responses_are_out_of_date_for_the_share_that_was_chosen() {
    // From twice the shortest lifetime that 5 % would allow up to a day.
    for mean in [300.0, 1_800.0, 7_200.0, 86_400.0] {
        let changes = Changes::default();
        let shares = (0..40).map(|n| follow(&changes, key(n), mean, 400).0);
        let share = shares.sum::<f64>() / 40.0;
        let told = changes.read().stale_share();
        println!("a change in {mean} s: {share:.4} stale, {told:.4} told");
        assert!((0.03..0.055).contains(&share), "{mean}: {share}");
        assert!((share - told).abs() < 0.01, "{mean}: {share} and {told}");
    }
}

#[test]
fn what_never_changes_gets_the_longest_and_what_always_does_the_shortest_lifetime() {
    let changes = Changes::default();
    assert_eq!(lifetime(&changes, key(1)).as_secs(), MIN);
    for _ in 0..200 {
        observe(&changes, key(1), lifetime(&changes, key(1)), false);
    }
    assert_eq!(lifetime(&changes, key(1)).as_secs(), MAX);
    for _ in 0..800 {
        observe(&changes, key(1), lifetime(&changes, key(1)), true);
    }
    assert_eq!(lifetime(&changes, key(1)).as_secs(), MIN);
}

#[test]
fn a_key_without_observations_begins_with_those_of_its_rule() {
    let changes = Changes::default();
    for n in 0..100 {
        follow(&changes, key(n), 7_200.0, 50);
    }
    // Half of what its rate allows, as a single event is believed.
    let expected = 0.05 * 7_200.0;
    let new = lifetime(&changes, key(1_000)).as_secs_f64();
    assert!((new / expected - 1.0).abs() < 0.3, "{new} for {expected}");
    let of_another_rule = LearnedKey {
        rule: 1,
        ..key(1_000)
    };
    assert_eq!(lifetime(&changes, of_another_rule).as_secs(), MIN);
}

#[test]
fn a_resource_that_begins_to_change_is_believed() {
    let changes = Changes::default();
    let (_, calm) = follow(&changes, key(1), 86_400.0, 300);
    let (_, busy) = follow(&changes, key(1), 600.0, 300);
    assert!(calm > 2_000.0 && busy < 200.0, "{calm} {busy}");
}

#[test]
fn a_hundred_times_as_many_keys_as_there_is_room_for_take_no_more_memory() {
    let changes = Changes::default();
    for n in 0..100 * (SETS * WAYS) as u64 {
        observe(&changes, key(n), Duration::from_secs(60), n % 2 == 0);
    }
    let table = changes.0.table.lock();
    assert_eq!(table.keys.len(), SETS);
    assert_eq!(table.routes.len(), ROUTES);
    assert!(size_of_val(&*table.keys) <= 320 << 10);
}

#[test]
fn strangers_do_not_displace_a_key_that_is_often_fetched() {
    let changes = Changes::default();
    let own = key(0);
    for n in 1..2_000_000 {
        if n % 4_000 == 0 {
            observe(&changes, own, Duration::from_secs(3_600), false);
        }
        observe(&changes, key(n), Duration::from_secs(60), true);
    }
    let stranger = lifetime(&changes, key(5_000_000));
    assert!(lifetime(&changes, own) > 10 * stranger);
}

#[test]
fn no_observation_makes_a_lifetime_that_the_bounds_forbid() {
    let changes = Changes::default();
    for (after, changed) in [
        (Duration::ZERO, true),
        (Duration::ZERO, false),
        (Duration::MAX, true),
        (Duration::MAX, false),
        (Duration::from_nanos(1), true),
    ] {
        for _ in 0..5 {
            let seen = Observation { after, changed };
            let lifetime = changes.lifetime(key(1), Some(seen));
            let seconds = lifetime.time.as_secs();
            assert!((MIN..=MAX).contains(&seconds), "{after:?} {seconds}");
            changes.count(lifetime, lifetime.time);
        }
    }
    assert!((0.0..=1.0).contains(&changes.read().stale_share()));
}
