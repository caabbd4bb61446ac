//! An upstream, a gateway in front of it, and a client, over real sockets.

#![allow(dead_code)]

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use axum::{Router, body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Collected, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use scrimp_serve::{Handle, Server};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// The token of the operators in all tests.
pub(crate) const TOKEN: &str = "a token for tests";

/// A server that counts its calls, and answers with the path, the name it was given and the tenant's key.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    calls: Arc<AtomicUsize>,
    _task: JoinHandle<()>,
}

impl Upstream {
    pub(crate) async fn start(name: &'static str) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let app = Router::new().fallback(move |request: Request| {
            counter.fetch_add(1, Relaxed);
            async move { Ok::<_, Infallible>(answer(name, request).await) }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            calls,
            _task: task,
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Relaxed)
    }
}

async fn answer(name: &str, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let cached = match () {
        () if path.starts_with("/cached") => "max-age=600",
        () if path.starts_with("/private") => "private",
        () => "no-store",
    };
    let (key, auth, via) = {
        let all = |field| {
            let lines = request.headers().get_all(field).iter();
            let lines = lines.map(|line| line.to_str().unwrap());
            lines.collect::<Vec<_>>().join(",")
        };
        let text = |field| match all(field) {
            text if text.is_empty() => "-".to_owned(),
            text => text,
        };
        (text("x-api-key"), text("authorization"), text("via"))
    };
    let tag = path.rsplit('/').next().unwrap_or_default().to_owned();
    let status = match path.contains("/fails") {
        true => 500,
        false => 200,
    };
    let body = request.into_body().collect().await.map(Collected::to_bytes);
    let length = body.map_or(0, |body| body.len());
    Response::builder()
        .status(status)
        .header("cache-control", cached)
        .header("cache-tag", tag)
        .body(Body::from(format!(
            "{name} {path} key={key} auth={auth} body={length} via={via}"
        )))
        .unwrap()
}

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) handle: Handle,
    pub(crate) client: Client<HttpConnector, Full<Bytes>>,
    file: PathBuf,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// Sections that all tests have.
pub(crate) fn basics() -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n\
         [admin]\nlisten = \"127.0.0.1:0\"\ntoken = {{ plain = \"{TOKEN}\" }}\n"
    )
}

/// A section for an upstream.
pub(crate) fn upstream(name: &str, address: SocketAddr, more: &str) -> String {
    format!("[[upstream]]\nname = \"{name}\"\nurl = \"http://{address}\"\n{more}\n")
}

impl Gateway {
    pub(crate) async fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway.toml");
        std::fs::write(&file, config).unwrap();
        let server = Server::open(&file).await.unwrap();
        let (address, admin) = (server.address().unwrap(), server.admin_address().unwrap());
        let handle = server.handle();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async { drop(stopped.await) }));
        Self {
            address,
            admin,
            handle,
            client: Client::builder(TokioExecutor::new()).build_http(),
            file,
            folder,
            stop: Some(stop),
            task,
        }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Writes another configuration, for a reload.
    pub(crate) fn write(&self, config: &str) {
        std::fs::write(&self.file, config).unwrap();
    }

    pub(crate) async fn send(
        &self,
        request: http::Request<Full<Bytes>>,
    ) -> (StatusCode, HeaderMap, String) {
        let response = self.client.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (
            parts.status,
            parts.headers,
            String::from_utf8_lossy(&body).into_owned(),
        )
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, HeaderMap, String) {
        self.send(self.request("GET", path).body(Full::default()).unwrap())
            .await
    }

    /// Sends to the operators' address, with a token if there is one.
    pub(crate) async fn operate(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
    ) -> (StatusCode, String) {
        let uri = format!("http://{}{path}", self.admin.unwrap());
        let mut request = http::Request::builder().method(method).uri(uri);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let (status, _, text) = self.send(request.body(Full::default()).unwrap()).await;
        (status, text)
    }

    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        (&mut self.task).await.unwrap();
    }
}

/// Returns a number of a text for Prometheus.
pub(crate) fn figure(metrics: &str, key: &str) -> Option<f64> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    let mut lines = lines.filter_map(|line| line.rsplit_once(' '));
    lines.find(|(other, _)| *other == key)?.1.parse().ok()
}
