//! All layers with their own types, without boxes in between.

use std::convert::Infallible;

use axum::{Router, extract::Request as AxumRequest};
use http::Request;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use scrimp::{
    Body, ServiceBuilderExt,
    core::{BoxError, box_error},
    reqwest::Transport,
};
use scrimp_testkit::{Subject, contract};
use scrimp_tests::Server;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use crate::{api::pattern, front::read, layers::Layers, world::World};

/// The recommended order.
macro_rules! recommended {
    ($layers:expr) => {{
        let layers: Layers = $layers;
        ServiceBuilder::new()
            .stampede(layers.stampede)
            .cache(layers.cache)
            .coalesce(layers.coalesce)
            .batch(layers.batch)
            .cost_route(layers.cost_route)
    }};
}

fn subject(make: Subject) -> Subject {
    make.stores().coalesces().except(
        "no_poll_without_a_wake",
        "the head waits for the first byte, up to which another provider may be tried",
    )
}

mod recommended {
    use super::*;

    contract!(subject(Subject::new(
        || recommended!(Layers::new(None)).into_inner()
    )));
}

mod coalescing_between_stampede_protection_and_cache {
    use super::*;

    contract!(subject(Subject::new(|| {
        let layers = Layers::new(None);
        ServiceBuilder::new()
            .stampede(layers.stampede)
            .coalesce(layers.coalesce)
            .cache(layers.cache)
            .batch(layers.batch)
            .cost_route(layers.cost_route)
            .into_inner()
    })));
}

mod coalescing_outermost {
    use super::*;

    contract!(subject(Subject::new(|| {
        let layers = Layers::new(None);
        ServiceBuilder::new()
            .coalesce(layers.coalesce)
            .stampede(layers.stampede)
            .cache(layers.cache)
            .batch(layers.batch)
            .cost_route(layers.cost_route)
            .into_inner()
    })));
}

/// Requests a page and items of a batch twice, and writes.
async fn works<S, B>(service: S, base: &str)
where
    S: Service<Request<Body>, Response = http::Response<B>> + Clone,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let ask = async |request: http::request::Builder, body: Body| {
        let response = service
            .clone()
            .oneshot(request.body(body).expect("a request"));
        let response = response.await.map_err(Into::into).expect("an answer");
        read(response.map(Body::new)).await.expect("a body")
    };
    for _ in 0..2 {
        let page = ask(Request::get(format!("{base}/stream/200000")), Body::empty()).await;
        assert!(page.body == pattern(200_000));
    }
    let item = |n| ask(Request::get(format!("{base}/api/items/{n}")), Body::empty());
    let (one, two) = tokio::join!(item(1), item(2));
    assert_eq!(
        (&*one.body, &*two.body),
        (&b"{\"item\":1}"[..], &b"{\"item\":2}"[..])
    );
    let echo = ask(Request::post(format!("{base}/echo")), "a body".into()).await;
    assert_eq!(echo.body, "a body");
}

fn did_their_work(layers: &Layers, world: &World) {
    assert!(layers.cache.stats().hits > 0);
    assert_eq!(layers.batch.stats().batches, 1);
    assert_eq!(world.batched(), (1, 2));
    assert!(world.providers().iter().all(|provider| provider == "cheap"));
    assert_eq!(world.calls(), 3, "a page, a batch and a write");
}

#[tokio::test]
async fn on_axum_the_whole_stack_fits_a_router() {
    let (world, layers) = (World::default(), Layers::new(None).batching(2));
    // `Router::layer` wraps each route. If a batch must be routed, the layers wrap all routes
    // together.
    let app: Router = Router::new()
        .fallback_service(world.app())
        .layer(recommended!(layers.clone()));
    let server = Server::start(app).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    works(client, &server.url("")).await;
    did_their_work(&layers, &world);
}

#[tokio::test]
async fn on_hyper_utils_client_the_whole_stack_is_a_client() {
    let world = World::default();
    let server = Server::start(world.app()).await;
    let layers = Layers::new(Some(&server.url("").parse().expect("a URI"))).batching(2);
    // The body of a request to a provider has the router's type.
    let client: Client<HttpConnector, _> = Client::builder(TokioExecutor::new()).build_http();
    let client = recommended!(layers.clone())
        .map_err(box_error)
        .service(client);
    works(client, &server.url("")).await;
    did_their_work(&layers, &world);
}

#[tokio::test]
async fn on_reqwests_client_the_whole_stack_is_a_client() {
    let world = World::default();
    let server = Server::start(world.app()).await;
    let layers = Layers::new(Some(&server.url("").parse().expect("a URI"))).batching(2);
    let client = recommended!(layers.clone())
        .map_err(box_error)
        .service(Transport::new(reqwest::Client::builder()).expect("a transport"));
    works(client, &server.url("")).await;
    did_their_work(&layers, &world);
}

#[test]
fn an_infallible_service_stays_infallible_in_every_layer_and_in_all_of_them() {
    fn is_infallible<S>(_: &S)
    where
        S: Service<AxumRequest, Error = Infallible> + Clone + Send + Sync + 'static,
    {
    }
    let (layers, app) = (Layers::new(None), World::default().app());
    is_infallible(&layers.stampede.layer(app.clone()));
    is_infallible(&layers.cache.layer(app.clone()));
    is_infallible(&layers.coalesce.layer(app.clone()));
    is_infallible(&layers.batch.layer(app.clone()));
    is_infallible(&layers.cost_route.layer(app.clone()));
    is_infallible(&recommended!(layers.clone()).service(app.clone()));
    is_infallible(&recommended!(layers).stack().service(app));
}
