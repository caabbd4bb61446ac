//! Settings that a builder accepts and refuses.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body_util::Full;
use scrimp_batch::{
    Admission, ArrayInput, BatchCodec, BatchLayer, BatchLayerBuilder, BatchWindow, Decoded,
    GraphQl, GroupLayer, GroupLayerBuilder, Item, JsonRpc, RestJson,
};
use scrimp_core::KeyBuf;
use tokio::sync::Semaphore;
use tower::{Layer, ServiceExt, service_fn};

fn rest() -> BatchLayerBuilder<RestJson> {
    BatchLayer::builder(RestJson::new("/batch"))
}

fn refusal<C: BatchCodec>(builder: BatchLayerBuilder<C>) -> String {
    builder.build().unwrap_err().to_string()
}

fn refusal_of_group(builder: GroupLayerBuilder<u32>) -> String {
    builder.build().unwrap_err().to_string()
}

#[test]
fn a_setting_out_of_its_range_fails_the_build_and_is_named_with_its_range() {
    let most = Semaphore::MAX_PERMITS;
    let cases = [
        (
            rest().max_items(0),
            "`max_items` must be within 1 and 100, not 0".to_owned(),
        ),
        (
            rest().max_items(101),
            "`max_items` must be within 1 and 100, not 101".to_owned(),
        ),
        (
            rest().max_bytes(0),
            "`max_bytes` must be at least 1, not 0".to_owned(),
        ),
        (
            rest().max_weight(0),
            format!("`max_weight` must be within 1 and {}, not 0", u64::MAX),
        ),
        (
            rest().max_answer(0),
            "`max_answer` must be at least 1, not 0".to_owned(),
        ),
        (
            rest().concurrency(0),
            "`concurrency` must be at least 1, not 0".to_owned(),
        ),
        (
            rest().max_waiting(0),
            format!("`max_waiting` must be within 1 and {most}, not 0"),
        ),
        (
            rest().timeout(Duration::ZERO),
            "`timeout` must be above 0ns, not 0ns".to_owned(),
        ),
        (
            rest().price("-0.01"),
            "`price` must not be negative, but is -$0.01".to_owned(),
        ),
        (
            rest().price_of_waiting("-0.01"),
            "`price_of_waiting` must not be negative, but is -$0.01".to_owned(),
        ),
    ];
    for (builder, expected) in cases {
        assert_eq!(refusal(builder), format!("BatchLayer: {expected}"));
    }
}

#[test]
fn a_codec_that_cannot_be_used_fails_the_build() {
    let path = "must be the path of a URI, such as \"/api/batch\", not \"batch\"";
    let base = "must begin with a slash and not end with one, such as \"/api\", not";
    let limit = "`limit` must be at least 1, not 0";
    let cases = [
        (
            refusal(BatchLayer::builder(RestJson::new("batch"))),
            format!("RestJson: `path` {path}"),
        ),
        (
            refusal(BatchLayer::builder(RestJson::graph("v1.0"))),
            "RestJson: `path` must be the path of a URI, such as \"/api/batch\", not \
             \"v1.0/$batch\""
                .to_owned(),
        ),
        (
            refusal(BatchLayer::builder(RestJson::odata("/service/"))),
            format!("RestJson: `base` {base} \"/service/\""),
        ),
        (
            refusal(BatchLayer::builder(RestJson::new("/batch").limit(0))),
            format!("RestJson: {limit}"),
        ),
        (
            refusal(BatchLayer::builder(JsonRpc::new().limit(0))),
            format!("JsonRpc: {limit}"),
        ),
        (
            refusal(BatchLayer::builder(GraphQl::new().limit(0))),
            format!("GraphQl: {limit}"),
        ),
        (
            refusal(BatchLayer::builder(ArrayInput::new().limit(0))),
            format!("ArrayInput: {limit}"),
        ),
    ];
    for (refusal, expected) in cases {
        assert_eq!(refusal, expected);
    }
}

#[test]
fn prices_that_make_no_window_together_fail_the_build() {
    assert_eq!(
        refusal(rest().price("0.01").price_of_waiting("0.01 EUR")),
        "BatchWindow: `waiting` must be in the currency of `saving` (USD), not 0.01 EUR"
    );
    let free = "0".parse().unwrap();
    let window = BatchWindow::economic(free, free, Duration::from_millis(1));
    let expected = "BatchWindow: `waiting` must be above zero (per second), not $0.00";
    assert_eq!(refusal(rest().window(window)), expected);
    assert_eq!(
        refusal_of_group(GroupLayer::builder().window(window)),
        expected
    );
}

#[test]
fn a_group_names_a_wrong_setting_too() {
    let most = Semaphore::MAX_PERMITS;
    let group = GroupLayer::builder;
    let cases = [
        (
            group().max_items(0),
            "`max_items` must be at least 1, not 0".to_owned(),
        ),
        (
            group().max_weight(0, |_| 1),
            "`max_weight` must be at least 1, not 0".to_owned(),
        ),
        (
            group().concurrency(0),
            "`concurrency` must be at least 1, not 0".to_owned(),
        ),
        (
            group().max_waiting(most + 1),
            format!(
                "`max_waiting` must be within 1 and {most}, not {}",
                most + 1
            ),
        ),
        (
            group().timeout(Duration::ZERO),
            "`timeout` must be above 0ns, not 0ns".to_owned(),
        ),
    ];
    for (builder, expected) in cases {
        assert_eq!(refusal_of_group(builder), format!("GroupLayer: {expected}"));
    }
}

#[test]
fn the_first_wrong_setting_is_the_one_that_is_named() {
    let refusal = refusal(rest().timeout(Duration::ZERO).max_bytes(0));
    assert!(refusal.contains("`timeout`"), "{refusal}");
}

/// A codec whose limits drop to zero after a layer was built.
#[derive(Default)]
struct Fickle(Arc<AtomicBool>);

impl BatchCodec for Fickle {
    fn accepts(&self, _: &Parts) -> bool {
        true
    }

    fn admit(&self, _: &Parts, _: &Bytes, _: &mut KeyBuf) -> Option<Admission> {
        Some(Admission::safe())
    }

    fn encode(&self, _: &[&Item]) -> Option<Request<Bytes>> {
        None
    }

    fn decode(&self, items: &[&Item], _: &Response<Bytes>) -> Decoded {
        Decoded::unattributed(items.len())
    }

    fn max_items(&self) -> usize {
        if self.0.load(Relaxed) { 0 } else { 100 }
    }
}

#[tokio::test(start_paused = true)]
async fn limits_of_a_codec_are_read_once_when_a_layer_is_built() {
    let codec = Fickle::default();
    let dropped = Arc::clone(&codec.0);
    let layer = BatchLayer::builder(codec).build().unwrap();
    dropped.store(true, Relaxed);
    let upstream = service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let request = Request::get("https://a.example/x").body(Full::default());
    let answer = layer.layer(upstream).oneshot(request.unwrap()).await;
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn stats_count_every_service_and_every_clone_of_the_layer() {
    let layer = rest().build().unwrap();
    let upstream = service_fn(|request: Request<Full<Bytes>>| async {
        drop(request);
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    for layer in [layer.clone(), layer.clone()] {
        let request = Request::get("https://a.example/x").body(Full::default());
        let service = layer.layer(upstream);
        drop(service.oneshot(request.unwrap()).await.unwrap());
    }
    assert_eq!(layer.stats().alone, 2);
}
