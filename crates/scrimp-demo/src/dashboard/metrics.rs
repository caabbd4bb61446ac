//! A metrics API that accepts one query, or a batch of queries.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use serde_json::{Value as Json, json};
use tokio::time::sleep;

use crate::{
    crowd::Ask,
    prices::{CALL, IN_BATCH, Till},
};

/// Duration of a query.
const TAKES: Duration = Duration::from_millis(100);
/// Queries of a batch that run at a time.
const AT_ONCE: u32 = 4;
/// Kinds of widgets, with the freshness lifetime of their responses; `None` is for all others.
pub(super) const KINDS: [(&str, Option<&str>); 5] = [
    ("real_time", Some("10s")),
    ("hourly", Some("5m")),
    ("daily", Some("1h")),
    ("historical", Some("24h")),
    ("other", None),
];
/// Widgets of each kind: twenty in all.
pub(super) const OF_EACH: usize = 4;

/// Answers queries, for a cent each, or a quarter of that in a batch.
pub(super) async fn answer(till: Till, request: Ask) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let (charge, answer) = match serde_json::from_slice::<Json>(&body) {
        Ok(batch) => {
            let asked = batch["requests"].as_array().map_or(&[][..], Vec::as_slice);
            let number = asked.len() as u64;
            let charge = till.take(number, IN_BATCH * number);
            sleep(TAKES * u32::try_from(number).unwrap_or(1).div_ceil(AT_ONCE)).await;
            let answers: Vec<Json> = asked.iter().map(item).collect();
            (charge, json!({"responses": answers}))
        }
        Err(_) => {
            let charge = till.take(1, CALL);
            sleep(TAKES).await;
            (charge, json!(head.uri.path()))
        }
    };
    let mut response = Response::new(Full::from(answer.to_string()));
    response.extensions_mut().insert(charge);
    Ok(response)
}

/// Returns a response that names its query.
fn item(request: &Json) -> Json {
    json!({"id": request["id"], "status": 200, "body": request["url"]})
}
