//! Stored variants, and requests that match none of them (RFC 9111 §4.1).

use crate::common;

use std::time::Duration;

use common::{Fields, Rig, layer, reply};
use scrimp_cache::{CacheLayer, CacheLayerBuilder, Invalidation, MemoryStore};
use scrimp_core::{Ledger, Money};
use scrimp_testkit::{Gate, Reply};

const VARY: (&str, &str) = ("vary", "accept-language");
const MINUTE: (&str, &str) = ("cache-control", "max-age=60");

/// Returns a variant with an entity tag and a tag of the same name.
fn variant(name: &'static str) -> Reply {
    let etag = format!("\"{name}\"");
    reply(
        200,
        &[VARY, MINUTE, ("etag", &etag), ("cache-tag", name)],
        name,
    )
}

fn not_modified(fields: Fields<'_>) -> Reply {
    reply(304, fields, "")
}

async fn ask(rig: &Rig, language: &str) -> common::Answer {
    rig.get_with("/", &[("accept-language", language)]).await
}

/// Returns a cache with a variant for German and one for English.
async fn rig(layer: CacheLayerBuilder, replies: impl IntoIterator<Item = Reply>) -> Rig {
    let stored = [variant("de"), variant("en")];
    let rig = Rig::script(layer, stored.into_iter().chain(replies));
    ask(&rig, "de").await;
    ask(&rig, "en").await;
    rig
}

fn condition(rig: &Rig) -> Option<String> {
    let request = rig.upstream.requests().pop().expect("a call");
    let value = request.headers.get("if-none-match")?;
    Some(value.to_str().expect("text").to_owned())
}

#[tokio::test]
async fn the_upstream_says_which_variant_is_the_answer_and_it_is_stored_for_it() {
    let chosen = not_modified(&[("etag", "\"de\""), VARY, ("cache-control", "max-age=90")]);
    let rig = rig(layer(), [chosen]).await;
    rig.wait(50);
    let answer = ask(&rig, "at").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "de"));
    assert_eq!(
        answer.cache_status(),
        "scrimp; fwd=vary-miss; fwd-status=304; ttl=90; stored"
    );
    assert_eq!(condition(&rig).as_deref(), Some("\"en\", \"de\""));
    let again = ask(&rig, "at").await;
    assert_eq!((again.is_hit(), again.text()), (true, "de"));
    // The upstream confirmed the response for this request only, not for German.
    rig.wait(11);
    let de = rig.upstream.calls();
    rig.upstream.next(variant("de"));
    ask(&rig, "de").await;
    assert_eq!(rig.upstream.calls(), de + 1);
}

#[tokio::test]
async fn another_answer_is_one_variant_more() {
    let rig = rig(layer(), [variant("fr")]).await;
    assert_eq!(ask(&rig, "fr").await.text(), "fr");
    for language in ["de", "en", "fr"] {
        let answer = ask(&rig, language).await;
        assert_eq!((answer.is_hit(), answer.text()), (true, language));
    }
}

#[tokio::test]
async fn a_304_that_names_none_of_several_is_asked_again_without_a_condition() {
    for etag in [None, Some("\"other\""), Some("W/\"de\"")] {
        let fields: Vec<_> = etag.map(|etag| ("etag", etag)).into_iter().collect();
        let ledger = Ledger::new();
        let price: Money = "1".parse().expect("a price");
        let layer = layer().ledger(ledger.clone()).price(price);
        let rig = rig(layer, [not_modified(&fields), variant("fr")]).await;
        let answer = ask(&rig, "fr").await;
        assert_eq!(
            (answer.status.as_u16(), answer.text()),
            (200, "fr"),
            "{etag:?}"
        );
        assert_eq!((rig.upstream.calls(), condition(&rig)), (4, None));
        assert_eq!(ledger.lines()[0].calls_made, 4, "both calls cost");
    }
}

