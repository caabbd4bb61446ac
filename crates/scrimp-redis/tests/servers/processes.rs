//! Limits that real processes share, of which one is killed or stopped.

use std::{process::Stdio, sync::Arc};

use scrimp_core::SharedAllowance;
use scrimp_redis::{RedisAllowance, RedisClient, WhenLost};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{Duration, Instant},
};

use crate::{
    allowance::{account, process, spend, take},
    rig::SOON,
    server::Server,
};

/// Names the server to the process that the tests start.
const SERVER: &str = "SCRIMP_TEST_SERVER";
/// Names its policy.
const LOST: &str = "SCRIMP_TEST_LOST";
const LIMIT: u128 = 10_000;
const LEASE: Duration = Duration::from_secs(2);

/// A process with an allowance of its own, which does as it is told.
struct Process {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

// === impl Process ===

impl Process {
    fn start(server: &Server, lost: WhenLost) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["--exact", "processes::a_process_follows_orders"])
            .args(["--ignored", "--nocapture"])
            .env(SERVER, server.url())
            .env(LOST, format!("{lost:?}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let orders = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self {
            child,
            orders,
            answers,
        }
    }

    async fn order(&mut self, order: &str) {
        let line = format!("{order}\n");
        let sent = self.orders.write_all(line.as_bytes()).await;
        sent.expect("it listens");
    }

    async fn answer(&mut self) -> String {
        loop {
            let line = self.answers.next_line().await.expect("text");
            let line = line.expect("it has not ended");
            if let Some((_, answer)) = line.split_once('@') {
                return answer.to_owned();
            }
        }
    }

    async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}")).arg(id);
        assert!(kill.status().await.expect("kill is there").success());
    }
}

#[tokio::test]
#[ignore = "other tests start it as a process of its own"]
async fn a_process_follows_orders() {
    let Ok(server) = std::env::var(SERVER) else {
        return;
    };
    let lost = match std::env::var(LOST).as_deref() {
        Ok("CountAsUsed") => WhenLost::CountAsUsed,
        _ => WhenLost::GiveBack,
    };
    let client = RedisClient::builder([server]).command_timeout(SOON);
    let client = client.build().expect("settings");
    let allowance = RedisAllowance::builder(&client).lease(LEASE);
    let allowance = allowance.when_lost(lost).build().expect("settings");
    let account = account(LIMIT);
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Some(order) = orders.next_line().await.expect("text") {
        let answer = match order.split_once(' ') {
            Some(("take", amount)) => {
                let taken = take(&allowance, &account, amount.parse().expect("a number")).await;
                taken.to_string()
            }
            Some(("use", amount)) => {
                let amount = amount.parse().expect("a number");
                allowance.settle(&account, amount, amount);
                "used".to_owned()
            }
            Some(("spend", amount)) => {
                let amount = amount.parse().expect("a number");
                spend(&allowance, &account, amount).await.to_string()
            }
            _ => panic!("no order: {order}"),
        };
        println!("\n@{answer}");
    }
}

#[tokio::test]
async fn what_a_killed_process_has_leased_is_back_when_its_lease_ends() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let mut child = Process::start(&server, WhenLost::GiveBack);
    child.order("take 9000").await;
    assert_eq!(child.answer().await, "true");
    child.child.kill().await.expect("it runs");
    let one = process(&server).lease(LEASE).build().expect("settings");
    let account = account(LIMIT);
    let start = Instant::now();
    assert!(!take(&one, &account, LIMIT).await, "it is reserved");
    while !take(&one, &account, LIMIT).await {
        tokio::task::yield_now().await;
    }
    let after = start.elapsed();
    println!("back after {after:?} with a lease of {LEASE:?}");
    assert!(after < LEASE + Duration::from_secs(5), "{after:?}");
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_spends_exceeds_nothing_if_its_lease_counts() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let lost = WhenLost::CountAsUsed;
    let mut child = Process::start(&server, lost);
    // It has used 100 of its lease, and has told it to none.
    for _ in 0..10 {
        child.order("take 10").await;
        assert_eq!(child.answer().await, "true");
        child.order("use 10").await;
        child.answer().await;
    }
    child.child.kill().await.expect("it runs");
    let one = process(&server).lease(LEASE).when_lost(lost);
    let one = Arc::new(one.build().expect("settings"));
    let account = account(LIMIT);
    let mut spent = 0;
    let end = Instant::now() + LEASE + Duration::from_secs(2);
    while Instant::now() < end {
        spent += 10 * spend(&one, &account, 10).await;
        tokio::task::yield_now().await;
    }
    // The lease is for 257 calls.
    println!("{spent} of {LIMIT} besides the 100 of the killed process");
    assert!(spent + 100 <= LIMIT && spent >= LIMIT - 2_570, "{spent}");
}

#[tokio::test]
async fn a_process_that_was_stopped_uses_nothing_of_the_lease_that_it_has_lost() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let lost = WhenLost::GiveBack;
    let mut child = Process::start(&server, lost);
    child.order("take 10").await;
    assert_eq!(child.answer().await, "true");
    child.signal("STOP").await;
    let one = process(&server).lease(LEASE).build().expect("settings");
    let account = account(LIMIT);
    // The other takes all, once the lease has ended.
    let mut spent = 0;
    while spent < LIMIT - 10 {
        spent += 10 * spend(&one, &account, 10).await;
        tokio::task::yield_now().await;
    }
    child.signal("CONT").await;
    child.order("use 10").await;
    child.answer().await;
    child.order("spend 10").await;
    let by_child = 10 * child.answer().await.parse::<u128>().expect("a number");
    spent += 10 * spend(&one, &account, 10).await;
    // The call under way when it was stopped is the only one that the other could not know of.
    println!("{spent} and {by_child} and 10 of {LIMIT}");
    assert!(spent + by_child <= LIMIT);
}

#[tokio::test]
async fn four_real_processes_spend_a_limit_exactly() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let mut processes: Vec<_> = (0..4)
        .map(|_| Process::start(&server, WhenLost::GiveBack))
        .collect();
    for process in &mut processes {
        process.order("spend 3").await;
    }
    let mut times = 0;
    for process in &mut processes {
        times += process.answer().await.parse::<u128>().expect("a number");
    }
    // One may be refused for what another one has reserved; but not in the end.
    let last = process(&server).build().expect("settings");
    times += spend(&last, &account(LIMIT), 3).await;
    assert_eq!(times, LIMIT / 3);
}
