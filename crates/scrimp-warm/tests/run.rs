//! The requests of a run, and their results.

mod rig;

use std::{collections::HashSet, sync::Arc};

use http::Method;
use parking_lot::Mutex;
use rig::{Rig, is_hit, page, reply, targets};
use scrimp_core::extensions::{Directive, LifetimeJitter, Priority};
use scrimp_testkit::{Gate, Reply};
use scrimp_warm::{StopReason, Targets, WarmEvent, Warmer};

#[tokio::test]
async fn callers_get_what_was_warmed_from_the_cache() {
    let rig = Rig::new();
    let report = rig.warm(Warmer::builder(), 20).await;
    assert_eq!((report.requests, report.stored, report.calls), (20, 20, 20));
    assert!(report.is_complete() && report.bytes > 0);
    for number in 0..20 {
        assert!(is_hit(&rig.ask(&format!("/{number}"), &[]).await));
    }
    assert_eq!((rig.upstream.calls(), rig.cache.stats().hits), (20, 20));
}

#[tokio::test]
async fn what_is_fresh_is_not_fetched_again_and_counts_as_no_hit() {
    let rig = Rig::new();
    rig.warm(Warmer::builder(), 5).await;
    let report = rig.warm(Warmer::builder(), 8).await;
    assert_eq!((report.fresh, report.stored, report.calls), (5, 3, 3));
    let stats = rig.cache.stats();
    assert_eq!(
        (rig.upstream.calls(), stats.hits, stats.prefetches),
        (8, 0, 5)
    );
}

#[tokio::test]
async fn each_variant_that_browsers_ask_for_is_warmed() {
    let rig = Rig::answering(|parts| {
        let vary = "accept-encoding, accept-language";
        reply(
            parts,
            200,
            &[("cache-control", "max-age=3600"), ("vary", vary)],
        )
    });
    let builder = Warmer::builder()
        .header("user-agent", "warmer")
        .variant("accept-encoding", "br")
        .variant("accept-encoding", "gzip")
        .variant("accept-language", "de")
        .variant("accept-language", "en");
    let report = rig.warm(builder, 3).await;
    assert_eq!((report.requests, report.stored), (12, 12));
    for coding in ["br", "gzip"] {
        for language in ["de", "en"] {
            let fields = [("accept-encoding", coding), ("accept-language", language)];
            assert!(is_hit(&rig.ask("/2", &fields).await), "{fields:?}");
        }
    }
    let other = [("accept-encoding", "zstd"), ("accept-language", "de")];
    assert!(!is_hit(&rig.ask("/2", &other).await));
    let asked = rig.upstream.requests();
    assert!(
        asked[..12]
            .iter()
            .all(|parts| parts.headers["user-agent"] == "warmer")
    );
}

#[tokio::test]
async fn requests_are_gets_for_the_whole_with_low_priority_and_a_jitter() {
    // There is no cache in between: the one of this workspace takes the jitter.
    let (scripted, upstream) = scrimp_testkit::Scripted::answering(page);
    let warmer = Warmer::builder().jitter(12.5).build().unwrap();
    let targets = targets(3);
    let run = warmer.run::<_, http_body_util::Full<bytes::Bytes>>(scripted, &targets);
    let report = run.await.unwrap();
    assert_eq!(
        (report.fetched, report.calls),
        (3, 3),
        "no cache says a word"
    );
    for parts in upstream.requests() {
        assert_eq!(parts.method, Method::GET);
        assert!(parts.headers.is_empty());
        assert_eq!(parts.extensions.get(), Some(&Directive::Prefetch));
        assert_eq!(parts.extensions.get(), Some(&Priority::Low));
        assert_eq!(parts.extensions.get(), Some(&LifetimeJitter(125)));
    }
}

#[tokio::test]
async fn what_was_warmed_together_does_not_expire_together() {
    let rig = Rig::new();
    rig.warm(Warmer::builder().jitter(20.0), 100).await;
    let mut lifetimes = HashSet::new();
    for number in 0..100 {
        let headers = rig.ask(&format!("/{number}"), &[]).await;
        let status = headers["cache-status"].to_str().unwrap().to_owned();
        let ttl = status
            .split("ttl=")
            .nth(1)
            .unwrap()
            .split(';')
            .next()
            .unwrap();
        lifetimes.insert(ttl.parse::<u64>().unwrap());
    }
    assert!(lifetimes.iter().all(|ttl| (2_879..=3_600).contains(ttl)));
    assert!(lifetimes.len() > 50, "{} of 100 differ", lifetimes.len());
}

#[tokio::test]
async fn errors_are_counted_by_status_and_end_nothing() {
    let rig = Rig::answering(|parts| match parts.uri.path() {
        "/0" => reply(parts, 404, &[]),
        "/1" | "/2" => reply(parts, 500, &[]),
        "/3" => Reply::error("broken"),
        "/4" => reply(parts, 301, &[("location", "/9")]),
        "/5" => reply(parts, 200, &[("cache-control", "no-store")]),
        // No one has asked for it.
        "/6" => reply(parts, 206, &[("content-range", "bytes 0-1/2")]),
        _ => page(parts),
    });
    let report = rig.warm(Warmer::builder(), 10).await;
    let statuses: Vec<_> = report.statuses.clone().into_iter().collect();
    assert_eq!(statuses, [(206, 1), (301, 1), (404, 1), (500, 2)]);
    assert_eq!((report.failed, report.not_stored, report.stored), (1, 1, 3));
    assert_eq!((report.calls, report.left, report.errors()), (10, 0, 6));
    assert!(!report.is_complete() && report.stopped.is_none());
}

