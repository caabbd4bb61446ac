//! When something is fetched.

use crate::rig;

use rig::{Rig, eager, get, page, pass, seconds};
use scrimp_prefetch::RulePredictor;
use scrimp_testkit::{Gate, Reply};
use tower::ServiceExt;

#[tokio::test(start_paused = true)]
async fn the_rules_of_the_shop_fetch_five_seconds_before_the_expected_time() {
    let rig = Rig::new(eager().rules(RulePredictor::shop()));
    rig.get("ann", "/api/products/42").await;
    let reviews = "/api/products/42/reviews";
    assert_eq!(rig.paths(), ["/api/products/42", reviews]);
    pass(seconds(4)).await;
    assert_eq!(rig.paths().len(), 2);
    pass(seconds(1)).await;
    assert_eq!(rig.paths()[2..], ["/api/products/related?id=42"]);
    pass(seconds(4)).await;
    assert_eq!(rig.paths().len(), 3);
    pass(seconds(1)).await;
    assert_eq!(rig.paths()[3..], ["/api/cart"]);

    let calls = rig.upstream.calls();
    assert_eq!(rig.get("ann", reviews).await.body(), reviews);
    assert_eq!(rig.upstream.calls(), calls, "its response was there");
    let stats = rig.stats();
    assert_eq!((stats.calls, stats.useful, stats.wasted), (3, 1, 0));
    pass(seconds(121)).await;
    let stats = rig.stats();
    assert_eq!((stats.useful, stats.wasted, stats.late), (1, 2, 0));
    assert_eq!(stats.spared.to_string(), "$0.10");
    assert_eq!(stats.spent.to_string(), "$0.002");
    assert_eq!(stats.net.to_string(), "$0.098");
}

