//! One stack in its place, its upstream, and a client of it.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::Request, middleware::map_request};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use scrimp::{
    Body, ServiceBuilderExt, Stack,
    core::{BoxError, box_error, extensions::Tenant},
    reqwest::Transport,
};
use scrimp_tests::Server;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    ask::TENANT,
    clock::JumpingClock,
    dice::Dice,
    gathering::Gathering,
    layers::Layers,
    origin::Origin,
    plan::{Place, Plan, Protocol},
    sabotage::{Sabotage, Saboteur},
    tally::Tally,
    truth::Truth,
};

/// One stack in its place, its upstream, and a client of it.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) layers: Layers,
    pub(crate) client: Stack<BoxError>,
    /// Scheme and authority of requests.
    pub(crate) base: String,
    pub(crate) origin: Arc<Origin>,
    pub(crate) clock: JumpingClock,
    pub(crate) patience: Duration,
    _server: Server,
}

// === impl Site ===

impl Site {
    pub(crate) async fn start(
        plan: &Plan,
        (place, protocol): (Place, Protocol),
        tally: &Arc<Tally>,
    ) -> Self {
        let name = format!("{place:?} {protocol:?}");
        let seed = name.bytes().fold(plan.seed, |seed, byte| {
            seed ^ u64::from(byte) << (seed % 48)
        });
        let dice = Arc::new(Dice::new(seed, plan.chaos, tally));
        let origin = Arc::new(Origin {
            truth: Arc::new(Truth::new()),
            dice: Arc::clone(&dice),
            gathering: Gathering::new(),
        });
        let clock = JumpingClock::default();
        let make = |endpoint: &str| {
            let layers = Layers::new(endpoint, protocol, &dice, &clock.clock());
            layers.expect("settings in their ranges")
        };
        let (layers, server, client, base) = match place {
            Place::Server => {
                let layers = make("http://unused.test");
                let server = Server::start(on_server(&layers, &origin)).await;
                let base = server.url("");
                (layers, server, hyper(protocol), base)
            }
            Place::Client => {
                let server = Server::start(origin.app()).await;
                let layers = make(&server.url(""));
                let client = on_client(&layers, protocol, plan.sabotage);
                (layers, server, client, "http://api.test".to_owned())
            }
        };
        let client = match plan.sabotage {
            Some(sabotage) => Stack::new(Saboteur::new(client, sabotage)),
            None => client,
        };
        Self {
            name,
            place,
            layers,
            client,
            base,
            origin,
            clock,
            patience: plan.patience,
            _server: server,
        }
    }

    /// Stops the server and the client. What remains are handles on the layers.
    pub(crate) fn close(self) -> (String, Place, Layers) {
        (self.name, self.place, self.layers)
    }
}

/// Puts the stack of a server around the upstream.
fn on_server(layers: &Layers, origin: &Arc<Origin>) -> Router {
    let stack = ServiceBuilder::new()
        .stampede(layers.stampede.clone())
        .cache(layers.cache.clone())
        .coalesce(layers.coalesce.clone());
    let app = Router::new().fallback_service(origin.app()).layer(stack);
    app.layer(map_request(tenant_of))
        .layer(CatchPanicLayer::new())
}

/// Tells the layers the tenant, as a layer that authenticates does.
async fn tenant_of(mut request: Request) -> Request {
    let tenant = request.headers().get(TENANT);
    let tenant = tenant
        .and_then(|tenant| tenant.to_str().ok())
        .map(Tenant::from);
    if let Some(tenant) = tenant {
        request.extensions_mut().insert(tenant);
    }
    request
}

/// Puts the stack of a client around a client.
fn on_client(layers: &Layers, protocol: Protocol, sabotage: Option<Sabotage>) -> Stack<BoxError> {
    let wire = match protocol {
        Protocol::Http1 => reqwest(),
        Protocol::H2 => hyper(protocol),
    };
    let inner = ServiceBuilder::new().cost_route(layers.cost_route.clone());
    let inner: Stack<BoxError> = Stack::new(inner.service(wire));
    let inner = match sabotage {
        Some(Sabotage::NoBatches) => inner,
        _ => Stack::new(
            ServiceBuilder::new()
                .batch(layers.batch.clone())
                .service(inner),
        ),
    };
    ServiceBuilder::new()
        .stack()
        .stampede(layers.stampede.clone())
        .cache(layers.cache.clone())
        .coalesce(layers.coalesce.clone())
        .service(inner)
}

fn hyper(protocol: Protocol) -> Stack<BoxError> {
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(5))
        .http2_only(protocol == Protocol::H2)
        .http2_adaptive_window(true)
        .build_http::<Body>();
    Stack::new(client.map_err(box_error))
}

fn reqwest() -> Stack<BoxError> {
    let client = Transport::new(reqwest::Client::builder()).expect("a client without identity");
    let errors = ServiceBuilder::new().map_err(box_error);
    Stack::new(errors.service(client))
}
