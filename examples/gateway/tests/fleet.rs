//! Gateways in processes of their own over one Redis, of which some are killed and stopped.
//!
//! Three in the usual run; `SCRIMP_FLEET_GATEWAYS=8` is the long form, whose times are asserted too: in
//! the usual run, others use the machine.

mod process;
mod shop;

use std::{collections::HashSet, time::Duration};

use futures_util::future::join_all;
use http::StatusCode;
use tokio::time::{Instant, timeout};

use self::{process::Gateway, shop::Shop};
use crate::tests::server::Server;

/// Longest time of anything that ends.
const SOON: Duration = Duration::from_secs(30);

/// The documented time after which no process uses what was purged, and what a busy machine adds.
const BOUND: Duration = Duration::from_millis(3_500);

/// Number of cold keys.
const KEYS: usize = 100;

/// Purges, one after the other. Each is known to all gateways before the next one.
const PURGES: usize = 300;

/// One gateway is killed, and another one stopped, once in this number of purges.
const FAILURES: usize = 20;

/// Price of a call, and how many the budget is for.
const PRICE: &str = "--price 0.01";
const CALLS: usize = 1_000;

fn is_long() -> bool {
    std::env::var("SCRIMP_FLEET_GATEWAYS").is_ok()
}

fn gateways() -> usize {
    let number = std::env::var("SCRIMP_FLEET_GATEWAYS").unwrap_or_else(|_| "3".to_owned());
    number.parse().expect("a number of gateways")
}

/// Starts the gateways of a fleet.
async fn fleet(server: &Server, shop: &Shop, name: &str, flags: &str) -> Vec<Gateway> {
    let start = |_| Gateway::start(&server.url, shop.address, name, flags);
    join_all((0..gateways()).map(start)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_all_gateways_one_fills_a_cold_key() {
    let Some(server) = Server::start() else {
        return;
    };
    let shop = Shop::start().await;
    let fleet = fleet(&server, &shop, "fills", PRICE).await;
    for key in 0..KEYS {
        let path = format!("/cold/{key}");
        let asked = fleet.iter().map(|gateway| gateway.get(&path));
        let answers = join_all(asked).await;
        let bodies: HashSet<_> = answers.iter().map(|(_, body)| body.clone()).collect();
        assert_eq!(bodies.len(), 1, "{path}");
        assert!(answers.iter().all(|(status, _)| *status == StatusCode::OK));
    }
    let calls = shop.calls("/cold/");
    println!(
        "{KEYS} cold keys asked of {} gateways at once: {calls} fills",
        fleet.len()
    );
    assert_eq!(calls, KEYS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn purges_reach_all_gateways_though_some_are_killed_and_stopped() {
    let Some(server) = Server::start() else {
        return;
    };
    let shop = Shop::start().await;
    let mut fleet = fleet(&server, &shop, "purges", PRICE).await;
    let all = fleet.len();
    let mut random = fastrand::Rng::with_seed(18);
    let (mut ages, mut returned, mut restarted) = (Vec::new(), Vec::new(), 0);
    let path = "/document";
    for gateway in &fleet {
        gateway.get(path).await;
    }
    for round in 0..PURGES {
        let writer = random.usize(..all);
        let (killed, stopped) = match round % FAILURES {
            0 => (Some((writer + 1) % all), None),
            10 => (None, Some((writer + 1) % all)),
            _ => (None, None),
        };
        if let Some(index) = killed {
            fleet[index].kill().await;
        }
        if let Some(index) = stopped {
            fleet[index].signal("STOP").await;
        }
        let version = shop.change();
        let begun = Instant::now();
        let others = (0..all)
            .filter(|&index| index != writer && Some(index) != killed && Some(index) != stopped);
        let known = others.map(|index| fleet[index].knows(path, version, begun));
        let ((), known) = tokio::join!(fleet[writer].purge("document"), join_all(known));
        ages.extend(known);
        assert_eq!(fleet[writer].version(path).await, version);
        if let Some(index) = stopped {
            let begun = Instant::now();
            fleet[index].signal("CONT").await;
            returned.push(fleet[index].knows(path, version, begun).await);
        }
        if let Some(index) = killed {
            fleet[index] = Gateway::start(&server.url, shop.address, "purges", PRICE).await;
            // It has nothing but what is in Redis.
            assert_eq!(fleet[index].version(path).await, version);
            restarted += 1;
        }
    }
    ages.sort_unstable();
    let p99 = ages[ages.len() * 99 / 100];
    let (median, all) = (ages[ages.len() / 2], ages[ages.len() - 1]);
    let returned_all = returned.iter().max().expect("some were stopped");
    println!(
        "{PURGES} purges in {} gateways, {restarted} kills, {} stops: known to the others after \
         {median:.1?} (median), {p99:.1?} (p99), {all:.1?} (all); to a stopped one {returned_all:.1?} \
         after its return at most",
        fleet.len(),
        returned.len(),
    );
    let bound = if is_long() {
        Duration::from_secs(1)
    } else {
        BOUND
    };
    assert!(all < bound && *returned_all < bound);
    assert!(!is_long() || p99 < Duration::from_millis(50), "{p99:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_gateways_spend_one_budget_exactly() {
    let Some(server) = Server::start() else {
        return;
    };
    let shop = Shop::start().await;
    // A thousand calls.
    let fleet = fleet(&server, &shop, "budget", "--price 0.01 --budget 10").await;
    let spend = fleet.iter().map(async |gateway: &Gateway| {
        let mut refused = 0;
        // A refusal may be for what another gateway has set aside, but not in the end.
        while refused < 5 {
            match gateway.get("/quote").await.0 {
                StatusCode::OK => refused = 0,
                StatusCode::PAYMENT_REQUIRED => refused += 1,
                other => panic!("{other}"),
            }
        }
    });
    timeout(4 * SOON, join_all(spend)).await.expect("it ends");
    let calls = shop.calls("/quote");
    println!(
        "{calls} calls of {CALLS} that the budget of {} gateways is for",
        fleet.len()
    );
    assert_eq!(calls, CALLS);
    for gateway in &fleet {
        assert_eq!(gateway.get("/quote").await.0, StatusCode::PAYMENT_REQUIRED);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_gateways_keep_to_one_rate() {
    let Some(server) = Server::start() else {
        return;
    };
    let shop = Shop::start().await;
    let fleet = fleet(&server, &shop, "rate", "--rate 50/day").await;
    let ask = fleet.iter().map(async |gateway: &Gateway| {
        for _ in 0..50 {
            let (status, _) = gateway.get("/quote").await;
            let is_right = matches!(status, StatusCode::OK | StatusCode::TOO_MANY_REQUESTS);
            assert!(is_right, "{status}");
        }
    });
    join_all(ask).await;
    assert_eq!(shop.calls("/quote"), 50);
}

#[tokio::test]
async fn a_gateway_without_its_redis_works_on_its_own() {
    let shop = Shop::start().await;
    let nowhere = "unix:///nowhere/redis.sock";
    let gateway = Gateway::start(nowhere, shop.address, "alone", "--rate 5/day").await;
    for _ in 0..5 {
        assert_eq!(gateway.get("/quote").await.0, StatusCode::OK);
    }
    assert_eq!(gateway.get("/quote").await.0, StatusCode::TOO_MANY_REQUESTS);
}
