//! A server that speaks S3: moto, which the tests start.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use async_trait::async_trait;
use http::Request;
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector as Connector},
    rt::TokioExecutor,
};
use object_store::{
    ClientOptions, ObjectStore,
    aws::{AmazonS3Builder, S3ConditionalPut},
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
        HttpResponse, HttpResponseBody, HttpService,
    },
};

use crate::{fleet, tiers};

/// Makes clients without TLS, as the server is on this machine.
#[derive(Debug)]
struct ConnectPlain;

/// A client without TLS.
#[derive(Debug)]
struct Plain(Client<Connector, HttpRequestBody>);

impl Plain {
    fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }
}

impl HttpConnector for ConnectPlain {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Plain::new()))
    }
}

#[async_trait]
impl HttpService for Plain {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self.0.request(request).await;
        let response = response.map_err(|error| HttpError::new(HttpErrorKind::Connect, error))?;
        let broken = |error| HttpError::new(HttpErrorKind::Interrupted, error);
        Ok(response.map(|body| HttpResponseBody::new(body.map_err(broken))))
    }
}

/// A server process, stopped when dropped.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// Starts a server. `None` if it is not installed.
    fn start() -> Option<Self> {
        let program = std::env::var_os("SCRIMP_MOTO").map(PathBuf::from);
        let Some(program) = program.filter(|program| program.is_file()) else {
            eprintln!("SKIPPED: SCRIMP_MOTO names no moto_server; scripts/test.sh installs one");
            return None;
        };
        let mut process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let output = process.stderr.take().expect("its output");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let url = lines.find_map(|line| {
            let (_, url) = line.split_once("Running on ")?;
            Some(url.trim().to_owned())
        });
        // It writes a line for each request.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self {
            process,
            url: url.expect("the server tells its address"),
        })
    }

    /// Makes a bucket, and returns its objects.
    async fn bucket(&self, name: &str) -> Arc<dyn ObjectStore> {
        let builder = AmazonS3Builder::new()
            .with_endpoint(&self.url)
            .with_allow_http(true)
            .with_http_connector(ConnectPlain)
            .with_region("us-east-1")
            .with_access_key_id("test")
            .with_secret_access_key("test")
            .with_conditional_put(S3ConditionalPut::ETagMatch);
        // A bucket is made like an object of the server.
        let made = Request::put(format!("{}/{name}", self.url)).body(HttpRequestBody::empty());
        let made = Plain::new().call(made.expect("a request")).await;
        assert!(made.is_ok_and(|made| made.status().is_success()));
        Arc::new(builder.with_bucket_name(name).build().expect("a bucket"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn over_s3_processes_share_responses_and_lose_no_variants() {
    let Some(server) = Server::start() else {
        return;
    };
    fleet::check(server.bucket("fleet").await).await;
    tiers::check(server.bucket("tiers").await).await;
}

#[tokio::test]
async fn a_sweep_deletes_objects_in_s3() {
    let Some(server) = Server::start() else {
        return;
    };
    let objects = server.bucket("sweep").await;
    let store = scrimp_object::BucketStore::builder(Arc::clone(&objects));
    let store = store
        .max_lifetime(std::time::Duration::from_secs(60))
        .build();
    let store = store.expect("the settings are right");
    for n in 0..1_100 {
        let name = format!("scrimp/1.1/{n}").into();
        let put = objects.put_opts(&name, Vec::new().into(), Default::default());
        put.await.expect("written");
    }
    assert_eq!(store.sweep(10_000).await.expect("a sweep"), 0);
    // Its requests need time that passes.
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(62)).await;
    tokio::time::resume();
    assert_eq!(store.sweep(1_050).await.expect("a sweep"), 1_050);
    assert_eq!(store.sweep(1_050).await.expect("a sweep"), 50);
}
