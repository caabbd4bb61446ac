//! Fastly, with the examples of its documentation:
//! <https://www.fastly.com/documentation/reference/api/purging/>.

use std::time::Duration;

use scrimp_cache::Invalidation;
use scrimp_cdn::{CdnApi, CdnPurger, Fastly};

use crate::rig::{Script, Seen, invalidate, sent, tags};

const SERVICE: &str = "SU1Z0isxPaozGVKXdv0eY";
const TOKEN: &str = "YOUR_FASTLY_TOKEN";

async fn purged(invalidations: &[Invalidation]) -> Vec<Seen> {
    let api = |endpoint: &str| -> Box<dyn CdnApi> {
        let api = Fastly::new(SERVICE, TOKEN).endpoint(endpoint.to_owned());
        Box::new(api.site("https://www.example.com"))
    };
    sent(api, invalidations).await
}

fn uri(text: &str) -> http::Uri {
    text.parse().unwrap()
}

const HARD: [(&str, &str); 2] = [("fastly-key", TOKEN), ("accept", "application/json")];
const SOFT: [(&str, &str); 3] = [
    ("fastly-key", TOKEN),
    ("accept", "application/json"),
    ("fastly-soft-purge", "1"),
];

#[tokio::test]
async fn each_purge_is_the_documented_request() {
    let page = || Invalidation::uri(uri("http://www.example.com/path/to/object-to-purge"));
    let everything = Invalidation::everything;
    let cases = [
        (
            Invalidation::tag("key_1"),
            "POST /service/SU1Z0isxPaozGVKXdv0eY/purge/key_1",
            &HARD[..],
        ),
        (
            Invalidation::tag("key_1").soft(),
            "POST /service/SU1Z0isxPaozGVKXdv0eY/purge/key_1",
            &SOFT,
        ),
        (
            page(),
            "POST /purge/www.example.com/path/to/object-to-purge",
            &HARD,
        ),
        (
            page().soft(),
            "POST /purge/www.example.com/path/to/object-to-purge",
            &SOFT,
        ),
        (
            everything(),
            "POST /service/SU1Z0isxPaozGVKXdv0eY/purge_all",
            &HARD,
        ),
        // It has no soft form.
        (
            everything().soft(),
            "POST /service/SU1Z0isxPaozGVKXdv0eY/purge_all",
            &HARD,
        ),
    ];
    for (invalidation, line, fields) in cases {
        let seen = purged(&[invalidation]).await;
        assert_eq!(seen.len(), 1);
        seen[0].assert_is(line, fields, "");
    }
}

#[tokio::test]
async fn many_keys_are_one_documented_request() {
    for soft in [false, true] {
        let keys = ["key_1", "key_2", "key_3"].map(|key| match soft {
            false => Invalidation::tag(key),
            true => Invalidation::tag(key).soft(),
        });
        let seen = purged(&keys).await;
        assert_eq!(seen.len(), 1);
        let mut fields = if soft { SOFT.to_vec() } else { HARD.to_vec() };
        fields.push(("content-type", "application/json"));
        let body = r#"{"surrogate_keys":["key_1","key_2","key_3"]}"#;
        seen[0].assert_is("POST /service/SU1Z0isxPaozGVKXdv0eY/purge", &fields, body);
    }
}

#[tokio::test]
async fn a_key_is_one_segment_of_the_path() {
    let seen = purged(&[Invalidation::tag("a/b?c#d e%")]).await;
    let line = "POST /service/SU1Z0isxPaozGVKXdv0eY/purge/a%2Fb%3Fc%23d%2520e%2525";
    seen[0].assert_is(line, &HARD, "");
}

#[tokio::test]
async fn what_it_cannot_do_is_a_purge_of_everything() {
    let site = uri("https://www.example.com/a/");
    for invalidation in [
        Invalidation::uri_prefix(site),
        Invalidation::authority("www.example.com"),
        Invalidation::group("www.example.com", "g"),
        Invalidation::glob("/a*"),
    ] {
        let seen = purged(&[invalidation]).await;
        seen[0].assert_is("POST /service/SU1Z0isxPaozGVKXdv0eY/purge_all", &HARD, "");
    }
    let seen = purged(&[Invalidation::uri(uri("/a?b=c"))]).await;
    seen[0].assert_is("POST /purge/www.example.com/a?b=c", &HARD, "");
}

#[tokio::test]
async fn one_more_than_a_batch_is_two_requests() {
    let seen = purged(&tags(257)).await;
    let body: serde_json::Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(body["surrogate_keys"].as_array().unwrap().len(), 256);
    seen[1].assert_is("POST /service/SU1Z0isxPaozGVKXdv0eY/purge/t256", &HARD, "");
}

#[tokio::test]
async fn a_key_that_is_too_long_is_cut() {
    let long = "x".repeat(1_025);
    let seen = purged(&[
        Invalidation::tag(&*long),
        Invalidation::tag("x".repeat(1_024)),
    ])
    .await;
    let body: serde_json::Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(body["surrogate_keys"][0], scrimp_cdn::tag_key(&long));
    assert_eq!(body["surrogate_keys"][1], "x".repeat(1_024));
}

#[tokio::test(start_paused = true)]
async fn an_hour_has_no_more_than_a_hundred_thousand() {
    let script = Script::default();
    let purger = CdnPurger::builder(Fastly::new(SERVICE, TOKEN)).parallel(1);
    let purger = purger.capacity(200_000).build(script.service()).unwrap();
    let start = tokio::time::Instant::now();
    invalidate(&purger, &tags(100_000));
    purger.delivered().await;
    let took = start.elapsed();
    assert_eq!(took.as_secs(), 3_600, "{took:?}");
    invalidate(&purger, &tags(1));
    purger.delivered().await;
    assert!(start.elapsed() > took + Duration::from_millis(30));
}
