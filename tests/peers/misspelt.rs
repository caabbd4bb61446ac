//! Misspelt Cache-Control, as nginx, Varnish and scrimp read it under an operator's lifetime.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::Path, routing::get};
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use parking_lot::Mutex;
use scrimp::{
    cache::{CacheLayer, MemoryStore},
    core::Clock,
};
use scrimp_tests::{Answer, Daemon, Server, request};

/// Writes every forbidding word in every way that is seen in the field: with a wrong separator, in
/// quotes, with an argument, at the wrong place, in any case.
fn misspelt() -> Vec<String> {
    let words = ["no-store", "no-cache", "private", "Private", "NO-STORE"];
    let ways: [fn(&str) -> String; 10] = [
        |word| format!("{word}; max-age=60"),
        |word| format!("max-age=60; {word}"),
        |word| format!("{word} max-age=60"),
        |word| format!("max-age=60 {word}"),
        |word| format!("{word};"),
        |word| format!(";{word}"),
        |word| format!("\"{word}\""),
        |word| format!("'{word}', max-age=60"),
        |word| format!("{word}: max-age=60"),
        |word| format!("public; {word}; must-revalidate"),
    ];
    let spelled = words.iter().flat_map(|word| ways.map(|way| way(word)));
    spelled.collect()
}

/// An origin whose page `/n` has the n-th value, and counts its calls.
struct Origin {
    server: Server,
    calls: Arc<Mutex<Vec<usize>>>,
}

impl Origin {
    async fn start(values: Vec<String>) -> Self {
        let calls = Arc::new(Mutex::new(vec![0; values.len()]));
        let count = Arc::clone(&calls);
        let today = Clock::system().wall();
        let now = httpdate::fmt_http_date(today);
        let then = httpdate::fmt_http_date(today - Duration::from_secs(10 * 86_400));
        let page = move |Path(n): Path<usize>| {
            count.lock()[n] += 1;
            let fields = [
                ("cache-control", values[n].clone()),
                ("date", now.clone()),
                ("last-modified", then.clone()),
            ];
            async move { (fields, "page") }
        };
        let server = Server::start(Router::new().route("/{n}", get(page))).await;
        Self { server, calls }
    }
}

/// Asks twice for each page, and returns how many calls each needed.
async fn calls(values: &[String], peer: impl AsyncFnOnce(&Origin) -> Peer) -> Vec<usize> {
    let origin = Origin::start(values.to_vec()).await;
    let peer = peer(&origin).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    for n in 0..values.len() {
        for _ in 0..2 {
            let sent = request("GET", &peer.url(&format!("/{n}")), &[]);
            let answer = client.request(sent).await.expect("an answer");
            Answer::read(answer).await.expect("a body");
        }
    }
    origin.calls.lock().clone()
}

enum Peer {
    Daemon(Daemon),
    Server(Server),
}

impl Peer {
    fn url(&self, path: &str) -> String {
        match self {
            Self::Daemon(daemon) => daemon.url(path),
            Self::Server(server) => server.url(path),
        }
    }
}

async fn scrimp(origin: &Origin) -> Peer {
    let address = origin.server.address;
    let client = Client::builder(TokioExecutor::new()).build_http::<axum::body::Body>();
    let forward = move |mut request: axum::extract::Request| {
        let client = client.clone();
        async move {
            let target = format!("http://{address}{}", request.uri().path());
            *request.uri_mut() = target.parse().expect("a URI");
            client.request(request).await.expect("an answer")
        }
    };
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20));
    let cache = cache.rule("path=/** ttl=1h").build().expect("a rule");
    Peer::Server(Server::start(Router::new().fallback(forward).layer(cache)).await)
}

#[tokio::test]
async fn what_forbids_forbids_in_every_cache_though_it_is_misspelt() {
    let mut values = misspelt();
    let twice = values.len();
    // What forbids nothing is kept under the operator's lifetime.
    values.extend(["", "max-age=60", "public"].map(str::to_owned));
    let expected: Vec<_> = (0..values.len())
        .map(|n| if n < twice { 2 } else { 1 })
        .collect();
    let ours = calls(&values, scrimp).await;
    let nginx = calls(&values, async |origin| {
        let valid = "proxy_cache_valid 200 1h;";
        Peer::Daemon(Daemon::nginx(origin.server.address, valid))
    })
    .await;
    let varnish = calls(&values, async |origin| {
        Peer::Daemon(Daemon::varnish(origin.server.address, ""))
    })
    .await;
    for (n, value) in values.iter().enumerate() {
        let seen = (ours[n], nginx[n], varnish[n]);
        let wanted = (expected[n], expected[n], expected[n]);
        assert_eq!(seen, wanted, "calls of scrimp, nginx and Varnish: {value}");
    }
}
