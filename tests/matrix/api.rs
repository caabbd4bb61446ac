//! An API with all kinds of responses, single and in batches.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{AUTHORIZATION, CACHE_CONTROL, ETAG, IF_NONE_MATCH, VARY},
    },
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body::Frame;
use http_body_util::StreamBody;
use scrimp::core::extensions::Tenant;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    layers::{BASE, BATCH, PROVIDER},
    world::World,
};

/// Storable for a minute.
const MINUTE: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "max-age=60")];

/// Returns bytes that depend on their position and on the length.
pub(crate) fn pattern(length: usize) -> Bytes {
    let byte = |at: usize| (at.wrapping_mul(31) ^ (at >> 8) ^ length).to_le_bytes()[0];
    (0..length).map(byte).collect()
}

/// Returns the API. Its paths:
///
/// - `/bytes/{n}` and `/stream/{n}`: `n` bytes, of known length or not, for a minute;
/// - `/trailers/{n}`: the same with a trailer;
/// - `/once/{n}`: must not be stored;
/// - `/live/{n}`: may be shared, and is stale at once;
/// - `/whoami/{how}`: the caller, by Authorization, X-User or [`Tenant`], with matching cache
///   directives; `/api/whoami/{n}` in batches too;
/// - `/doc/{n}`: a number that a POST increments;
/// - `/tagged/{n}`: has a validator;
/// - `/slow/{n}`: takes some milliseconds, and some more for each frame;
/// - `/broken/{n}`: breaks off after some frames;
/// - `/echo`: the body of a POST;
/// - `/api/items/{n}`: can be batched, by POST to `/api/batch`;
/// - `/unavailable/{n}`: a 503 from the cheap provider;
/// - `/panic/{n}`: a panic on the first call.
pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/bytes/{n}", get(bytes))
        .route("/stream/{n}", get(streamed))
        .route("/trailers/{n}", get(trailers))
        .route("/once/{n}", get(once))
        .route("/live/{n}", get(live))
        .route("/whoami/{how}", get(whoami))
        .route(&format!("{BASE}/whoami/{{how}}"), get(whoami))
        .route("/doc/{n}", get(doc).post(write))
        .route("/tagged/{n}", get(tagged))
        .route("/slow/{n}", get(slow))
        .route("/broken/{n}", get(broken))
        .route("/echo", post(echo))
        .route("/unavailable/{n}", get(unavailable))
        .route("/panic/{n}", get(panics))
        .route(&format!("{BASE}/items/{{n}}"), get(item))
        .route(BATCH, post(batch))
}

async fn bytes(Path(n): Path<usize>) -> impl IntoResponse {
    (MINUTE, pattern(n))
}

fn frames(n: usize) -> impl stream::Stream<Item = Bytes> + Send {
    let whole = pattern(n);
    let starts = (0..n).step_by(16 << 10);
    stream::iter(starts).then(move |start| {
        let frame = whole.slice(start..n.min(start + (16 << 10)));
        async move {
            tokio::task::yield_now().await;
            frame
        }
    })
}

async fn streamed(Path(n): Path<usize>) -> impl IntoResponse {
    let frames = frames(n).map(Ok::<_, Infallible>);
    (MINUTE, Body::from_stream(frames))
}

async fn slow(Path(n): Path<usize>) -> impl IntoResponse {
    let pause = Duration::from_millis(1 + n as u64 % 7);
    sleep(pause).await;
    let frames = frames(n).then(move |frame| async move {
        sleep(pause).await;
        Ok::<_, Infallible>(frame)
    });
    (MINUTE, Body::from_stream(frames))
}

async fn broken(Path(n): Path<usize>) -> impl IntoResponse {
    let frames = frames(n * 20_000).map(Ok);
    let end = stream::iter([Err(std::io::Error::other("scripted break"))]);
    (MINUTE, Body::from_stream(frames.chain(end)))
}

