//! Rates that several processes share, with a real server.

use std::{sync::Arc, time::Duration};

use scrimp_core::{NotTaken, RateRule, RateTake, SharedRate};
use scrimp_redis::{RedisClient, RedisRate};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    rig::{SOON, patient},
    server::Server,
};

const LONG: Duration = Duration::from_secs(600);

/// The rates of another process.
fn process(server: &Server) -> RedisRate {
    let client = patient(&server.url()).build().expect("a client");
    RedisRate::new(&client, "upstream")
}

async fn take(
    rate: &RedisRate,
    rule: RateRule,
    weight: u64,
    most: Duration,
) -> Result<(), NotTaken> {
    match rate.take(b"", rule, weight, most) {
        RateTake::Pass => Ok(()),
        RateTake::Wait(wait) => wait.await,
        RateTake::NotTaken(reason) => Err(reason),
    }
}

#[tokio::test]
async fn four_processes_keep_to_one_rate_and_use_all_of_it() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    // 2,000 a second, 500 at once.
    let rule = RateRule::new(500_000, 500);
    let processes: Vec<_> = (0..4).map(|_| process(&server)).collect();
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for number in 0..32 {
        let rate = processes[number % 4].clone();
        tasks.spawn(async move {
            let mut times = Vec::new();
            for _ in 0..100 {
                take(&rate, rule, 1, LONG).await.expect("it waits");
                times.push(start.elapsed());
                tokio::task::yield_now().await;
            }
            times
        });
    }
    let mut times: Vec<Duration> = tasks.join_all().await.concat();
    times.sort_unstable();
    for (number, time) in times.iter().enumerate() {
        let there = 500 + time.as_nanos() / 500_000;
        assert!((number as u128) < there, "{number} after {time:?}");
    }
    let last = times[times.len() - 1];
    let calls: u64 = processes.iter().map(|rate| rate.stats().calls).sum();
    println!("3200 units of 2000 a second in {last:?}, {calls} calls of Redis");
    assert!(last < Duration::from_millis(2 * 1_350), "{last:?}");
}

#[tokio::test]
async fn ten_thousand_requests_below_the_rate_ask_redis_at_most_once_in_a_hundred() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let (rate, rule) = (process(&server), RateRule::new(1_000, 1_000_000));
    for _ in 0..10_000 {
        take(&rate, rule, 1, LONG).await.expect("room");
        tokio::task::yield_now().await;
    }
    println!("{} calls of Redis for 10000 requests", rate.stats().calls);
    assert!(rate.stats().calls <= 100);
}

#[tokio::test]
async fn a_burst_can_be_taken_whole_and_no_more_than_that() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rule = RateRule::new(3_600_000_000_000, 100);
    let (one, other) = (process(&server), process(&server));
    // One hour for one: no time passes here.
    for rate in [&one, &other] {
        for _ in 0..50 {
            take(rate, rule, 1, SOON).await.expect("room");
        }
    }
    for rate in [&one, &other] {
        let refused = take(rate, rule, 1, SOON).await;
        assert!(
            matches!(refused, Err(NotTaken::Late(time)) if time > LONG),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn requests_of_different_weights_wait_for_all_of_theirs() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let (rate, rule) = (Arc::new(process(&server)), RateRule::new(1_000_000, 100));
    let start = Instant::now();
    // More than the burst: the rest takes 200 ms.
    take(&rate, rule, 300, LONG).await.expect("it waits");
    assert!(start.elapsed() >= Duration::from_millis(200));
    // With nothing left, a weight of 50 takes 50 ms and is not waited for.
    let refused = take(&rate, rule, 50, Duration::from_millis(1)).await;
    assert!(
        matches!(refused, Err(NotTaken::Late(time)) if time <= Duration::from_millis(50)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_process_without_redis_is_told_so_and_shares_again_afterwards() {
    let Some(mut server) = Server::start(&[]) else {
        return;
    };
    let client = RedisClient::builder([server.url()])
        .build()
        .expect("a client");
    let (rate, rule) = (
        RedisRate::new(&client, "upstream"),
        RateRule::new(1_000, 10),
    );
    server.kill();
    assert_eq!(take(&rate, rule, 1, SOON).await, Err(NotTaken::Unknown));
    server.restart();
    client.connected().await;
    let shares = async {
        while take(&rate, rule, 1, SOON).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, shares).await.expect("it shares again");
}

#[tokio::test]
async fn a_request_that_is_refused_takes_nothing_from_the_others() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    // 100 a second and at once: a weight of 2,000 takes 19 s.
    let rule = RateRule::new(10_000_000, 100);
    let (one, other) = (process(&server), process(&server));
    let ten = Duration::from_secs(10);
    let (heavy, light) = tokio::join!(take(&one, rule, 2_000, ten), take(&one, rule, 1, ten));
    assert!(
        matches!(heavy, Err(NotTaken::Late(time)) if time > ten),
        "{heavy:?}"
    );
    light.expect("it waits behind the other, which gets nothing");
    let start = Instant::now();
    take(&other, rule, 90, SOON)
        .await
        .expect("the rest of the burst is there");
    assert!(start.elapsed() < SOON);
}

#[tokio::test]
async fn a_clock_that_was_set_back_stops_no_limit_for_longer_than_it_takes_to_fill_up() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    // A thousand a second.
    let rule = RateRule::new(1_000_000, 10);
    let rate = process(&server);
    take(&rate, rule, 10, SOON).await.expect("room");
    let redis::Value::Array(keys) = server.run(&["KEYS", "scrimp:rate:*"]) else {
        panic!("no keys");
    };
    let [redis::Value::BulkString(key)] = &keys[..] else {
        panic!("{keys:?}");
    };
    let key = std::str::from_utf8(key).expect("a name");
    // As a server would that takes over from one whose clock was hours ahead.
    for (field, value) in [("seconds", "99999999999"), ("until", "99999999999000")] {
        server.run(&["HSET", key, field, value]);
    }
    let passes = async {
        while take(&rate, rule, 10, Duration::ZERO).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, passes).await.expect("time passes");
}

#[test]
fn a_task_that_ends_before_it_asks_leaves_none_waiting() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().expect("a runtime")
    };
    let rule = RateRule::new(1_000_000, 100);
    let first = runtime();
    let (rate, waiting) = first.block_on(async {
        let client = RedisClient::builder(["redis://127.0.0.1:1"]).build();
        let rate = RedisRate::new(&client.expect("a client"), "upstream");
        let RateTake::Wait(waiting) = rate.take(b"", rule, 1, LONG) else {
            panic!("it asks first");
        };
        (rate, waiting)
    });
    // The task that asks has not run.
    drop(first);
    let told = runtime().block_on(async { timeout(SOON, waiting).await });
    assert_eq!(told.expect("it is told"), Err(NotTaken::Unknown));
    let again = runtime().block_on(async { timeout(SOON, take(&rate, rule, 1, LONG)).await });
    assert_eq!(again.expect("it is told"), Err(NotTaken::Unknown));
}
