//! Cloudflare, with the examples of its documentation:
//! <https://developers.cloudflare.com/api/resources/cache/methods/purge/> and
//! <https://developers.cloudflare.com/cache/how-to/purge-cache/>.

use std::{num::NonZeroU32, time::Duration};

use scrimp_cache::Invalidation;
use scrimp_cdn::{CdnApi, CdnPurger, Cloudflare, CloudflarePlan, ItemKind};

use crate::rig::{Script, Seen, invalidate, sent, tags};

const ZONE: &str = "023e105f4ecef8ad9ca31a8372d0c353";

async fn purged(
    change: impl Fn(Cloudflare) -> Cloudflare,
    invalidations: &[Invalidation],
) -> Vec<Seen> {
    let api = |endpoint: &str| -> Box<dyn CdnApi> {
        let api = Cloudflare::new(ZONE, "example-token");
        Box::new(change(api.endpoint(format!("{endpoint}/client/v4"))))
    };
    sent(api, invalidations).await
}

#[track_caller]
fn assert_body(seen: &Seen, body: &str) {
    seen.assert_is(
        &format!("POST /client/v4/zones/{ZONE}/purge_cache"),
        &[
            ("authorization", "Bearer example-token"),
            ("content-type", "application/json"),
        ],
        body,
    );
}

fn uri(text: &str) -> http::Uri {
    text.parse().unwrap()
}

fn hosts(count: usize) -> Vec<Invalidation> {
    let host = |n| Invalidation::authority(format!("h{n}.test"));
    (0..count).map(host).collect()
}

fn prefixes(count: usize) -> Vec<Invalidation> {
    let prefix = |n| Invalidation::uri_prefix(uri(&format!("https://a.test/{n}/")));
    (0..count).map(prefix).collect()
}

fn urls(count: usize) -> Vec<Invalidation> {
    let url = |n| Invalidation::uri(uri(&format!("https://a.test/{n}")));
    (0..count).map(url).collect()
}