#[tokio::test(start_paused = true)]
async fn a_caller_never_waits_for_a_prefetch_of_the_same() {
    let gate = Gate::new();
    let rules = RulePredictor::new().rule("/a", "/b", 0.9, seconds(0));
    let held = gate.clone();
    let rig = Rig::answering(eager().rules(rules.unwrap()), move |parts| {
        let reply = Reply::respond(page(parts));
        let is_prefetch = parts
            .extensions
            .get::<scrimp_core::extensions::Directive>()
            .is_some();
        match is_prefetch {
            true => reply.gate(&held),
            false => reply,
        }
    });
    rig.get("ann", "/a").await;
    assert_eq!(rig.stats().in_flight, 1);
    rig.get("ann", "/b").await;
    assert_eq!(rig.paths(), ["/a", "/b", "/b"]);
    gate.open();
    pass(seconds(1)).await;
    let stats = rig.stats();
    assert_eq!((stats.late, stats.useful, stats.in_flight), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_prefetch_that_comes_before_a_slow_caller_spares_it_nothing() {
    let gate = Gate::new();
    let rules = RulePredictor::new().rule("/a", "/b", 0.9, seconds(0));
    let held = gate.clone();
    let rig = Rig::answering(eager().rules(rules.unwrap()), move |parts| {
        let reply = Reply::respond(page(parts));
        let is_prefetch = parts
            .extensions
            .get::<scrimp_core::extensions::Directive>()
            .is_some();
        match parts.uri.path() == "/b" && !is_prefetch {
            true => reply.gate(&held),
            false => reply,
        }
    });
    let slow = tokio::spawn(rig.service.clone().oneshot(get("bob", "/b")));
    pass(seconds(1)).await;
    rig.get("ann", "/a").await;
    assert_eq!(rig.stats().calls, 1);
    gate.open();
    assert!(slow.await.unwrap().is_ok());
    pass(seconds(1)).await;
    let stats = rig.stats();
    assert_eq!((stats.late, stats.useful), (1, 0), "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn what_fails_or_is_not_stored_costs_its_price() {
    let rules = RulePredictor::new().rule("/{page}", "/{page}/next", 0.9, seconds(0));
    let rig = Rig::answering(eager().rules(rules.unwrap()), |parts| {
        match parts.uri.path() {
            "/a/next" => Reply::error("no connection"),
            "/b/next" => Reply::body(scrimp_testkit::ScriptedBody::new()),
            _ => Reply::respond(page(parts)),
        }
    });
    rig.get("ann", "/a").await;
    rig.get("ann", "/b").await;
    let stats = rig.stats();
    assert_eq!((stats.calls, stats.failed, stats.not_stored), (2, 1, 1));
    assert_eq!(stats.spent.to_string(), "$0.002");
}

#[tokio::test(start_paused = true)]
async fn a_target_is_fetched_once_however_many_sessions_expect_it() {
    let rules = RulePredictor::new().rule("/a", "/b", 0.9, seconds(0));
    let rig = Rig::new(eager().rules(rules.unwrap()));
    for session in 0..10 {
        rig.get(&session.to_string(), "/a").await;
    }
    assert_eq!(rig.paths(), ["/a", "/b"]);
    assert_eq!(rig.stats().calls, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_fresh_in_store_is_not_fetched_and_counts_as_no_hit() {
    let rules = RulePredictor::new().rule("/a", "/b", 0.9, seconds(0));
    let rig = Rig::new(eager().rules(rules.unwrap()));
    rig.get("bob", "/b").await;
    let hits = rig.cache.stats().hits;
    rig.get("ann", "/a").await;
    assert_eq!(rig.paths(), ["/b", "/a"]);
    let (stats, cache) = (rig.stats(), rig.cache.stats());
    assert_eq!((stats.calls, stats.already_fresh), (1, 1));
    assert_eq!((cache.hits, cache.prefetches), (hits, 1));
    pass(seconds(300)).await;
    assert_eq!(rig.stats().wasted, 0);
}

#[tokio::test(start_paused = true)]
async fn a_plan_ends_when_its_caller_asks_first_or_is_gone() {
    let rules = RulePredictor::new().rule("/a", "/b", 0.9, seconds(600));
    let builder = eager().rules(rules.unwrap()).session_idle(seconds(60));
    let rig = Rig::new(builder.keep(seconds(30)));
    rig.get("ann", "/a").await;
    rig.get("ann", "/b").await;
    rig.get("bob", "/a").await;
    pass(seconds(900)).await;
    assert_eq!(rig.paths(), ["/a", "/b"]);
    assert_eq!(rig.stats().calls, 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_repeats_itself_is_learned_and_its_next_request_is_there() {
    let rig = Rig::new(eager().lead(seconds(5)));
    // Each session goes from its own start to /menu and, twenty seconds later, to /order.
    let mut waited = 0;
    for session in 0..40 {
        let session = session.to_string();
        rig.get(&session, "/menu").await;
        pass(seconds(20)).await;
        let calls = rig.upstream.calls();
        rig.get(&session, "/order").await;
        waited += rig.upstream.calls() - calls;
        // Longer than what is stored stays fresh.
        pass(seconds(700)).await;
    }
    let stats = rig.stats();
    assert!(stats.useful >= 30, "{stats:?}");
    assert!(waited <= 10, "{waited} of 40 had to wait: {stats:?}");
    assert!(stats.net.pico() > 0, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn a_prefetch_that_takes_too_long_is_given_up() {
    let rules = RulePredictor::new().rule("/a", "/b", 0.9, seconds(0));
    let builder = eager().rules(rules.unwrap()).fetch_timeout(seconds(3));
    let rig = Rig::answering(builder, |parts| {
        let reply = Reply::respond(page(parts));
        match parts.uri.path() {
            "/b" => reply.delay(seconds(3_600)),
            _ => reply,
        }
    });
    rig.get("ann", "/a").await;
    assert_eq!(rig.stats().in_flight, 1);
    pass(seconds(4)).await;
    let stats = rig.stats();
    assert_eq!((stats.in_flight, stats.failed), (0, 1));
    assert_eq!(rig.upstream.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn with_the_layer_and_its_services_all_calls_end() {
    let rules = RulePredictor::new().rule("/a", "/b", 0.9, seconds(0));
    let rig = Rig::answering(eager().rules(rules.unwrap()), |parts| {
        let reply = Reply::respond(page(parts));
        match parts.uri.path() {
            "/b" => reply.delay(seconds(3_600)),
            _ => reply,
        }
    });
    rig.get("ann", "/a").await;
    let upstream = rig.upstream.clone();
    assert_eq!(upstream.in_flight(), 1);
    drop(rig);
    pass(seconds(1)).await;
    assert_eq!((upstream.in_flight(), upstream.abandoned()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_beginning_without_luck_is_not_the_end_of_prefetching() {
    let rules = RulePredictor::new().rule("/{page}", "/{page}/next", 0.9, seconds(10));
    let layer = eager().rules(rules.unwrap());
    let rig = Rig::new(layer.value_of_waiting("0.03").price("0.01"));
    // All go on, before anything is fetched.
    for n in 0..30 {
        let (session, page) = (format!("quick{n}"), format!("/quick{n}"));
        rig.get(&session, &page).await;
        rig.get(&session, &format!("{page}/next")).await;
        pass(seconds(200)).await;
    }
    for n in 0..3 {
        rig.get(&format!("lost{n}"), &format!("/lost{n}")).await;
        pass(seconds(200)).await;
    }
    let stats = rig.stats();
    assert!(stats.wasted > 0 && stats.useful == 0, "{stats:?}");
    for n in 0..200 {
        let (session, page) = (format!("s{n}"), format!("/page{n}"));
        rig.get(&session, &page).await;
        pass(seconds(10)).await;
        rig.get(&session, &format!("{page}/next")).await;
        pass(seconds(200)).await;
    }
    let stats = rig.stats();
    // Without watching what the lowered estimate refuses, these were 114.
    assert!(stats.useful > 150, "{stats:?}");
}
