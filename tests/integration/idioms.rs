//! Idioms of the README and the guide where programs have them: inside spawned tasks, and inside
//! handlers of axum.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use http::Request;
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use scrimp::{
    Body, ServiceBuilderExt, Stack,
    batch::{BatchLayer, RestJson},
    cache::{CacheLayer, MemoryStore},
    coalesce::CoalesceLayer,
    core::{BoxError, Currency, SettingError, box_error},
    cost_route::{CostRouteLayer, Provider, Tariff},
    limit::LimitLayer,
    reqwest::{SessionLayer, Transport},
    stampede::StampedeLayer,
};
use scrimp_tests::Server;
use tower::{Layer, ServiceBuilder, ServiceExt};

/// The layers of the guide.
#[derive(Clone)]
struct Layers {
    cache: CacheLayer,
    batch: BatchLayer<RestJson>,
    cost_route: CostRouteLayer,
    limit: LimitLayer,
}

impl Layers {
    fn new(server: &Server) -> Result<Self, SettingError> {
        let provider = Provider::new("budget")
            .endpoint(server.url(""))
            .price(Tariff::new(Currency::USD).per_request("0.001"));
        Ok(Self {
            cache: CacheLayer::new(MemoryStore::new(1 << 20)),
            batch: BatchLayer::builder(RestJson::new("/api/batch")).build()?,
            cost_route: CostRouteLayer::builder([provider]).build()?,
            limit: LimitLayer::per_second(100).build()?,
        })
    }
}

/// Builds a client with all layers around an inner client, with its own types.
macro_rules! all {
    ($layers:expr) => {{
        let layers: Layers = $layers;
        ServiceBuilder::new()
            .stampede(StampedeLayer::new())
            .cache(layers.cache)
            .coalesce(CoalesceLayer::new())
            .batch(layers.batch)
            .cost_route(layers.cost_route)
            .limit(layers.limit)
            .map_err(box_error)
    }};
}

/// Reads the response to a GET.
macro_rules! text {
    ($client:expr, $url:expr) => {{
        let request = Request::get($url).body(Body::empty()).expect("a request");
        let response = $client.clone().oneshot(request).await?;
        let body = response.into_body().collect().await.map_err(box_error)?;
        Ok::<_, BoxError>(String::from_utf8_lossy(&body.to_bytes()).into_owned())
    }};
}

/// Serves a rate that can be stored, and counts the calls.
async fn rates() -> (Server, Arc<AtomicUsize>) {
    let calls = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&calls);
    let rate = move |Path(name): Path<String>| {
        count.fetch_add(1, Relaxed);
        async move { ([("cache-control", "max-age=60")], name) }
    };
    let app = Router::new().route("/rates/{name}", get(rate));
    (Server::start(app).await, calls)
}

/// Asks an application's page twice, through a socket.
async fn page_twice(app: Router) -> Result<(), BoxError> {
    let front = Server::start(app).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    for _ in 0..2 {
        assert_eq!(text!(client, front.url("/"))?, "the rate is eur");
    }
    Ok(())
}

/// An error of a handler.
fn bad_gateway(error: &BoxError) -> (StatusCode, String) {
    (StatusCode::BAD_GATEWAY, error.to_string())
}

#[tokio::test]
async fn a_client_with_all_layers_is_made_and_used_in_a_spawned_task() -> Result<(), BoxError> {
    let (server, calls) = rates().await;
    let (layers, url) = (Layers::new(&server)?, server.url("/rates/eur"));
    let task = tokio::spawn(async move {
        let hyper = Client::builder(TokioExecutor::new()).build_http::<_>();
        let client = all!(layers).service(hyper);
        for _ in 0..2 {
            assert_eq!(text!(client, &url)?, "eur");
        }
        Ok::<_, BoxError>(())
    });
    task.await??;
    assert_eq!(calls.load(Relaxed), 1);
    Ok(())
}

#[tokio::test]
async fn a_client_with_all_layers_is_used_in_a_handler() -> Result<(), BoxError> {
    let (server, calls) = rates().await;
    let client = all!(Layers::new(&server)?)
        .service(Client::builder(TokioExecutor::new()).build_http::<_>());
    let url = server.url("/rates/eur");
    let page = async move || {
        let rate: Result<_, BoxError> = async { text!(client, &url) }.await;
        rate.map(|rate| format!("the rate is {rate}"))
            .map_err(|error| bad_gateway(&error))
    };
    page_twice(Router::new().route("/", get(page))).await?;
    assert_eq!(calls.load(Relaxed), 1);
    Ok(())
}

#[tokio::test]
async fn a_stack_is_the_state_of_a_router() -> Result<(), BoxError> {
    async fn rate(client: &Stack, url: &str) -> Result<String, BoxError> {
        text!(client, url)
    }
    async fn page(
        State((client, url)): State<(Stack, String)>,
    ) -> Result<String, (StatusCode, String)> {
        let rate = tokio::spawn(async move { rate(&client, &url).await });
        let rate = rate.await.map_err(box_error).and_then(|rate| rate);
        rate.map(|rate| format!("the rate is {rate}"))
            .map_err(|error| bad_gateway(&error))
    }
    let (server, calls) = rates().await;
    let layers = Layers::new(&server)?;
    let client: Stack = ServiceBuilder::new()
        .stack()
        .layer(all!(layers).into_inner())
        .service(Client::builder(TokioExecutor::new()).build_http::<_>());
    let state = (client, server.url("/rates/eur"));
    page_twice(Router::new().route("/", get(page)).with_state(state)).await?;
    assert_eq!(calls.load(Relaxed), 1);
    Ok(())
}

#[tokio::test]
async fn layers_on_reqwests_client_are_used_in_tasks_and_handlers() -> Result<(), BoxError> {
    let (server, calls) = rates().await;
    let stack = ServiceBuilder::new()
        .layer(SessionLayer::builder().bearer("a token").build()?)
        .cache(CacheLayer::new(MemoryStore::new(1 << 20)))
        .coalesce(CoalesceLayer::new())
        .map_err(box_error)
        .service(Transport::new(reqwest::Client::builder())?);
    let url = server.url("/rates/eur");
    let (typed, address) = (stack.clone(), url.clone());
    let task = tokio::spawn(async move { text!(typed, &address) });
    assert_eq!(task.await??, "eur");

    let client = scrimp::reqwest::client_with(stack);
    let page = async move || {
        let rate = async { Ok::<_, BoxError>(client.get(&url).send().await?.text().await?) }.await;
        rate.map(|rate| format!("the rate is {rate}"))
            .map_err(|error| bad_gateway(&error))
    };
    page_twice(Router::new().route("/", get(page))).await?;
    // A response to a request with Authorization may not be stored: each is a call.
    assert_eq!(calls.load(Relaxed), 3);
    Ok(())
}

#[tokio::test]
async fn one_layer_around_one_client_is_used_in_a_spawned_task() -> Result<(), BoxError> {
    let (server, calls) = rates().await;
    let hyper = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let client = CoalesceLayer::new().layer(hyper.map_err(box_error));
    let url = server.url("/rates/eur");
    let task = tokio::spawn(async move { text!(client, &url) });
    assert_eq!(task.await??, "eur");
    assert_eq!(calls.load(Relaxed), 1);
    Ok(())
}
