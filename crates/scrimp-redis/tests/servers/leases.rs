//! Leases of accounts that were refused, forgotten, or asked for by a task that has ended.

use std::time::{Duration, UNIX_EPOCH};

use scrimp_core::{AllowanceAccount, SharedAllowance, Take};
use scrimp_redis::{RedisAllowance, RedisClient};
use tokio::time::{Instant, timeout};

use crate::{
    allowance::{account, calls, process, take},
    rig::SOON,
    server::Server,
};

#[tokio::test]
async fn a_refused_amount_does_not_make_every_later_call_ask() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    const CALLS: u64 = 5_000;
    let account = account(10_000_000);
    let process = process(&server).build().expect("settings");
    assert!(take(&process, &account, 2_000_000).await);
    process.settle(&account, 2_000_000, 2_000_000);
    assert!(!take(&process, &account, 9_000_000).await);
    // As long as the one that was refused may ask again, little is leased.
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1_100) {
        assert!(take(&process, &account, 1).await);
        process.settle(&account, 1, 1);
        tokio::task::yield_now().await;
    }
    let before = calls(&server, "evalsha");
    for _ in 0..CALLS {
        assert!(take(&process, &account, 1).await);
        process.settle(&account, 1, 1);
        tokio::task::yield_now().await;
    }
    let asked = calls(&server, "evalsha") - before;
    println!("{asked} calls of Redis for {CALLS} amounts");
    assert!(asked <= CALLS / 100, "{asked}");
}

#[tokio::test]
async fn an_account_that_was_forgotten_is_opened_again() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let named = |name: &str| AllowanceAccount::new(name.as_bytes(), 100, UNIX_EPOCH, None);
    let process = process(&server).max_accounts(1);
    let process = process.build().expect("settings");
    for round in 1..=5 {
        for name in ["one", "other"] {
            let account = named(name);
            assert!(take(&process, &account, 10).await, "{name} {round}");
            process.settle(&account, 10, 10);
            process.give_back().await;
            assert_eq!(process.used(&account), Some(10 * round), "{name}");
        }
    }
}

#[test]
fn a_task_that_ends_before_it_asks_leaves_none_waiting() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().expect("a runtime")
    };
    let account = account(100);
    let first = runtime();
    let (process, waiting) = first.block_on(async {
        let client = RedisClient::builder(["redis://127.0.0.1:1"]).build();
        let process = RedisAllowance::builder(&client.expect("a client")).build();
        let process = process.expect("settings");
        let Take::Wait(waiting) = process.take(&account, 1) else {
            panic!("it asks first");
        };
        (process, waiting)
    });
    // The task that asks has not run.
    drop(first);
    let told = runtime().block_on(async { timeout(SOON, waiting).await });
    told.expect("it is told");
    let again = async { timeout(SOON, take(&process, &account, 1)).await };
    assert_eq!(runtime().block_on(again), Ok(false));
}

#[test]
fn a_lease_that_is_renewed_without_a_runtime_is_renewed_later() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    let account = account(1_000);
    let process = runtime.block_on(async {
        let process = process(&server).lease_calls(10).build().expect("settings");
        assert!(take(&process, &account, 10).await);
        process
    });
    // The lease is for eleven, and the last of them ask for more.
    for _ in 0..10 {
        assert!(matches!(process.take(&account, 10), Take::Taken));
    }
    let more = async {
        while !take(&process, &account, 10).await {
            tokio::task::yield_now().await;
        }
    };
    let taken = runtime.block_on(async { timeout(SOON, more).await });
    taken.expect("it asks again");
}
