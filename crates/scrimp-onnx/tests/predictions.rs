//! Predictions of models, and what becomes of them.

mod rig;

use std::{fs, time::Duration};

use http::Request;
use http_body_util::{BodyExt, Full};
use rig::{after, linear, visit, vocabulary};
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_onnx::OnnxPredictor;
use scrimp_prefetch::{PrefetchLayer, SessionKey};
use scrimp_testkit::{Reply, Scripted, ScriptedBody};
use tower::{Layer, ServiceExt};

const SHOP: [&str; 4] = ["/", "/products/{id}", "/products/{id}/reviews", "/cart"];

#[test]
fn a_template_gets_the_values_of_the_session() {
    let mut predictor = after(&SHOP, &[(1, 2), (3, 2)]);
    let first = |all: Vec<(String, f64)>| all.into_iter().next().expect("a prediction");
    let (path, confidence) = first(visit(&mut predictor, &["/", "/products/17"], None));
    assert_eq!(path, "/products/17/reviews");
    assert!(confidence > 0.9, "{confidence}");
    let (path, _) = first(visit(&mut predictor, &["/products/18", "/cart"], None));
    assert_eq!(path, "/products/18/reviews");
    let all = visit(&mut predictor, &["/", "/cart"], None);
    assert_eq!(all, [], "no product is known, and the rest was seen");
}

#[test]
fn pages_that_were_seen_leave_their_probability_to_the_others() {
    let mut predictor = after(&["/a", "/b", "/c"], &[(0, 1)]);
    let all = visit(&mut predictor, &["/b", "/a"], None);
    assert_eq!(all.len(), 1);
    assert!(all[0].0 == "/c" && (all[0].1 - 1.0).abs() < 1e-6, "{all:?}");
}

#[test]
fn what_does_not_fit_is_refused_when_it_is_loaded() {
    let words = vocabulary(&["/a", "/b"]);
    let model = |features: usize, templates: usize| linear(&vec![vec![0.0; templates]; features]);
    let refused = |model: &[u8]| {
        let error =
            OnnxPredictor::new(model, words.clone()).expect_err("a model that does not fit");
        error.to_string()
    };
    assert!(OnnxPredictor::new(&model(15, 2), words.clone()).is_ok());
    assert_eq!(
        refused(&model(15, 3)),
        "the model has 3 outputs for 2 templates"
    );
    for model in [b"".to_vec(), b"no model".to_vec(), model(14, 2)] {
        assert!(!refused(&model).is_empty());
    }
    let folder = tempfile::tempdir().unwrap();
    let (onnx, json) = (folder.path().join("a.onnx"), folder.path().join("a.json"));
    assert!(OnnxPredictor::open(&onnx, &json).is_err());
    fs::write(&onnx, model(15, 2)).unwrap();
    fs::write(&json, r#"{"templates": ["/a", "/b"]}"#).unwrap();
    assert!(OnnxPredictor::open(&onnx, &json).is_ok());
}

#[test]
fn a_model_that_says_nonsense_predicts_nothing() {
    let words = vocabulary(&["/a", "/b", "/c"]);
    let weights = vec![vec![f32::NAN; 3]; words.features()];
    let predictor = OnnxPredictor::new(&linear(&weights), words);
    let Ok(mut predictor) = predictor else { return };
    assert_eq!(visit(&mut predictor, &["/a"], None), []);
}

#[tokio::test(start_paused = true)]
async fn the_layer_fetches_what_the_model_predicts_once_outcomes_bear_it_out() {
    let (upstream, calls) = Scripted::answering(|parts| {
        let body = ScriptedBody::new().data(parts.uri.path().to_owned());
        let response = http::Response::builder().header("cache-control", "max-age=600");
        Reply::respond(response.body(body).unwrap())
    });
    let layer = PrefetchLayer::builder(SessionKey::header("x-visit".parse().unwrap()))
        .predictor(after(&SHOP, &[(1, 2)]).quick())
        .value_of_waiting("0.01")
        .price("0.001")
        .build()
        .unwrap();
    let cache = CacheLayer::new(MemoryStore::new(16 << 20));
    let service = layer.layer(cache.layer(upstream));
    let get = async |session: usize, path: &str| {
        let request = Request::get(format!("http://shop.test{path}"));
        let request = request.header("x-visit", session).body(Full::default());
        let request: Request<Full<bytes::Bytes>> = request.unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
        // Virtual time: the worker learns, and fetches what is due.
        tokio::time::sleep(Duration::from_secs(8)).await;
    };
    get(0, "/products/0").await;
    assert_eq!(layer.stats().calls, 0, "no outcome bears it out");
    for session in 1..=200 {
        get(session, &format!("/products/{session}")).await;
        get(session, &format!("/products/{session}/reviews")).await;
    }
    let stats = layer.stats();
    assert!(
        stats.useful > 100 && stats.useful > 10 * stats.wasted,
        "{stats:?}"
    );
    assert!(
        !stats.net.is_zero() && stats.predictor_failures == 0,
        "{stats:?}"
    );
    assert!(
        calls.calls() <= 401 + usize::try_from(stats.wasted).unwrap() + 8,
        "{}",
        calls.calls()
    );
}
