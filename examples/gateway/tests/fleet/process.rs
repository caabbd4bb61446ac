//! A gateway in a process of its own.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use clap::Parser;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{Instant, timeout},
};

use super::SOON;
use crate::args::Args;

/// Flags of the process that the tests start.
const FLAGS: &str = "SCRIMP_TEST_GATEWAY";

/// A process of the program, which is killed when dropped.
pub(super) struct Gateway {
    child: Child,
    address: SocketAddr,
    admin: SocketAddr,
    client: Client<HttpConnector, Body>,
}

// === impl Gateway ===

impl Gateway {
    /// Starts a gateway of a fleet, and waits until it listens.
    pub(super) async fn start(redis: &str, upstream: SocketAddr, name: &str, flags: &str) -> Self {
        let flags = format!(
            "--upstream http://{upstream} --listen 127.0.0.1:0 --admin 127.0.0.1:0 --preserve-host \
             --log error --redis {redis} --fleet {name} --redis-timeout 2 {flags}"
        );
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["--exact", "tests::fleet::process::the_program_runs"])
            .args(["--ignored", "--nocapture"])
            .env(FLAGS, flags)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let output = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(output).lines();
        let mut found = (None, None);
        while found.0.is_none() || found.1.is_none() {
            let line = timeout(SOON, lines.next_line()).await.expect("it listens");
            let line = line.expect("text").expect("it has not ended");
            let after = |text| line.split_once(text).map(|(_, address)| address.parse());
            found = (
                found.0.or(after("listening on http://")),
                found.1.or(after("purges on http://")),
            );
        }
        let read = |address: Option<Result<SocketAddr, _>>| {
            address.expect("it was found").expect("an address")
        };
        Self {
            child,
            address: read(found.0),
            admin: read(found.1),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    async fn send(&self, method: Method, to: SocketAddr, path: &str) -> (StatusCode, Bytes) {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{to}{path}"))
            .header("host", "shop.example")
            .body(Body::empty())
            .expect("a request");
        let answer = async {
            let response = self
                .client
                .request(request)
                .await
                .expect("no request fails");
            let status = response.status();
            let body = response.into_body().collect().await.expect("a body");
            (status, body.to_bytes())
        };
        timeout(SOON, answer).await.expect("an answer")
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, Bytes) {
        self.send(Method::GET, self.address, path).await
    }

    /// Returns the version of a document that it answers with.
    pub(super) async fn version(&self, path: &str) -> usize {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK);
        let body = std::str::from_utf8(&body).expect("text");
        body.parse().expect("a version")
    }

    pub(super) async fn purge(&self, tag: &str) {
        let path = format!("/purge?tag={tag}");
        let (status, _) = self.send(Method::POST, self.admin, &path).await;
        assert_eq!(status, StatusCode::OK);
    }

    /// Asks for a document until it is as new as this. Returns the time since a moment after which it was.
    pub(super) async fn knows(&self, path: &str, version: usize, since: Instant) -> Duration {
        loop {
            let asked = since.elapsed();
            if self.version(path).await >= version {
                return asked;
            }
            assert!(asked < SOON, "an old version");
        }
    }

    pub(super) async fn kill(&mut self) {
        self.child.kill().await.expect("it runs");
    }

    pub(super) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}")).arg(id);
        assert!(kill.status().await.expect("kill is there").success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "other tests start it as a process of its own"]
async fn the_program_runs() {
    let Ok(flags) = std::env::var(FLAGS) else {
        return;
    };
    // The name of the test stands on the line before.
    println!();
    let flags = std::iter::once("gateway").chain(flags.split_whitespace());
    let args = Args::try_parse_from(flags).expect("flags");
    crate::run(&args).await.expect("it listens");
}
