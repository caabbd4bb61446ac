//! The upstream: it gives the current version of what it is asked for, alone or in a batch.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    ask::TENANT,
    dice::Dice,
    gathering::Gathering,
    mishap,
    thing::{ALL, Area, Edition, Thing},
    truth::Truth,
};

/// Path of batches.
pub(crate) const BATCH: &str = "/api/batch";

/// Largest body that it takes, alone or as a batch.
const MOST: usize = 100_000;

/// Field with the version that a write made.
pub(crate) const VERSION: &str = "x-version";

/// The upstream of one stack.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) truth: Arc<Truth>,
    pub(crate) dice: Arc<Dice>,
    pub(crate) gathering: Gathering,
}

/// An answer before it is put on the wire: in a batch or alone.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

// === impl Origin ===

impl Origin {
    /// Returns the application. All methods and paths reach one handler.
    pub(crate) fn app(self: &Arc<Self>) -> Router {
        Router::new().fallback(answer).with_state(Arc::clone(self))
    }

    fn reply(&self, method: &Method, path: &str, headers: &HeaderMap) -> Reply {
        self.dice
            .tally
            .one("upstream", "requests, alone or in a batch");
        let Some(thing) = Thing::of_path(path) else {
            return Reply::plain(StatusCode::NOT_FOUND);
        };
        if !method.is_safe() {
            return self.write(thing);
        }
        let edition = Edition {
            thing,
            version: self.truth.current(thing),
            audience: audience(thing.area, headers),
        };
        let mut reply = Reply::of(&edition);
        let known = headers.get(header::IF_NONE_MATCH);
        if known.is_some_and(|known| known.as_bytes() == edition.etag().as_bytes()) {
            reply.status = StatusCode::NOT_MODIFIED;
            reply.body = Bytes::new();
        }
        if method == Method::HEAD {
            let length = reply.body.len().to_string();
            set(&mut reply.headers, "content-length", &length);
            reply.body = Bytes::new();
        }
        reply
    }

    fn write(&self, thing: Thing) -> Reply {
        let version = self.truth.write(thing);
        let mut reply = Reply::plain(StatusCode::OK);
        set(&mut reply.headers, VERSION, &version.to_string());
        set(&mut reply.headers, "cache-control", "no-store");
        set(&mut reply.headers, "content-type", "application/json");
        reply.body = version.to_string().into();
        reply
    }

    async fn batch(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let Ok(batch) = serde_json::from_slice::<Value>(body) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let asked = batch["requests"].as_array().cloned().unwrap_or_default();
        self.dice.tally.one("upstream", "batches");
        self.dice
            .tally
            .add("upstream", "items in batches", asked.len() as u64);
        self.gathering.join(asked.len()).await;
        let mut answers = Vec::with_capacity(asked.len());
        for item in &asked {
            if self.dice.happens("batch: an item without an answer", 30) {
                continue;
            }
            answers.push(self.item(headers, item));
        }
        let body = json!({ "responses": [] }).to_string();
        let body = body.replace("[]", &format!("[{}]", answers.join(",")));
        ([("content-type", "application/json")], body).into_response()
    }

    fn item(&self, envelope: &HeaderMap, item: &Value) -> String {
        let mut headers = envelope.clone();
        let own = item["headers"].as_object();
        for (name, value) in own.into_iter().flatten() {
            set(&mut headers, name, value.as_str().unwrap_or_default());
        }
        let method = item["method"].as_str().unwrap_or("GET");
        let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
        let reply = match mishap::status(&self.dice) {
            Some(status) => Reply::plain(status),
            None => self.reply(&method, item["url"].as_str().unwrap_or_default(), &headers),
        };
        let mut answer = json!({"id": item["id"], "status": reply.status.as_u16()});
        let fields = reply.headers.iter();
        answer["headers"] = fields
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), Value::String(value))
            })
            .collect();
        let mut text = answer.to_string();
        if reply.body.is_empty() {
            return text;
        }
        // The body is JSON, and stays as it is, byte for byte.
        let body = String::from_utf8_lossy(&reply.body);
        text.truncate(text.len() - 1);
        format!("{text},\"body\":{body}}}")
    }
}

// === impl Reply ===

impl Reply {
    fn plain(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    fn of(edition: &Edition) -> Self {
        let area = edition.thing.area;
        let mut headers = HeaderMap::new();
        set(&mut headers, "content-type", "application/json");
        if area != Area::Bare {
            set(&mut headers, "cache-control", area.cache_control());
            set(&mut headers, "etag", &edition.etag());
        }
        set(
            &mut headers,
            "cache-groups",
            &format!("\"{}\"", area.name()),
        );
        let (tag, entity) = (edition.thing.tag(), edition.thing.entity());
        let version = edition.version;
        set(
            &mut headers,
            "cache-tag",
            &format!("{tag},{entity}@{version}"),
        );
        if area == Area::Vary {
            set(&mut headers, "vary", "accept-language");
        }
        Self {
            status: StatusCode::OK,
            headers,
            body: edition.render(),
        }
    }
}

/// Returns for whom an answer is, by the request.
fn audience(area: Area, headers: &HeaderMap) -> String {
    let field = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or("nobody").to_owned()
    };
    match area {
        Area::Private => field("authorization").replace("Bearer ", ""),
        Area::Tenant => field(TENANT),
        Area::Vary => field("accept-language"),
        _ => ALL.to_owned(),
    }
}

fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    let name = header::HeaderName::from_bytes(name.as_bytes());
    if let (Ok(name), Ok(value)) = (name, value.parse()) {
        headers.insert(name, value);
    }
}

async fn answer(State(origin): State<Arc<Origin>>, request: Request) -> Response {
    let dice = &origin.dice;
    dice.tally.one("upstream", "calls");
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 4 << 20).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    sleep(Duration::from_millis(dice.fork().u64(1..8))).await;
    if body.len() > MOST {
        dice.tally.one("chaos", "upstream: 413");
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    mishap::before_the_head(dice).await;
    if let Some(status) = mishap::status(dice) {
        return status.into_response();
    }
    let path = parts.uri.path();
    if path.ends_with(BATCH) {
        let response = origin.batch(&parts.headers, &body).await;
        return mishap::within_the_body(dice, response).await;
    }
    origin.gathering.join(1).await;
    let reply = origin.reply(&parts.method, path, &parts.headers);
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    mishap::within_the_body(dice, response).await
}