#[tokio::test]
async fn calls_in_flight_are_bounded() {
    let gate = Gate::new();
    let held = gate.clone();
    let rig = Rig::answering(move |parts| page(parts).gate(&held));
    let warmer = Warmer::builder().concurrency(3).build().unwrap();
    let targets = targets(300);
    let run = rig.run(&warmer, &targets);
    let watch = async {
        while rig.upstream.in_flight() < 3 {
            tokio::task::yield_now().await;
        }
        gate.open();
    };
    let (report, ()) = tokio::join!(run, watch);
    assert_eq!((report.stored, rig.upstream.max_in_flight()), (300, 3));
}

#[tokio::test]
async fn progress_is_told_with_each_end() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&events);
    let builder = Warmer::builder().concurrency(1).on_event(move |event| {
        let text = match event {
            WarmEvent::Started { requests, resumed } => format!("{requests} {resumed}"),
            WarmEvent::Ended { uri, outcome, .. } => format!("{} {outcome:?}", uri.path()),
            other => format!("{other:?}"),
        };
        told.lock().push(text);
    });
    Rig::new().warm(builder, 2).await;
    let events = events.lock();
    assert_eq!(*events, ["2 0", "/0 Stored", "/1 Stored"]);
}

#[tokio::test]
async fn a_run_that_is_asked_to_stop_reads_to_the_end_what_is_in_flight() {
    let gate = Gate::new();
    let held = gate.clone();
    let rig = Rig::answering(move |parts| page(parts).gate(&held));
    let warmer = Warmer::builder().concurrency(2).build().unwrap();
    let targets = targets(10);
    let stop = async {
        while rig.upstream.in_flight() < 2 {
            tokio::task::yield_now().await;
        }
        gate.open();
    };
    let run = warmer.run_until::<_, http_body_util::Full<bytes::Bytes>>(
        rig.stack.clone(),
        &targets,
        stop,
    );
    let report = run.await.unwrap();
    assert_eq!((report.stored, report.left), (2, 8));
    assert_eq!(report.stopped, Some(StopReason::Asked));
}

#[tokio::test]
async fn a_run_that_was_killed_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let builder = || {
        let builder = Warmer::builder().concurrency(2).journal(&path);
        builder
            .price("0.01")
            .budget("0.18")
            .variant("accept", "x")
            .variant("accept", "y")
    };
    let varied = |parts: &http::request::Parts| {
        let fields = [("cache-control", "max-age=60"), ("vary", "accept")];
        reply(parts, 200, &fields)
    };
    let gate = Gate::new();
    let held = gate.clone();
    let first = Rig::answering(move |parts| match parts.uri.path() {
        "/3" => varied(parts).gate(&held),
        _ => varied(parts),
    });
    let warmer = builder().build().unwrap();
    let targets = targets(10);
    tokio::select! {
        report = first.run(&warmer, &targets) => panic!("it waits: {report:?}"),
        () = async {
            while gate.waiting() < 2 {
                tokio::task::yield_now().await;
            }
        } => {} // It is dropped, as a kill does.
    }
    assert_eq!(first.upstream.calls(), 8);

    let second = Rig::answering(varied);
    let report = second.warm(builder(), 10).await;
    assert_eq!((report.requests, report.resumed), (20, 6));
    // Six calls of eighteen were made before.
    assert_eq!(
        (report.calls, report.earlier_calls, report.left),
        (12, 6, 2)
    );
    assert_eq!(report.stopped, Some(StopReason::Budget));
    let asked: HashSet<_> = second.upstream.requests().into_iter().collect_paths();
    assert!(!asked.contains("/0") && !asked.contains("/2") && asked.contains("/3"));

    // Without the budget, it comes to its end, and then begins anew.
    let third = Rig::answering(varied);
    let free = Warmer::builder()
        .journal(&path)
        .variant("accept", "x")
        .variant("accept", "y");
    let report = third.warm(free, 10).await;
    assert_eq!((report.resumed, report.stored, report.left), (18, 2, 0));
    let again = Warmer::builder()
        .journal(&path)
        .variant("accept", "x")
        .variant("accept", "y");
    let report = third.warm(again, 10).await;
    assert_eq!((report.resumed, report.earlier_calls), (0, 0));
}

trait Paths {
    fn collect_paths(self) -> HashSet<String>;
}

impl<I: Iterator<Item = http::request::Parts>> Paths for I {
    fn collect_paths(self) -> HashSet<String> {
        self.map(|parts| parts.uri.path().to_owned()).collect()
    }
}

#[tokio::test]
async fn what_failed_is_asked_for_again_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let broken = Rig::answering(|parts| match parts.uri.path() {
        "/1" => reply(parts, 500, &[]),
        _ => page(parts),
    });
    let builder = || Warmer::builder().concurrency(1).journal(&path);
    broken.warm(builder().max_calls(3), 5).await;
    let mended = Rig::new();
    let report = mended.warm(builder(), 5).await;
    assert_eq!((report.resumed, report.stored), (2, 3));
    assert_eq!((report.calls, report.earlier_calls), (3, 3));
}

#[tokio::test]
async fn an_empty_list_is_done_at_once() {
    let rig = Rig::new();
    let warmer = Warmer::builder().build().unwrap();
    let report = rig.run(&warmer, &Targets::new()).await;
    assert_eq!((report.requests, report.left, report.stopped), (0, 0, None));
}
