//! Extensions that a handler puts into its response, for layers further out.

use axum::{Extension, Router, body::Body, routing::get};
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::BodyExt;
use scrimp::{
    cache::{CacheLayer, MemoryStore},
    coalesce::{CoalesceLayer, ReuseWindow},
    stampede::StampedeLayer,
};
use scrimp_testkit::Gate;
use tower::ServiceExt;

/// The handler that has made a response.
#[derive(Debug, Clone, PartialEq)]
struct Handler(&'static str);

fn app(gate: &Gate) -> Router {
    let gate = gate.clone();
    let books = move || async move {
        gate.opened().await;
        let fresh = [("cache-control", "max-age=60")];
        (Extension(Handler("books")), fresh, "all books")
    };
    Router::new().route("/", get(books))
}

async fn ask(app: Router) -> Response<()> {
    let request = Request::get("/").header("host", "shop.example");
    let request = request.body(Body::empty()).expect("a request");
    let (head, body) = app.oneshot(request).await.expect("an answer").into_parts();
    body.collect().await.expect("a body");
    Response::from_parts(head, ())
}

/// Sends requests at once, and one more. Returns how many responses carry the extension.
async fn carried(gate: &Gate, app: &Router) -> usize {
    let open = async {
        gate.reached(1).await;
        gate.open();
    };
    let (mut answers, ()) = tokio::join!(join_all((0..5).map(|_| ask(app.clone()))), open);
    answers.push(ask(app.clone()).await);
    let handler = |answer: &Response<()>| answer.extensions().get() == Some(&Handler("books"));
    answers.iter().filter(|answer| handler(answer)).count()
}

#[tokio::test]
async fn all_callers_of_a_shared_response_have_them() {
    let gate = Gate::new();
    let coalesce = CoalesceLayer::builder().window(ReuseWindow::new());
    let coalesce = coalesce.build().expect("valid settings");
    let app = app(&gate).layer(coalesce.clone());
    assert_eq!(carried(&gate, &app).await, 6);
    let stats = coalesce.stats();
    assert_eq!((stats.calls, stats.joined, stats.reused), (1, 4, 1));
}

#[tokio::test]
async fn hits_have_those_that_the_cache_stores_under_any_layers() {
    let gate = Gate::new();
    let cache = CacheLayer::for_origin(MemoryStore::new(1 << 20)).keep_extension::<Handler>();
    let cache = cache.build().expect("valid settings");
    let stampede = StampedeLayer::builder().build().expect("valid settings");
    let app = app(&gate).layer(CoalesceLayer::new());
    let app = app.layer(cache.clone()).layer(stampede);
    assert_eq!(carried(&gate, &app).await, 6);
    assert_eq!((cache.stats().misses, cache.stats().hits), (1, 5));
}
