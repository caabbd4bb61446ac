//! POST requests are shared by what identifies their bodies, and only where that is set.

use crate::rig;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use rig::{begun, fetch, over, post};
use scrimp_coalesce::{CoalesceLayer, CoalesceLayerBuilder};
use scrimp_core::BodyDigest;
use scrimp_testkit::{Gate, Reply, ScriptedBody};

/// Makes a POST with these marks of its body.
fn marked(digest: Option<u8>, key: Option<&str>) -> Request<Full<Bytes>> {
    let mut request = post("/graphql", "q");
    if let Some(digest) = digest {
        request.extensions_mut().insert(BodyDigest([digest; 32]));
    }
    if let Some(key) = key {
        let key = key.parse().expect("a value");
        request.headers_mut().insert("idempotency-key", key);
    }
    request
}

/// Returns the number of calls for requests that are under way together.
fn calls<const N: usize>(
    layer: CoalesceLayerBuilder,
    requests: [Request<Full<Bytes>>; N],
) -> usize {
    let gate = Gate::new();
    let layer = layer.build().expect("settings");
    let (service, upstream) = over(&layer, move |_| {
        Reply::body(ScriptedBody::new()).gate(&gate)
    });
    let _under_way = requests.map(|request| begun(fetch(service.clone(), request)));
    upstream.calls()
}

/// Returns a layer that shares POSTs by these.
fn sharing(by_digest: bool, by_key: bool) -> CoalesceLayerBuilder {
    let mut layer = CoalesceLayer::builder();
    if by_digest {
        layer = layer.share_posts_by_digest();
    }
    if by_key {
        layer = layer.share_posts_by_idempotency_key();
    }
    layer
}

const BOTH: [bool; 2] = [false, true];

#[tokio::test(start_paused = true)]
async fn equal_posts_share_a_call_only_by_a_mark_that_they_have_and_that_is_set() {
    for by_digest in BOTH {
        for by_key in BOTH {
            for digest in BOTH.map(|has| has.then_some(1)) {
                for key in BOTH.map(|has| has.then_some("a")) {
                    let pair = [(); 2].map(|()| marked(digest, key));
                    let shared = by_digest && digest.is_some() || by_key && key.is_some();
                    assert_eq!(
                        calls(sharing(by_digest, by_key), pair),
                        if shared { 1 } else { 2 },
                        "set: {by_digest} {by_key}, sent: {digest:?} {key:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn posts_with_other_marks_make_calls_of_their_own() {
    let bodies = [1, 1, 2].map(|digest| marked(Some(digest), None));
    assert_eq!(calls(sharing(true, false), bodies), 2);
    let keys = ["a", "a", "b"].map(|key| marked(None, Some(key)));
    assert_eq!(calls(sharing(false, true), keys), 2);
    // Both marks count where a request has both.
    let mixed = [(1, "a"), (1, "b"), (2, "a"), (2, "a")];
    let mixed = mixed.map(|(digest, key)| marked(Some(digest), Some(key)));
    assert_eq!(calls(sharing(true, true), mixed), 3);
}

#[tokio::test(start_paused = true)]
async fn other_methods_that_change_something_are_never_shared() {
    for method in ["PUT", "PATCH", "DELETE", "LOCK"] {
        let pair = [(); 2].map(|()| {
            let mut request = marked(Some(1), Some("a"));
            *request.method_mut() = method.parse().expect("a method");
            request
        });
        assert_eq!(calls(sharing(true, true), pair), 2, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_get_with_a_body_is_shared_by_its_digest() {
    let get = |digest| {
        let mut request = marked(digest, None);
        *request.method_mut() = http::Method::GET;
        request
    };
    let layer = CoalesceLayer::builder;
    assert_eq!(calls(layer(), [None, None].map(get)), 2);
    assert_eq!(calls(layer(), [Some(1), Some(1), Some(2)].map(get)), 2);
}