#[tokio::test]
async fn a_304_without_a_tag_names_the_one_that_was_offered() {
    let rig = Rig::script(layer(), [variant("de"), not_modified(&[])]);
    ask(&rig, "de").await;
    assert_eq!(ask(&rig, "at").await.text(), "de");
}

#[tokio::test]
async fn what_was_invalidated_is_not_offered() {
    let rig = rig(layer(), [variant("fr"), variant("nl")]).await;
    rig.layer.invalidator().invalidate(&Invalidation::tag("en"));
    ask(&rig, "fr").await;
    assert_eq!(condition(&rig).as_deref(), Some("\"de\""));
    rig.layer
        .invalidator()
        .invalidate(&Invalidation::everything());
    ask(&rig, "nl").await;
    assert_eq!(condition(&rig), None);
}

#[tokio::test]
async fn what_is_invalidated_while_the_upstream_is_asked_is_not_stored_anew() {
    let layer = layer();
    let gate = Gate::new();
    let chosen = not_modified(&[("etag", "\"de\""), VARY, MINUTE]).gate(&gate);
    let rig = rig(layer.clone(), [chosen, variant("at")]).await;
    let (answer, ()) = tokio::join!(ask(&rig, "at"), async {
        tokio::task::yield_now().await;
        rig.layer.invalidator().invalidate(&Invalidation::tag("de"));
        gate.open();
    });
    assert_eq!(answer.text(), "de", "asked before");
    assert_eq!(ask(&rig, "at").await.text(), "at");
}

#[tokio::test]
async fn only_what_tells_representations_apart_is_offered() {
    let gzip = ("content-encoding", "gzip");
    for (name, fields, offered) in [
        ("a strong tag", &[("etag", "\"a\"")][..], true),
        (
            "a weak tag, which codings may share",
            &[("etag", "W/\"a\"")],
            false,
        ),
        ("no tag", &[], false),
        ("a tag that lists part", &[("etag", "\"a,b\"")], false),
        ("no tag at all", &[("etag", "a")], false),
        (
            "a coding the client does not take",
            &[("etag", "\"a\""), gzip],
            false,
        ),
        (
            "a page of one user",
            &[("etag", "\"a\""), ("vary", "x-api-key")],
            false,
        ),
    ] {
        let fields = [&[VARY, ("cache-control", "public, max-age=60")], fields].concat();
        let rig = Rig::script(layer(), [reply(200, &fields, "a"), variant("b")]);
        rig.get_with("/", &[("x-api-key", "1"), ("accept-language", "de")])
            .await;
        assert_eq!(ask(&rig, "en").await.text(), "b", "{name}");
        assert_eq!(condition(&rig).is_some(), offered, "{name}");
    }
}

#[tokio::test]
async fn what_is_no_200_is_not_offered_as_no_304_can_mean_it() {
    let fields = [VARY, MINUTE, ("etag", "\"a\"")];
    let rig = Rig::script(layer(), [reply(404, &fields, "a"), variant("b")]);
    ask(&rig, "de").await;
    ask(&rig, "en").await;
    assert_eq!(condition(&rig), None);
}

#[tokio::test]
async fn a_coding_that_the_client_takes_is_offered() {
    let fields = [
        VARY,
        MINUTE,
        ("etag", "\"a\""),
        ("content-encoding", "gzip"),
    ];
    for (accepted, offered) in [("br, gzip", true), ("gzip;q=0", false), ("br", false)] {
        let rig = Rig::script(layer(), [reply(200, &fields, "a"), variant("b")]);
        ask(&rig, "de").await;
        let request = [("accept-encoding", accepted), ("accept-language", "en")];
        rig.get_with("/", &request).await;
        assert_eq!(condition(&rig).is_some(), offered, "{accepted}");
    }
}