#[tokio::test]
async fn each_purge_is_the_documented_request() {
    let seen = purged(
        Cloudflare::own_scheme_only,
        &[
            Invalidation::uri(uri("http://www.example.com/css/styles.css")),
            Invalidation::uri(uri("http://www.example.com/js/index.js")),
            Invalidation::tag("a-cache-tag"),
            Invalidation::tag("another-cache-tag"),
            Invalidation::authority("www.example.com"),
            Invalidation::authority("images.example.com"),
            Invalidation::uri_prefix(uri("https://www.example.com/foo/")),
            Invalidation::uri_prefix(uri("https://images.example.com/bar/baz/")),
        ],
    )
    .await;
    let examples = [
        r#"{"files":["http://www.example.com/css/styles.css","http://www.example.com/js/index.js"]}"#,
        r#"{"tags":["a-cache-tag","another-cache-tag"]}"#,
        r#"{"hosts":["www.example.com","images.example.com"]}"#,
        r#"{"prefixes":["www.example.com/foo","images.example.com/bar/baz"]}"#,
    ];
    assert_eq!(seen.len(), examples.len());
    for (seen, example) in seen.iter().zip(examples) {
        assert_body(seen, example);
    }
    let seen = purged(|api| api, &[Invalidation::everything()]).await;
    assert_body(&seen[0], r#"{"purge_everything":true}"#);
}

#[tokio::test]
async fn what_it_cannot_do_exactly_is_wider() {
    let cases = [
        // Both schemes, as the server does not know that of the client.
        (
            Invalidation::uri(uri("http://A.test:80/7?x=1")),
            r#"{"files":["https://a.test/7?x=1","http://a.test/7?x=1"]}"#,
        ),
        (
            Invalidation::uri(uri("/7")),
            r#"{"files":["https://s.test/7","http://s.test/7"]}"#,
        ),
        (
            Invalidation::uri_prefix(uri("https://a.test/foo/ba")),
            r#"{"prefixes":["a.test/foo"]}"#,
        ),
        (
            Invalidation::uri_prefix(uri("https://a.test:8443/f")),
            r#"{"hosts":["a.test"]}"#,
        ),
        (
            Invalidation::group("a.test", "g"),
            r#"{"hosts":["a.test"]}"#,
        ),
        (
            Invalidation::prefix("list:books:"),
            r#"{"tags":["list:books:"]}"#,
        ),
        (Invalidation::prefix("list:boo"), r#"{"tags":["list:"]}"#),
        (Invalidation::prefix("li"), r#"{"purge_everything":true}"#),
        (Invalidation::glob("list:*:new"), r#"{"tags":["list:"]}"#),
        (Invalidation::glob("*x"), r#"{"purge_everything":true}"#),
        (
            Invalidation::version("user:7", 12),
            r#"{"tags":["user:7"]}"#,
        ),
    ];
    for (invalidation, body) in cases {
        let seen = purged(|api| api.site("https://s.test"), &[invalidation]).await;
        assert_eq!(seen.len(), 1);
        assert_body(&seen[0], body);
    }
    let glob = [Invalidation::glob("/shop/*.html")];
    let seen = purged(|api| api.site("https://s.test"), &glob).await;
    let bodies: Vec<_> = seen.iter().map(|seen| &*seen.body).collect();
    assert_eq!(
        bodies,
        [r#"{"prefixes":["s.test/shop"]}"#, r#"{"tags":["/shop/"]}"#]
    );
    let seen = purged(|api| api, &[Invalidation::uri(uri("/7"))]).await;
    assert_body(&seen[0], r#"{"purge_everything":true}"#);
}

#[tokio::test]
async fn one_more_than_a_batch_is_two_requests() {
    let enterprise = |api: Cloudflare| api.plan(CloudflarePlan::Enterprise).own_scheme_only();
    let cases = [
        (tags(101), "tags", 100),
        (hosts(101), "hosts", 100),
        (prefixes(31), "prefixes", 30),
        (urls(501), "files", 500),
    ];
    for (invalidations, member, most) in cases {
        let seen = purged(enterprise, &invalidations).await;
        let count = |seen: &Seen| {
            let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
            body[member].as_array().unwrap().len()
        };
        let counts: Vec<_> = seen.iter().map(count).collect();
        assert_eq!(counts, [most, 1], "{member}");
    }
    let seen = purged(Cloudflare::own_scheme_only, &urls(101)).await;
    assert_eq!(seen.len(), 2);
}

#[tokio::test]
async fn a_tag_and_a_prefix_that_are_too_long_are_cut() {
    let seen = purged(|api| api, &[Invalidation::tag("x".repeat(1_025))]).await;
    let body: serde_json::Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(body["tags"][0], scrimp_cdn::tag_key(&"x".repeat(1_025)));
    assert!(body["tags"][0].as_str().unwrap().len() <= 1_024);

    // 31 separators, and 32.
    for folders in [31, 32] {
        let path = "/f".repeat(folders);
        let prefix = Invalidation::uri_prefix(uri(&format!("https://a.test{path}/")));
        let seen = purged(|api| api, &[prefix]).await;
        let expected = format!("a.test{}", "/f".repeat(31));
        assert_body(&seen[0], &format!(r#"{{"prefixes":["{expected}"]}}"#));
    }
}

#[tokio::test(start_paused = true)]
async fn one_more_than_the_rate_waits() {
    for (plan, burst, each) in [
        (CloudflarePlan::Free, 25, Duration::from_secs(12)),
        (CloudflarePlan::Pro, 25, Duration::from_millis(200)),
        (CloudflarePlan::Business, 50, Duration::from_millis(100)),
        (CloudflarePlan::Enterprise, 500, Duration::from_millis(20)),
    ] {
        let script = Script::default();
        let api = Cloudflare::new(ZONE, "t").plan(plan);
        let purger = CdnPurger::builder(api).gather(Duration::ZERO).parallel(1);
        let purger = purger.build(script.service()).unwrap();
        for n in 0..=burst {
            invalidate(&purger, &[Invalidation::tag(format!("{n}"))]);
            purger.delivered().await;
        }
        let pauses = script.pauses();
        assert_eq!(pauses.len(), burst, "{plan:?}");
        let (last, before) = pauses.split_last().unwrap();
        assert!(
            before.iter().sum::<Duration>() < Duration::from_millis(1),
            "{plan:?}"
        );
        assert!(
            *last >= each && *last < each + Duration::from_millis(2),
            "{plan:?}: {last:?}"
        );
    }
}

#[test]
fn the_rate_of_urls_is_that_of_the_plan() {
    for (plan, urls) in [
        (CloudflarePlan::Free, 800),
        (CloudflarePlan::Pro, 1_500),
        (CloudflarePlan::Business, 1_500),
        (CloudflarePlan::Enterprise, 3_000),
    ] {
        let rates = Cloudflare::new(ZONE, "t").plan(plan).rates();
        assert_eq!(
            rates.items.unwrap().burst_size(),
            NonZeroU32::new(urls).unwrap()
        );
        let batch = Cloudflare::new(ZONE, "t")
            .plan(plan)
            .batch(ItemKind::Prefix);
        assert_eq!(batch.items, 30);
    }
}

#[test]
fn a_success_that_the_body_denies_is_tried_again() {
    use scrimp_cdn::PurgeVerdict;
    let api = Cloudflare::new(ZONE, "t");
    let judge = |body: &[u8]| api.judge(http::StatusCode::OK, &http::HeaderMap::new(), body);
    assert_eq!(
        judge(br#"{"success":true,"errors":[]}"#),
        PurgeVerdict::Accepted
    );
    for body in [
        &br#"{"success":false}"#[..],
        b"<html>",
        b"",
        br#"{"success":1}"#,
    ] {
        assert_eq!(judge(body), PurgeVerdict::Later(None));
    }
}
