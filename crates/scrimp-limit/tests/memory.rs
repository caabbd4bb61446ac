//! Bounds on what clients can name, under floods of a hundred times as much.

mod rig;

use std::time::Duration;

use futures_util::future::join_all;
use rig::{Rig, by_user, ms, request};
use scrimp_limit::LimitLayer;

#[tokio::test(start_paused = true)]
async fn a_flood_of_keys_is_bounded_and_resets_no_limit() {
    let rig = Rig::new(
        by_user(LimitLayer::per_minute(60))
            .max_keys(100)
            .max_wait(Duration::ZERO),
    );
    // The attacker's own limit, and that of a neighbour, are used up.
    for user in ["mallory", "ann"] {
        assert_eq!(rig.status(request(user, 60)).await, 200);
    }
    for n in 0..10_000 {
        let _ = rig.status(request(&format!("invented {n}"), 1)).await;
        assert!(rig.layer.stats().entries <= 100);
    }
    for user in ["mallory", "ann"] {
        assert_eq!(rig.status(request(user, 1)).await, 429);
    }
}

#[tokio::test(start_paused = true)]
async fn keys_of_the_past_make_room_for_new_ones() {
    let rig = Rig::new(
        by_user(LimitLayer::per_second(10))
            .max_keys(100)
            .max_wait(Duration::ZERO),
    );
    for round in 0..100 {
        for n in 0..100 {
            // Each has a limit of its own, since the keys of the round before are forgotten.
            let user = format!("user {round} {n}");
            assert_eq!(rig.status(request(&user, 10)).await, 200, "{user}");
        }
        assert_eq!(rig.layer.stats().entries, 100);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_key_with_a_large_debt_does_not_block_the_room_of_the_others() {
    let rig = Rig::new(
        by_user(LimitLayer::per_second(10).burst(10_000))
            .max_keys(2)
            .max_wait(Duration::ZERO),
    );
    assert_eq!(rig.status(request("heavy", 10_000)).await, 200);
    for n in 0..200 {
        assert_eq!(rig.status(request(&format!("light {n}"), 1)).await, 200);
        tokio::time::advance(ms(100)).await;
    }
    assert_eq!(rig.status(request("heavy", 1_000)).await, 429);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_waiters_is_bounded() {
    let rig = Rig::new(
        LimitLayer::per_second(1)
            .max_waiters(10)
            .max_wait(Duration::from_secs(3_600)),
    );
    let all = join_all((0..1_000).map(|_| rig.send(request("ann", 1)))).await;
    let statuses = |status: u16| {
        all.iter()
            .filter(|it| it.as_ref().unwrap().status() == status)
            .count()
    };
    assert_eq!((statuses(200), statuses(503)), (11, 989));
    assert_eq!(rig.upstream.calls(), 11);
}