#[tokio::test]
async fn a_tag_that_two_bodies_share_is_not_offered() {
    let fields = [VARY, MINUTE, ("etag", "\"revision-7\"")];
    let twins = [reply(200, &fields, "de"), reply(200, &fields, "en")];
    let rig = Rig::script(layer(), twins.into_iter().chain([variant("fr")]));
    for language in ["de", "en"] {
        ask(&rig, language).await;
    }
    // The second request offered the first's tag; by now that tag is known to be unreliable.
    assert_eq!(condition(&rig).as_deref(), Some("\"revision-7\""));
    ask(&rig, "fr").await;
    assert_eq!(condition(&rig), None);
}

#[tokio::test]
async fn a_tag_that_a_page_of_one_user_shares_is_not_offered() {
    let tagged = |vary, body| {
        let fields = [
            ("cache-control", "public, max-age=60"),
            ("etag", "\"revision-7\""),
            ("vary", vary),
        ];
        reply(200, &fields, body)
    };
    let replies = [
        tagged("accept-language", "for everybody"),
        tagged("accept-language, x-api-key", "for alice"),
        variant("fr"),
    ];
    let rig = Rig::script(layer(), replies);
    ask(&rig, "de").await;
    let alice = [("accept-language", "en"), ("x-api-key", "alice")];
    rig.get_with("/", &alice).await;
    ask(&rig, "fr").await;
    assert_eq!(condition(&rig), None);
}

#[tokio::test]
async fn a_clients_own_condition_goes_on_as_it_is() {
    let rig = rig(layer(), [not_modified(&[("etag", "\"own\"")])]).await;
    let request = [("accept-language", "fr"), ("if-none-match", "\"own\"")];
    let answer = rig.get_with("/", &request).await;
    assert_eq!(answer.status.as_u16(), 304);
    assert_eq!(condition(&rig).as_deref(), Some("\"own\""));
}

#[tokio::test]
async fn no_more_than_eight_are_offered_the_newest_first() {
    let rig = Rig::answering(layer(), |parts| {
        let language = parts.headers["accept-language"].to_str().expect("text");
        let etag = format!("\"{language}\"");
        reply(200, &[VARY, MINUTE, ("etag", &etag)], language)
    });
    for n in 0..20 {
        ask(&rig, &format!("l{n}")).await;
    }
    let offered = condition(&rig).expect("an offer");
    assert_eq!(offered.split(", ").count(), 8);
    assert!(offered.starts_with("\"l18\", \"l17\""), "{offered}");
}

#[tokio::test(start_paused = true)]
async fn a_call_with_an_offer_may_be_dropped_or_fail_as_any_other() {
    let slow = variant("fr").delay(Duration::from_secs(5));
    let replies = [
        slow,
        Reply::error("reset"),
        reply(503, &[], ""),
        variant("fr"),
    ];
    let rig = rig(layer(), replies).await;
    let limit = tokio::time::timeout(Duration::from_secs(1), ask(&rig, "fr")).await;
    assert!(limit.is_err() && rig.upstream.in_flight() == 0);
    let request = common::request("GET", "/", &[("accept-language", "fr")]);
    assert!(
        rig.send(request).await.is_err(),
        "no other variant stands in"
    );
    assert_eq!(ask(&rig, "fr").await.status, 503);
    assert_eq!(ask(&rig, "fr").await.text(), "fr");
}

#[tokio::test]
async fn only_if_cached_asks_nobody() {
    let rig = rig(layer(), []).await;
    let request = [
        ("accept-language", "fr"),
        ("cache-control", "only-if-cached"),
    ];
    assert_eq!(rig.get_with("/", &request).await.status, 504);
}

#[tokio::test]
async fn variants_that_share_a_body_share_its_place_among_the_offers() {
    let rig = Rig::script(
        CacheLayer::builder(MemoryStore::new(1 << 20)),
        [
            variant("de"),
            not_modified(&[("etag", "\"de\""), VARY]),
            not_modified(&[("etag", "\"de\""), VARY]),
        ],
    );
    for language in ["de", "at", "ch"] {
        assert_eq!(ask(&rig, language).await.text(), "de");
    }
    assert_eq!(condition(&rig).as_deref(), Some("\"de\""));
}
