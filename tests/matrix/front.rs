//! Place of a stack: on a server, or on a client.

use std::{convert::Infallible, fmt};

use axum::Router;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use scrimp::{
    Body, Stack,
    core::{BoxError, Ledger, box_error},
    reqwest::Transport,
};
use scrimp_tests::Server;
use tower::{Layer, ServiceBuilder, ServiceExt};

use crate::{
    between::{Between, Nothing},
    layers::{Layers, Ordered},
    order::Order,
    world::World,
};

/// Carrier of the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// None: the API is the inner service, its error is `Infallible`.
    InProcess,
    /// A server with the stack on its router, called by a client without one.
    Axum,
    /// hyper-util's client with the stack.
    Hyper,
    /// reqwest's client with the stack.
    Reqwest,
}

/// A stack over an API, and a way to call it.
pub(crate) struct Front {
    pub(crate) world: World,
    pub(crate) layers: Layers,
    pub(crate) client: Stack<BoxError>,
    base: String,
    pub(crate) place: Place,
    order: Order,
    _server: Option<Server>,
}

/// A response that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) head: http::response::Parts,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<http::HeaderMap>,
}

/// Returns hyper-util's client, as a service for any body.
pub(crate) fn hyper() -> Stack<BoxError> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    Stack::new(ServiceBuilder::new().map_err(box_error).service(client))
}

fn reqwest() -> Stack<BoxError> {
    let client = Transport::new(reqwest::Client::builder()).expect("a transport");
    Stack::new(ServiceBuilder::new().map_err(box_error).service(client))
}

/// Converts the error type, so that callers need not know the possible errors.
fn fallible(client: Stack<Infallible>) -> Stack<BoxError> {
    let never: fn(Infallible) -> BoxError = |never| match never {};
    Stack::new(ServiceBuilder::new().map_err(never).service(client))
}

// === impl Front ===

impl Front {
    /// Makes a stack of layers in this order and place.
    pub(crate) async fn new(place: Place, order: &Order) -> Self {
        Self::over(place, order, &Nothing).await
    }

    /// Makes a stack in process, in which every layer has the same ledger.
    pub(crate) fn booked(order: &Order, ledger: &Ledger) -> Self {
        let world = World::default();
        let ordered = Layers::new(None).booked(ledger).ordered(order);
        let client = ordered.layer(Stack::new(world.app()));
        Self::with(Place::InProcess, world, ordered, fallible(client), None)
    }

    /// Makes a stack with a service between the layers and the inner service.
    pub(crate) async fn over(place: Place, order: &Order, between: &impl Between) -> Self {
        Self::tuned(place, order, between, |layers| layers).await
    }

    /// Makes a stack whose batches wait for this many items.
    pub(crate) async fn batching(place: Place, order: &Order, items: usize) -> Self {
        Self::tuned(place, order, &Nothing, |layers| layers.batching(items)).await
    }

    async fn tuned(
        place: Place,
        order: &Order,
        between: &impl Between,
        tune: impl FnOnce(Layers) -> Layers,
    ) -> Self {
        let world = World::default();
        match place {
            Place::InProcess => {
                let ordered = tune(Layers::new(None)).ordered(order);
                let client = ordered.layer(between.put(Stack::new(world.app())));
                Self::with(place, world, ordered, fallible(client), None)
            }
            Place::Axum => {
                let ordered = tune(Layers::new(None)).ordered(order);
                let inner = between.put(Stack::new(world.app()));
                let app = Router::new().fallback_service(inner).layer(ordered.clone());
                let server = Server::start(app).await;
                Self::with(place, world, ordered, hyper(), Some(server))
            }
            Place::Hyper | Place::Reqwest => {
                let server = Server::start(world.app()).await;
                let uri: Uri = server.url("").parse().expect("a URI");
                let ordered = tune(Layers::new(Some(&uri))).ordered(order);
                let client = match place {
                    Place::Hyper => hyper(),
                    _ => reqwest(),
                };
                let client = ordered.layer(between.put(client));
                Self::with(place, world, ordered, client, Some(server))
            }
        }
    }

    fn with(
        place: Place,
        world: World,
        Ordered { layers, order }: Ordered,
        client: Stack<BoxError>,
        server: Option<Server>,
    ) -> Self {
        let base = server.as_ref().map_or_else(
            || "http://api.example.com".to_owned(),
            |server| server.url(""),
        );
        Self {
            world,
            layers,
            client,
            base,
            place,
            order,
            _server: server,
        }
    }

    /// Returns a request without a body.
    pub(crate) fn request(&self, path: &str) -> Request<Body> {
        let request = Request::get(format!("{}{path}", self.base));
        // Lets servers send trailers.
        let request = request.header("te", "trailers");
        request.body(Body::empty()).expect("a request")
    }

    /// Sends a request, and reads the response.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Answer, BoxError> {
        read(self.client.clone().oneshot(request).await?).await
    }

    /// Expects a response.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let answer = self.send(self.request(path)).await;
        answer.unwrap_or_else(|error| panic!("{self:?}: {path}: {error}"))
    }

    /// Returns a request to `/echo`.
    pub(crate) fn post(&self, body: Bytes) -> Request<Body> {
        let request = Request::post(format!("{}/echo", self.base));
        request.body(body.into()).expect("a request")
    }

    /// Expects that nothing is in flight, in any layer.
    pub(crate) fn at_rest(&self, when: &str) {
        let layers = &self.layers;
        assert_eq!(self.world.in_flight(), 0, "{self:?}: calls left {when}");
        let flights = layers.coalesce.stats().in_flight;
        assert_eq!(flights, 0, "{self:?}: flights left {when}");
        let bytes = layers.cache.stats().store.fill_bytes;
        assert_eq!(bytes, 0, "{self:?}: bytes of fills left {when}");
    }
}

/// Sends a request and expects a response.
pub(crate) async fn ask<B>(client: &Stack<BoxError>, request: Request<B>) -> Answer
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let response = client.clone().oneshot(request).await;
    let answer = read(response.expect("a response")).await;
    answer.expect("a body")
}

/// Reads a response to its end.
pub(crate) async fn read(response: Response<Body>) -> Result<Answer, BoxError> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?;
    Ok(Answer {
        status: head.status,
        head,
        trailers: body.trailers().cloned(),
        body: body.to_bytes(),
    })
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} on {:?}", self.order, self.place)
    }
}
