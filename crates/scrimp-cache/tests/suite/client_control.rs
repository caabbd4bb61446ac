//! Cache-Control of clients, and a rule that ignores it.

use crate::common;

use common::{Rig, layer, minute, reply};
use scrimp_cache::CacheLayerBuilder;

const DEMANDS: [&str; 4] = ["no-cache", "max-age=0", "max-age=5", "min-fresh=55"];

fn rig(rules: &[&str]) -> Rig {
    let rules = rules.iter().copied();
    let layer = rules.fold(layer(), CacheLayerBuilder::rule);
    Rig::answering(layer, |parts| match parts.uri.path() {
        "/tolerant" => reply(
            200,
            &[("cache-control", "max-age=60, stale-if-error=600")],
            "x",
        ),
        _ => minute("x"),
    })
}

#[tokio::test]
async fn a_client_that_may_not_force_calls_gets_what_is_stored() {
    for (rules, calls) in [
        (&[][..], 1 + DEMANDS.len()),
        (&["ignore-client-control"], 1),
    ] {
        let rig = rig(rules);
        rig.get("/").await;
        rig.wait(10);
        for demand in DEMANDS {
            let fields = [("cache-control", demand), ("pragma", "no-cache")];
            let answer = rig.get_with("/", &fields).await;
            assert_eq!(answer.is_hit(), !rules.is_empty(), "{demand}");
            // Otherwise the next request would get a new response.
            rig.wait(10);
        }
        assert_eq!(rig.upstream.calls(), calls, "{rules:?}");
    }
}

#[tokio::test]
async fn a_client_that_may_not_force_calls_cannot_keep_answers_out_of_the_store() {
    let rig = rig(&["ignore-client-control"]);
    let private = [("cache-control", "no-store, no-cache")];
    assert!(!rig.get_with("/", &private).await.is_hit());
    assert!(rig.get_with("/", &private).await.is_hit());
    let sent = &rig.upstream.requests()[0];
    assert_eq!(
        sent.headers["cache-control"], private[0].1,
        "goes on as it came"
    );
}

#[tokio::test]
async fn what_saves_calls_is_heard_all_the_same() {
    let rig = rig(&["ignore-client-control"]);
    let only = [("cache-control", "no-cache, only-if-cached")];
    assert_eq!(rig.get_with("/", &only).await.status, 504);
    rig.get("/").await;
    rig.wait(61);
    let stale = [("cache-control", "max-age=0, max-stale=30")];
    assert!(rig.get_with("/", &stale).await.is_hit());
    assert_eq!(rig.upstream.calls(), 1);
}

#[tokio::test]
async fn a_client_that_may_not_force_calls_is_not_shown_failures_either() {
    let rig = rig(&["ignore-client-control"]);
    rig.get("/tolerant").await;
    rig.wait(61);
    rig.upstream
        .set_readiness(scrimp_testkit::Readiness::Error("down"));
    let demand = [("cache-control", "no-cache")];
    assert_eq!(rig.get_with("/tolerant", &demand).await.text(), "x");
}

#[tokio::test]
async fn the_rule_goes_for_its_requests_only_and_the_first_that_matches_decides() {
    let rig = rig(&["if-header=x-admin", "path=/ignored ignore-client-control"]);
    let demand = ("cache-control", "no-cache");
    for (path, fields, hit) in [
        ("/ignored", &[demand][..], true),
        ("/ignored", &[demand, ("x-admin", "1")], false),
        ("/heard", &[demand], false),
    ] {
        rig.get(path).await;
        assert_eq!(
            rig.get_with(path, fields).await.is_hit(),
            hit,
            "{path} {fields:?}"
        );
    }
}
