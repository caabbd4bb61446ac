//! Limits that several processes share, with a real server.

use std::{sync::Arc, time::UNIX_EPOCH};

use scrimp_core::{AllowanceAccount, SharedAllowance, Take};
use scrimp_redis::{RedisAllowance, RedisAllowanceBuilder, WhenUnreachable};
use tokio::time::{Duration, Instant, timeout};

use crate::{
    rig::{SOON, patient},
    server::Server,
};

/// Less than the time for which a refusal holds if nothing is heard.
const SHORT: Duration = Duration::from_millis(800);

/// An account without an end.
pub(crate) fn account(limit: u128) -> AllowanceAccount {
    AllowanceAccount::new(*b"the account", limit, UNIX_EPOCH, None)
}

/// The builder of an allowance with a connection of its own, as that of another process.
pub(crate) fn process(server: &Server) -> RedisAllowanceBuilder {
    let client = patient(&server.url()).build().expect("a client");
    RedisAllowance::builder(&client)
}

/// Takes an amount, however long it takes to find out.
pub(crate) async fn take(
    allowance: &RedisAllowance,
    account: &AllowanceAccount,
    amount: u128,
) -> bool {
    loop {
        match allowance.take(account, amount) {
            Take::Taken => return true,
            Take::Refused => return false,
            Take::Wait(waiting) => waiting.await,
        }
    }
}

/// Takes an amount that was returned a moment ago: before a refusal is forgotten by itself.
async fn take_soon(allowance: &RedisAllowance, account: &AllowanceAccount, amount: u128) -> bool {
    let start = Instant::now();
    loop {
        match take(allowance, account, amount).await {
            false if start.elapsed() < SHORT => tokio::task::yield_now().await,
            taken => return taken,
        }
    }
}

/// Takes and uses an amount until it is refused. Returns how often it was not.
pub(crate) async fn spend(
    allowance: &RedisAllowance,
    account: &AllowanceAccount,
    amount: u128,
) -> u128 {
    let mut times = 0;
    while take(allowance, account, amount).await {
        tokio::task::yield_now().await;
        allowance.settle(account, amount, amount);
        times += 1;
    }
    times
}

/// Returns the number of calls of a command that the server has counted.
pub(crate) fn calls(server: &Server, command: &str) -> u64 {
    let redis::Value::VerbatimString { text, .. } = server.run(&["INFO", "commandstats"]) else {
        let redis::Value::BulkString(text) = server.run(&["INFO", "commandstats"]) else {
            panic!("no text");
        };
        return count(&String::from_utf8_lossy(&text), command);
    };
    count(&text, command)
}

fn count(text: &str, command: &str) -> u64 {
    let start = format!("cmdstat_{command}:calls=");
    let line = text.lines().find_map(|line| line.strip_prefix(&start));
    line.and_then(|rest| rest.split(',').next()?.parse().ok())
        .unwrap_or(0)
}

#[tokio::test]
async fn four_processes_spend_a_limit_exactly_with_few_calls_of_redis() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    // More than an f64 counts exactly.
    const EACH: u128 = 123_456_789_012_345;
    const CALLS: u128 = 10_000;
    let account = Arc::new(account(CALLS * EACH + EACH - 1));
    let mut tasks = tokio::task::JoinSet::new();
    let processes: Vec<_> = (0..4)
        .map(|_| process(&server).build().expect("settings"))
        .collect();
    for process in &processes {
        for _ in 0..8 {
            let (process, account) = (process.clone(), Arc::clone(&account));
            tasks.spawn(async move { spend(&process, &account, EACH).await });
        }
    }
    let spent: u128 = tasks.join_all().await.iter().sum();
    assert_eq!(spent, CALLS);
    let calls = calls(&server, "evalsha");
    println!("{calls} calls of Redis for {CALLS} amounts of 4 processes");
    assert!(calls < 300, "{calls}");
}

#[tokio::test]
async fn ten_thousand_calls_ask_redis_at_most_once_in_a_hundred() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let account = account(1_000_000_000);
    let process = process(&server).build().expect("settings");
    for number in 0..10_000_u128 {
        // Amounts differ, and calls cost less than was reserved for them.
        let amount = 50 + number % 100;
        assert!(take(&process, &account, amount).await);
        process.settle(&account, amount, amount / 2 + number % 20);
    }
    let calls = calls(&server, "evalsha");
    println!("{calls} calls of Redis for 10000 amounts");
    assert!(calls <= 100, "{calls}");
}

#[tokio::test]
async fn what_one_process_holds_free_is_no_reason_to_refuse_another() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let account = account(1_000);
    let (one, other) = (process(&server), process(&server));
    let (one, other) = (
        one.build().expect("settings"),
        other.build().expect("settings"),
    );
    assert!(take(&one, &account, 3).await);
    one.settle(&account, 3, 1);
    // It holds all the rest now, and the other needs it.
    assert!(take(&other, &account, 999).await);
    assert!(!take(&one, &account, 1).await);
    // What is left over comes back, and all hear of it.
    other.settle(&account, 999, 990);
    assert!(take_soon(&one, &account, 9).await);
    one.settle(&account, 9, 9);
    assert!(!take(&other, &account, 1).await && !take(&one, &account, 1).await);
    assert_eq!(one.used(&account), Some(1_000));
}

