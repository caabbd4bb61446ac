//! HTTP/1.1 and HTTP/2 in front of one server.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use axum::{Router, body::Body, http::HeaderMap, routing::get};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use scrimp::{coalesce::CoalesceLayer, stampede::StampedeLayer};
use scrimp_testkit::Gate;
use scrimp_tests::{Server, layer};
use tokio::sync::Semaphore;
use tower::util::MapRequestLayer;

/// A server that counts its calls. Each says which hosts it was asked for, once the gate is open.
struct Site {
    server: Server,
    calls: Arc<AtomicUsize>,
    gate: Gate,
    /// A permit for each request that has arrived at the layers.
    arrived: Arc<Semaphore>,
    clients: [Client<HttpConnector, Full<Bytes>>; 2],
}

impl Site {
    /// Serves what `layers` makes of a router.
    async fn start(layers: impl FnOnce(Router) -> Router) -> Self {
        let (calls, gate) = (Arc::<AtomicUsize>::default(), Gate::new());
        let handler = {
            let (calls, gate) = (Arc::clone(&calls), gate.clone());
            move |uri: http::Uri, headers: HeaderMap| async move {
                calls.fetch_add(1, SeqCst);
                gate.opened().await;
                let host = headers.get("host").map(|host| host.to_str().unwrap());
                let hosts = format!("{:?} {host:?}", uri.authority().is_some());
                ([("cache-control", "max-age=60")], hosts)
            }
        };
        let arrived = Arc::new(Semaphore::new(0));
        let counted = Arc::clone(&arrived);
        let app = layers(Router::new().route("/p", get(handler)));
        let app = app.layer(MapRequestLayer::new(move |request: Request<Body>| {
            counted.add_permits(1);
            request
        }));
        let clients = [false, true].map(|http2| {
            let mut builder = Client::builder(TokioExecutor::new());
            builder.http2_only(http2).build_http()
        });
        Self {
            server: Server::start(app).await,
            calls,
            gate,
            arrived,
            clients,
        }
    }

    /// Sends a request over HTTP/1.1 or HTTP/2, and returns the body of the response.
    fn ask(&self, http2: bool, host: Option<&str>) -> tokio::task::JoinHandle<Bytes> {
        let mut request = Request::get(self.server.url("/p"));
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let request = request.body(Full::default()).expect("a request");
        let response = self.clients[usize::from(http2)].request(request);
        tokio::spawn(async move {
            let response = response.await.expect("a response");
            assert_eq!(response.version() == http::Version::HTTP_2, http2);
            let body = response.into_body().collect().await.expect("a body");
            body.to_bytes()
        })
    }

    fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }
}

type Layers = fn(Router) -> Router;

/// Layers that let requests share a call.
const SHARING: [Layers; 3] = [
    |app| app.layer(CoalesceLayer::new()),
    |app| {
        let stampede = StampedeLayer::new();
        app.layer(layer(&[])).layer(stampede)
    },
    |app| {
        app.layer(CoalesceLayer::new())
            .layer(layer(&[]))
            .layer(StampedeLayer::new())
    },
];

#[tokio::test]
async fn both_versions_share_a_call_in_either_order() {
    for (which, layers) in SHARING.into_iter().enumerate() {
        for first in [false, true] {
            let site = Site::start(layers).await;
            let one = site.ask(first, None);
            site.gate.reached(1).await;
            let other = site.ask(!first, None);
            let both = site.arrived.acquire_many(2).await;
            drop(both.expect("not closed"));
            site.gate.open();
            assert_eq!(other.await.unwrap(), one.await.unwrap(), "{which}");
            assert_eq!(site.calls(), 1, "{which}: HTTP/2 first: {first}");
        }
    }
}

#[tokio::test]
async fn both_versions_share_a_stored_response() {
    for first in [false, true] {
        let site = Site::start(|app| app.layer(layer(&[]))).await;
        site.gate.open();
        for http2 in [first, !first] {
            site.ask(http2, None).await.unwrap();
        }
        assert_eq!(site.calls(), 1, "HTTP/2 first: {first}");
    }
}

#[tokio::test]
async fn a_host_that_disagrees_with_the_authority_shares_with_no_honest_request() {
    for (which, layers) in SHARING.into_iter().enumerate() {
        let site = Site::start(layers).await;
        let authority = site.server.address.to_string();
        // HTTP/2 has an authority besides the Host that lies; HTTP/1.1 has that Host alone.
        let requests = [
            site.ask(true, Some("evil.test")),
            site.ask(false, Some("evil.test")),
            site.ask(false, Some(&authority)),
        ];
        site.gate.reached(3).await;
        site.gate.open();
        for request in requests {
            request.await.unwrap();
        }
        assert_eq!(site.calls(), 3, "{which}");
    }
}
