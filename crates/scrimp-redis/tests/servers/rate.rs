//! Rates that several processes share, with a real server.

use std::{sync::Arc, time::Duration};

use scrimp_core::{NotTaken, RateRule, RateTake, SharedRate};
use scrimp_redis::{RedisClient, RedisRate};
use tokio::{task::JoinSet, time::Instant};

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
        take(&rate, rule, 1, Duration::ZERO.max(LONG))
            .await
            .expect("room");
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
            take(rate, rule, 1, Duration::ZERO.max(SOON))
                .await
                .expect("room");
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
    while take(&rate, rule, 1, SOON).await.is_err() {
        tokio::task::yield_now().await;
    }
}
