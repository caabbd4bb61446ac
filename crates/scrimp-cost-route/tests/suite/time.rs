//! Effects of time: outages end, speeds change, prices depend on the hour.

use crate::common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use common::{Rig, cents, ok, provider, status};
use http::{Response, StatusCode};
use scrimp_core::{Clock, Currency, RetryBudget};
use scrimp_cost_route::{
    CostRouteLayer, CostRouteLayerBuilder, Period, PriceWindow, Rate, Reason, Tariff, TokenRates,
    Usage,
};
use scrimp_testkit::{Reply, ScriptedBody};

fn two() -> CostRouteLayerBuilder {
    CostRouteLayer::builder([provider("cheap", 1), provider("dear", 5)])
        .retry_budget(RetryBudget::new(1.0, 100).unwrap())
}

/// Sends ten requests a second, and returns the number of responses of each provider.
async fn ask(rig: &Rig, seconds: u32) -> (u32, u32) {
    let (mut cheap, mut dear) = (0, 0);
    for _ in 0..seconds * 10 {
        match rig.get().await.from() {
            "cheap" => cheap += 1,
            _ => dear += 1,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    (cheap, dear)
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_left_at_once_and_its_end_is_found_by_probes() {
    let down = Arc::new(AtomicBool::new(false));
    let rig = Rig::new(&two().build().unwrap(), {
        let down = Arc::clone(&down);
        move |host| {
            if host == "cheap" && down.load(Relaxed) {
                status(500)
            } else {
                ok("fine")
            }
        }
    });
    assert_eq!(ask(&rig, 10).await, (100, 0));
    down.store(true, Relaxed);
    let before = rig.asked().iter().filter(|host| *host == "cheap").count();
    assert_eq!(ask(&rig, 60).await, (0, 600));
    let lost = rig.asked().iter().filter(|host| *host == "cheap").count() - before;
    // Three failures eject it. Probes follow after 1, 2, 4 and 8 s, and then every 10 s.
    assert!((3..=12).contains(&lost), "{lost}");
    down.store(false, Relaxed);
    ask(&rig, 60).await;
    let (cheap, dear) = ask(&rig, 60).await;
    assert!(cheap > 590 && dear < 10, "{cheap} {dear}");
}

#[tokio::test(start_paused = true)]
async fn who_gets_slow_is_left_and_come_back_to() {
    let slow = Arc::new(AtomicBool::new(false));
    let rig = Rig::new(&two().timeout(Duration::from_secs(300)).build().unwrap(), {
        let slow = Arc::clone(&slow);
        move |host| {
            let seconds = if host == "cheap" && slow.load(Relaxed) {
                200
            } else {
                0
            };
            ok("fine").delay(Duration::from_secs(seconds))
        }
    });
    assert_eq!(ask(&rig, 30).await, (300, 0));
    slow.store(true, Relaxed);
    let (_, dear) = ask(&rig, 30).await;
    assert!(dear > 290, "{dear}");
    slow.store(false, Relaxed);
    ask(&rig, 120).await;
    let (cheap, _) = ask(&rig, 30).await;
    assert!(cheap > 280, "{cheap}");
}

#[tokio::test(start_paused = true)]
async fn prices_by_the_hour_are_those_of_the_layers_clock() {
    let rate = |text: &str| text.parse::<Rate>().unwrap();
    let day = TokenRates::text(rate("0.001"), rate("0.001"));
    let night = TokenRates::text(rate("0.0001"), rate("0.0001"));
    let by_hour = Tariff::new(Currency::USD)
        .tokens(day)
        .window(PriceWindow::daily(0, 60), night);
    let steady =
        Tariff::new(Currency::USD).tokens(TokenRates::text(rate("0.0005"), rate("0.0005")));
    let midnight = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 * 365);
    let layer = CostRouteLayer::builder([
        provider("by-hour", 0).price(by_hour),
        provider("steady", 0).price(steady),
    ])
    .estimate(|_, _| Usage::text(100, 100))
    .explore(false)
    .clock(Clock::anchored(midnight))
    .build()
    .unwrap();
    let rig = Rig::new(&layer, |_| ok("fine"));
    assert_eq!(rig.get().await.from(), "by-hour");
    tokio::time::advance(Duration::from_secs(3_601)).await;
    assert_eq!(rig.get().await.from(), "steady");
}

#[tokio::test(start_paused = true)]
async fn a_free_quota_is_used_first_and_then_paid_or_left() {
    let quota = Tariff::new(Currency::USD)
        .per_request(cents(10))
        .free_quota(3, Period::Day);
    let layer = CostRouteLayer::builder([provider("quota", 0).price(quota), provider("paid", 5)])
        .explore(false)
        .clock(Clock::anchored(
            SystemTime::UNIX_EPOCH + Duration::from_secs(3_600),
        ))
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |_| ok("fine"));
    let mut from = Vec::new();
    for _ in 0..5 {
        from.push(rig.get().await.from().to_owned());
    }
    assert_eq!(from, ["quota", "quota", "quota", "paid", "paid"]);
    tokio::time::advance(Duration::from_secs(86_400)).await;
    assert_eq!(rig.get().await.from(), "quota");
}

/// Returns the reasons of 300 choices between two untried providers, and the last choice. The
/// second provider takes no time, which the router does not know.
async fn asked_for_a_while(layer: CostRouteLayer) -> (Vec<Option<Reason>>, String) {
    let rig = Rig::new(&layer, |host| {
        let seconds = if host == "other" { 0 } else { 2 };
        ok("fine").delay(Duration::from_secs(seconds))
    });
    let mut reasons = Vec::new();
    for _ in 0..300 {
        let answer = rig.get().await;
        reasons.push(answer.decision.map(|decision| decision.reason));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    (reasons, rig.get().await.from().to_owned())
}

fn cheap_and_other() -> CostRouteLayerBuilder {
    CostRouteLayer::builder([
        provider("cheap", 0),
        // It is the better choice only if it is much faster than its stated latency.
        provider("other", 0).latency(Duration::from_secs(3)),
    ])
}

#[tokio::test(start_paused = true)]
async fn who_was_not_seen_for_a_while_is_tried_out() {
    let (reasons, last) = asked_for_a_while(cheap_and_other().build().unwrap()).await;
    assert!(reasons.contains(&Some(Reason::Explored)));
    assert_eq!(last, "other");
}

#[tokio::test(start_paused = true)]
async fn no_provider_is_tried_out_where_none_could_follow() {
    let (reasons, last) = asked_for_a_while(cheap_and_other().attempts(1).build().unwrap()).await;
    assert!(!reasons.contains(&Some(Reason::Explored)));
    assert_eq!(last, "cheap");
}

/// Checks that a Retry-After date 60 s ahead is read by the provider's own clock.
async fn asked_to_wait_a_minute(wall: u64, date: Option<u64>) {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds);
    let field = move |seconds| scrimp_http::date::format(at(seconds)).unwrap();
    let layer = two().clock(Clock::anchored(at(wall))).build().unwrap();
    let limited = Arc::new(AtomicBool::new(true));
    let rig = Rig::new(&layer, move |host| {
        if host != "cheap" || !limited.swap(false, Relaxed) {
            return ok("fine");
        }
        let mut response = Response::new(ScriptedBody::new().data("later"));
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        let headers = response.headers_mut();
        headers.insert("retry-after", field(date.unwrap_or(wall) + 60));
        if let Some(date) = date {
            headers.insert("date", field(date));
        }
        Reply::respond(response)
    });
    assert_eq!(ask(&rig, 55).await, (0, 550), "{date:?}");
    ask(&rig, 10).await;
    let (cheap, _) = ask(&rig, 55).await;
    assert!(cheap > 500, "{cheap} for {date:?}");
}

#[tokio::test(start_paused = true)]
async fn a_date_to_wait_for_is_one_of_the_providers_own_clock() {
    asked_to_wait_a_minute(0, None).await;
    asked_to_wait_a_minute(0, Some(0)).await;
    asked_to_wait_a_minute(0, Some(7_200)).await;
    asked_to_wait_a_minute(7_200, Some(0)).await;
}