async fn trailers(Path(n): Path<usize>) -> impl IntoResponse {
    let mut fields = HeaderMap::new();
    fields.insert("x-checksum", HeaderValue::from(n));
    let last = stream::iter([Frame::trailers(fields)]);
    let frames = frames(n).map(Frame::data).chain(last);
    let body = StreamBody::new(frames.map(Ok::<_, Infallible>));
    let announced = [(HeaderName::from_static("trailer"), "x-checksum")];
    (MINUTE, announced, Body::new(body))
}

async fn once(Path(n): Path<usize>) -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], pattern(n))
}

async fn live(Path(n): Path<usize>) -> impl IntoResponse {
    ([(CACHE_CONTROL, "max-age=0")], pattern(n))
}

/// Returns the name of the caller.
fn user(headers: &HeaderMap, tenant: Option<&Tenant>) -> String {
    let named = headers.get(AUTHORIZATION).or_else(|| headers.get("x-user"));
    let named = named.map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
    let tenant = || tenant.map(|tenant| tenant.0.to_string());
    named.or_else(tenant).unwrap_or_default()
}

async fn whoami(Path(how): Path<String>, request: Request) -> Response {
    tokio::task::yield_now().await;
    let user = user(request.headers(), request.extensions().get::<Tenant>());
    let mut response = Json(json!({ "user": user })).into_response();
    let fields: &[(HeaderName, &str)] = match how.as_str() {
        "private" => &[(CACHE_CONTROL, "private, max-age=60")],
        "minute" | "tenant" => &[(CACHE_CONTROL, "max-age=60")],
        "vary" => &[(CACHE_CONTROL, "max-age=60"), (VARY, "x-user")],
        _ => &[],
    };
    for (name, value) in fields {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name.clone(), value);
    }
    response
}

async fn doc(State(world): State<World>) -> impl IntoResponse {
    let version = world.version();
    tokio::task::yield_now().await;
    (MINUTE, version.to_string())
}

async fn write(State(world): State<World>) -> String {
    world.write().to_string()
}

async fn tagged(Path(n): Path<usize>, headers: HeaderMap) -> Response {
    let etag = [(ETAG, "\"v1\"")];
    if headers
        .get(IF_NONE_MATCH)
        .is_some_and(|known| known == "\"v1\"")
    {
        return (StatusCode::NOT_MODIFIED, MINUTE, etag).into_response();
    }
    (MINUTE, etag, pattern(n)).into_response()
}

async fn echo(body: Bytes) -> Bytes {
    body
}

async fn unavailable(Path(n): Path<usize>, headers: HeaderMap) -> Response {
    if headers.get(PROVIDER).is_some_and(|name| name == "cheap") {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    (MINUTE, pattern(n)).into_response()
}

async fn panics(State(world): State<World>, Path(n): Path<usize>) -> impl IntoResponse {
    assert!(!world.breaks(format!("/panic/{n}")), "scripted panic");
    (MINUTE, pattern(n))
}

async fn item(Path(n): Path<usize>) -> impl IntoResponse {
    (MINUTE, Json(json!({ "item": n })))
}

async fn batch(
    State(world): State<World>,
    headers: HeaderMap,
    Json(batch): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    let user = user(&headers, None);
    let asked = batch["requests"].as_array().cloned().unwrap_or_default();
    let about = |what: &str| batch.to_string().contains(what);
    if about("unavailable") && headers.get(PROVIDER).is_some_and(|name| name == "cheap") {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    world.count_batch(asked.len());
    let answers = asked.iter().map(|item| {
        let url = item["url"].as_str().unwrap_or_default();
        let n: Option<usize> = url.rsplit('/').next().and_then(|n| n.parse().ok());
        assert!(
            n != Some(13) || !world.breaks("a batch".to_owned()),
            "scripted panic"
        );
        json!({
            "id": item["id"],
            "status": 200,
            "headers": {"cache-control": "max-age=60", "content-type": "application/json"},
            "body": if url.contains("whoami") { json!({ "user": user }) } else { json!({ "item": n }) },
        })
    });
    Ok(Json(json!({ "responses": answers.collect::<Vec<_>>() })))
}
