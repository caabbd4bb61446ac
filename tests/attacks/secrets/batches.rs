//! Requests that travel as one batch, and its answers, good and bad.

use std::{error::Error, future::Ready};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use scrimp::{
    batch::{ArrayInput, BatchCodec, BatchLayer, GraphQl, JsonRpc, RestJson},
    core::{BoxError, extensions::Tenant},
};
use tower::{Layer, Service, service_fn};

use super::{API_KEY, AUTHORIZATION, COOKIE, TENANT, Written, ear::Ear};

const GRAPHQL: &str =
    r#"{"query":"query($t: String) { a(token: $t) }","variables":{"t":"s3cr3t"}}"#;
const RPC: &str = r#"{"jsonrpc":"2.0","method":"login","params":["s3cr3t"],"id":"s3cr3t-id"}"#;
const INPUT: &str = r#"{"input":"s3cr3t text","model":"m"}"#;

/// Answers that no codec can split among the requests.
const BAD: [(u16, &str); 7] = [
    (0, "no answer at all"),
    (200, ""),
    (200, "[{"),
    (200, r#"{"responses":[{"id":"77","status":200}]}"#),
    (200, "[1, 2, 3]"),
    (413, "too large"),
    (500, "{}"),
];

fn request(path: &'static str, body: &'static str) -> Request<Full<Bytes>> {
    let method = if body.is_empty() { "GET" } else { "POST" };
    Request::builder()
        .method(method)
        .uri(format!("http://api.example{path}"))
        .header("authorization", AUTHORIZATION)
        .header("x-api-key", API_KEY)
        .header("cookie", COOKIE)
        .header("content-type", "application/json")
        .extension(Tenant::from(TENANT))
        .body(Full::from(body))
        .expect("a request")
}

fn upstream(
    status: u16,
    body: &'static str,
) -> impl Service<Request<Full<Bytes>>, Response = Response<Full<Bytes>>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ 'static {
    service_fn(move |_| -> Ready<Result<_, BoxError>> {
        let mut response = Response::new(Full::from(body));
        std::future::ready(match StatusCode::from_u16(status) {
            Ok(status) => {
                *response.status_mut() = status;
                Ok(response)
            }
            Err(_) => Err("connection reset".into()),
        })
    })
}

/// Returns an error and its sources as text.
fn chain(error: &dyn Error) -> String {
    let sources = std::iter::successors(error.source(), |&error| error.source());
    let lines = sources.map(|source| format!("{source} {source:?}"));
    let lines: Vec<_> = std::iter::once(format!("{error} {error:?}"))
        .chain(lines)
        .collect();
    lines.join("\n")
}

/// Sends three requests as one batch to each bad upstream, and collects what is written.
async fn through<C: BatchCodec>(
    written: &mut Written,
    codec: impl Fn() -> C,
    (path, body): (&'static str, &'static str),
) -> usize {
    let mut failed = 0;
    for (status, answer) in BAD {
        let layer = BatchLayer::builder(codec()).retries(0).build();
        let layer = layer.expect("valid settings");
        let mut service = layer.layer(upstream(status, answer));
        let calls: Vec<_> = (0..3).map(|_| service.call(request(path, body))).collect();
        written.debug("futures of a batch", &calls);
        for outcome in join_all(calls).await {
            match outcome {
                Ok(response) => {
                    failed += usize::from(!response.status().is_success());
                    written.debug("the fields of an item's answer", response.headers());
                    written.debug("the body of an item's answer", response.body());
                    let body = response.into_body().collect().await;
                    match body {
                        Ok(body) => written.bytes("an item's answer", &body.to_bytes()),
                        Err(error) => written.bytes("an item's body", error.to_string().as_bytes()),
                    }
                }
                Err(error) => {
                    failed += 1;
                    written.bytes("an item's error", chain(&*error).as_bytes());
                }
            }
        }
        written.debug("a batch layer", &layer);
        written.debug("its figures", &layer.stats());
    }
    failed
}

#[tokio::test(start_paused = true)]
async fn a_batch_and_its_failures_write_no_secret() {
    let mut written = Written::default();
    let ear = Ear::default();
    let _guard = scrimp_testkit::listen(ear.clone());
    let rest = ("/items?token=s3cr3t", "");
    let failed = [
        through(&mut written, || RestJson::new("/batch"), rest).await,
        through(&mut written, JsonRpc::new, ("/rpc", RPC)).await,
        through(&mut written, GraphQl::new, ("/graphql?key=s3cr3t", GRAPHQL)).await,
        through(&mut written, ArrayInput::new, ("/embed?key=s3cr3t", INPUT)).await,
    ];
    assert!(failed.iter().all(|&failed| failed > 6), "{failed:?}");
    for line in ear.heard() {
        written.bytes("a trace of a batch", line.as_bytes());
    }
    // A call's own id comes back to its caller.
    for (_, text) in &mut written.0 {
        *text = text.replace("s3cr3t-id", "");
    }
    written.has_no_secret();
}
