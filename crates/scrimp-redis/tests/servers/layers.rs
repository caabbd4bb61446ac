//! Layers of several processes, over budgets and rates that they share.

use std::{
    convert::Infallible,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use scrimp_cost_route::{Budget, Cap, CostRouteLayer, Period, Provider, RequestBody};
use scrimp_limit::LimitLayer;
use scrimp_redis::RedisRate;
use scrimp_testkit::ManualClock;
use tokio::task::JoinSet;
use tower::{Layer, ServiceExt, service_fn};

use crate::{allowance::process, rig::patient, server::Server};

#[tokio::test]
async fn four_routers_with_clocks_of_their_own_pay_for_as_many_calls_as_the_cap_does() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let client = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("42")))
    });
    let mut tasks = JoinSet::new();
    let mut allowances = Vec::new();
    for number in 0..4 {
        let allowance = process(&server).build().expect("settings");
        allowances.push(allowance.clone());
        // A quarter of an hour apart, and all far off.
        let wall = Duration::from_secs(1_000_000_000 + number * 15 * 60);
        let clock = ManualClock::new(UNIX_EPOCH + wall);
        let caps = [Cap::new("a month", "10", Period::Month)];
        let budget = Budget::shared(caps, allowance).clock(clock.clock());
        let provider = Provider::new("one")
            .endpoint("http://one.example")
            .price("0.002");
        let layer = CostRouteLayer::builder([provider]).budget(budget);
        let layer = layer.build().expect("settings");
        for _ in 0..8 {
            let service = layer.layer(client);
            tasks.spawn(async move {
                let mut paid = 0;
                loop {
                    let request = Request::get("/quote").body(Full::<Bytes>::default());
                    let request = request.expect("a request");
                    let response = service.clone().oneshot(request).await.expect("no error");
                    if response.status() == StatusCode::PAYMENT_REQUIRED {
                        return paid;
                    }
                    assert_eq!(response.status(), StatusCode::OK);
                    response.into_body().collect().await.expect("a body");
                    paid += 1;
                }
            });
        }
    }
    let paid: u32 = tasks.join_all().await.iter().sum();
    let calls: u64 = allowances.iter().map(|one| one.stats().calls).sum();
    println!("{paid} calls paid, {calls} messages to Redis");
    assert_eq!(paid, 5_000);
}

#[tokio::test]
async fn two_limits_let_pass_one_burst_together_for_each_key() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let client = service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let services = [0, 1].map(|_| {
        let redis = patient(&server.url()).build().expect("settings");
        let limit = LimitLayer::per(20, Duration::from_secs(3_600 * 24))
            .key(|parts| parts.headers.get("user").cloned())
            .max_wait(Duration::from_secs(5))
            .shared(RedisRate::new(&redis, "users"));
        limit.build().expect("settings").layer(client)
    });
    for user in ["ann", "bob"] {
        let mut passed = 0;
        for number in 0..60 {
            let request = Request::get("/").header("user", user).body(Full::default());
            let service = services[number % 2].clone();
            let response = service.oneshot(request.expect("a request")).await;
            passed += u32::from(response.expect("no error").status().is_success());
        }
        assert_eq!(passed, 20, "{user}");
    }
}
