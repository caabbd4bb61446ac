//! Extensions of responses that hits carry.

use crate::common;

use common::{Answer, Fields, Rig, layer, minute, reply, request};
use http::Response;
use scrimp_cache::CacheLayerBuilder;
use scrimp_core::{
    Money,
    extensions::{CacheInfo, CacheState, Charge, Explain},
};
use scrimp_testkit::{Reply, ScriptedBody};

/// The handler that has made a response.
#[derive(Debug, Clone, PartialEq)]
struct Handler(&'static str);

/// An extension of no interest.
#[derive(Debug, Clone)]
struct Other;

fn handled(fields: Fields<'_>) -> Reply {
    let mut response = Response::new(ScriptedBody::new().data("0123456789").sized());
    for (name, value) in fields {
        let value = value.parse().expect("a value");
        response.headers_mut().append(*name, value);
    }
    response.extensions_mut().insert(Handler("books"));
    response.extensions_mut().insert(Other);
    Reply::respond(response)
}

const FRESH: Fields<'static> = &[("cache-control", "max-age=60"), ("etag", "\"a\"")];

fn keeping() -> CacheLayerBuilder {
    layer().keep_extension::<Handler>()
}

fn handler(answer: &Answer) -> Option<&'static str> {
    answer.extensions.get::<Handler>().map(|handler| handler.0)
}

#[tokio::test]
async fn a_hit_carries_the_extensions_that_were_chosen_and_no_others() {
    let rig = Rig::script(keeping(), [handled(FRESH)]);
    let miss = rig.get("http://a/").await;
    assert!(handler(&miss).is_some() && miss.extensions.get::<Other>().is_some());
    for _ in 0..2 {
        let hit = rig.get("http://a/").await;
        assert!(hit.is_hit());
        assert_eq!(handler(&hit), Some("books"));
        assert!(hit.extensions.get::<Other>().is_none());
    }
    let rig = Rig::script(layer(), [handled(FRESH)]);
    rig.get("http://a/").await;
    assert!(rig.get("http://a/").await.extensions.is_empty());
}

#[tokio::test]
async fn every_response_from_the_store_carries_them() {
    let rig = Rig::script(keeping(), [handled(FRESH)]);
    rig.get("http://a/").await;
    let hits: [(&str, Fields<'_>, u16); 3] = [
        ("HEAD", &[], 200),
        ("GET", &[("range", "bytes=2-3")], 206),
        ("GET", &[("if-none-match", "\"a\"")], 304),
    ];
    for (method, fields, status) in hits {
        let hit = rig.ask(method, "http://a/", fields).await;
        assert_eq!(
            (hit.status.as_u16(), handler(&hit)),
            (status, Some("books"))
        );
    }
    let mut explained = request("GET", "http://a/", &[]);
    explained.extensions_mut().insert(Explain);
    explained.extensions_mut().insert(Handler("of the request"));
    let hit = rig.send(explained).await.expect("a hit");
    assert_eq!(handler(&hit), Some("books"));
    let state = hit.extensions.get::<CacheInfo>().map(|info| info.state);
    assert_eq!(state, Some(CacheState::Hit));
}

#[tokio::test]
async fn a_confirmation_leaves_them_as_they_are_and_a_replacement_does_not() {
    let fresh: Fields<'_> = &[("cache-control", "max-age=60")];
    let replies = [handled(FRESH), reply(304, fresh, ""), minute("new")];
    let rig = Rig::script(keeping(), replies);
    rig.get("http://a/").await;
    rig.wait(61);
    let confirmed = rig.get("http://a/").await;
    assert!(confirmed.cache_status().contains("fwd-status=304"));
    assert_eq!(handler(&confirmed), Some("books"));
    assert_eq!(handler(&rig.get("http://a/").await), Some("books"));
    rig.wait(61);
    assert_eq!(handler(&rig.get("http://a/").await), None);
    let replaced = rig.get("http://a/").await;
    assert_eq!((replaced.text(), handler(&replaced)), ("new", None));
}

#[tokio::test]
async fn a_stale_response_in_place_of_a_failure_carries_them() {
    let layer = keeping().rule("path=/** fail-safe=1h");
    let rig = Rig::script(layer, [handled(FRESH), Reply::error("down")]);
    rig.get("http://a/").await;
    rig.wait(61);
    let stale = rig.get("http://a/").await;
    assert!(stale.cache_status().contains("detail=unreachable"));
    assert_eq!(handler(&stale), Some("books"));
}

#[tokio::test]
async fn their_weight_counts_as_it_is_stated() {
    let bytes = async |layer: CacheLayerBuilder| {
        let rig = Rig::script(layer, [handled(FRESH)]);
        rig.get("http://a/").await;
        rig.store.stats().bytes
    };
    let without = bytes(layer()).await;
    let flat = bytes(keeping()).await;
    assert!(flat >= without + 64 + size_of::<Handler>() as u64);
    let weigh = |handler: &Handler| 1_000 * handler.0.len();
    let stated = bytes(layer().keep_extension_weighing(weigh)).await;
    assert_eq!(stated, flat + 5_000);
    let huge = layer().keep_extension_weighing(|_: &Handler| usize::MAX);
    assert_eq!(bytes(huge).await, 0, "it is larger than the store");
}

#[test]
fn what_is_about_one_call_cannot_be_stored() {
    for layer in [
        layer().keep_extension::<Charge>(),
        layer().keep_extension::<CacheInfo>(),
        layer().keep_extension::<tracing::Span>(),
    ] {
        let error = layer.build().expect_err("refused").to_string();
        assert!(
            error.starts_with("CacheLayer: `keep_extension` must be about a response"),
            "{error}"
        );
    }
    assert!(layer().keep_extension::<Money>().build().is_ok());
}