#[tokio::test]
async fn an_amount_that_is_refused_is_taken_once_others_have_left_it_over() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let account = account(100);
    let (one, other) = (process(&server), process(&server));
    let (one, other) = (
        one.build().expect("settings"),
        other.build().expect("settings"),
    );
    assert!(take(&one, &account, 100).await);
    assert!(!take(&other, &account, 60).await);
    one.settle(&account, 100, 40);
    assert!(take_soon(&other, &account, 60).await);
}

#[tokio::test]
async fn a_process_that_ends_gives_back_all_that_no_call_has_used() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let account = account(1_000);
    let one = process(&server).build().expect("settings");
    assert!(take(&one, &account, 10).await);
    one.settle(&account, 10, 10);
    one.give_back().await;
    drop(one);
    let other = process(&server).patience(SOON).build().expect("settings");
    let taken = timeout(SOON / 2, take(&other, &account, 990));
    assert!(taken.await.expect("it waits for none"));
}

#[tokio::test]
async fn without_redis_a_process_follows_its_policy_and_reports_afterwards() {
    for (policy, expected) in [
        (WhenUnreachable::SpendLease, 11),
        (WhenUnreachable::Refuse, 9),
        (WhenUnreachable::GoOn, 200),
    ] {
        let Some(mut server) = Server::start(&[]) else {
            return;
        };
        let account = account(1_000);
        let one = process(&server).lease_calls(10).when_unreachable(policy);
        let one = one.build().expect("settings");
        assert!(take(&one, &account, 10).await);
        one.settle(&account, 10, 10);
        server.kill();
        let mut taken = 1;
        for number in 0..199 {
            if take(&one, &account, 10).await {
                one.settle(&account, 10, 10);
                taken += 1;
            }
            // The lease is for eleven. Before its end it asks for more, in vain.
            while number == 7 && one.stats().failed == 0 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(taken, expected, "{policy:?}");
        // Redis has lost everything, and hears what was used.
        server.restart();
        let reports = async {
            loop {
                let before = one.stats();
                one.give_back().await;
                let after = one.stats();
                if after.calls > before.calls && after.failed == before.failed {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, reports).await.expect("it reports");
        assert_eq!(one.used(&account), Some(10 * taken), "{policy:?}");
        let other = process(&server).build().expect("settings");
        let left = 1_000_u128.saturating_sub(10 * taken);
        assert!(!take(&other, &account, left + 1).await, "{policy:?}");
        assert!(
            left == 0 || take(&other, &account, left).await,
            "{policy:?}"
        );
    }
}

#[tokio::test]
async fn the_clock_of_redis_decides_about_periods() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let process = process(&server).build().expect("settings");
    // As a process would whose clock is ahead by far.
    let ahead = UNIX_EPOCH + Duration::from_secs(5_000_000_000);
    let hour = Duration::from_secs(3_600);
    let wrong = AllowanceAccount::new(*b"a", 10, ahead, Some(ahead + hour));
    assert!(!take(&process, &wrong, 1).await);
    let now = process.wall(ahead);
    assert!(now < ahead - hour);
    let right = AllowanceAccount::new(*b"a", 10, now - hour, Some(now + hour));
    assert!(take(&process, &right, 1).await);
}

#[tokio::test]
async fn leases_that_are_not_used_are_given_back() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let account = account(1_000);
    let one = process(&server).lease(Duration::from_millis(600));
    let one = one.build().expect("settings");
    assert!(take(&one, &account, 10).await);
    one.settle(&account, 10, 10);
    // The task in the background tells it.
    while one.used(&account) != Some(10) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn after_any_order_of_calls_redis_knows_exactly_what_was_used() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    const LIMIT: u128 = 20_000;
    let account = account(LIMIT);
    let mut random = fastrand::Rng::with_seed(18);
    let mut processes: Vec<_> = (0..4)
        .map(|_| process(&server).lease_calls(8).build().expect("settings"))
        .collect();
    let (mut open, mut used, mut refused) = (Vec::<(RedisAllowance, u128)>::new(), 0, 0);
    for _ in 0..3_000 {
        let number = random.usize(..processes.len());
        match random.u8(..10) {
            0..5 => {
                let amount = random.u128(1..60);
                let reserved: u128 = open.iter().map(|(_, amount)| amount).sum();
                let there = LIMIT - used - reserved;
                // What was left over a moment ago may be on its way.
                let taken = match amount <= there {
                    true => take_soon(&processes[number], &account, amount).await,
                    false => take(&processes[number], &account, amount).await,
                };
                assert_eq!(taken, amount <= there, "{amount} with {there} left");
                match taken {
                    true => open.push((processes[number].clone(), amount)),
                    false => refused += 1,
                }
            }
            5..9 if !open.is_empty() => {
                let (process, amount) = open.swap_remove(random.usize(..open.len()));
                let part = random.u128(..=amount);
                process.settle(&account, amount, part);
                used += part;
            }
            9 if random.u8(..20) == 0 => {
                processes[number].give_back().await;
                processes[number] = process(&server).lease_calls(8).build().expect("settings");
            }
            _ => {}
        }
    }
    for (process, amount) in open {
        process.settle(&account, amount, amount);
        used += amount;
        process.give_back().await;
    }
    for process in &processes {
        process.give_back().await;
    }
    let total = processes[0].used(&account);
    println!("{used} used of {LIMIT}, {refused} refused");
    assert_eq!(total, Some(used));
    assert!(refused > 0);
}
