//! A node that speaks JSON-RPC and has limits.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{Body, Upstream, post};

/// Calls that a node takes at once.
pub(crate) const MOST: usize = 10;

/// A node that takes [`MOST`] calls at once, and answers a larger batch with a refusal. It counts how
/// often it carries each call out.
#[derive(Clone, Default)]
pub(crate) struct Node {
    pub(crate) carried_out: Arc<Mutex<HashMap<u64, usize>>>,
}

impl Node {
    pub(crate) fn carry_out(&self, call: &Value) -> Value {
        let number = call["params"][0].as_u64().unwrap();
        *self.carried_out.lock().entry(number).or_default() += 1;
        json!({"jsonrpc": "2.0", "id": call["id"], "result": number})
    }

    pub(crate) fn upstream(
        &self,
        refuse: impl Fn(&Self, &[Value]) -> (u16, Value) + Send + Sync + 'static,
    ) -> Upstream {
        let node = self.clone();
        Upstream::new(move |request: Request<Bytes>| {
            let body: Value = serde_json::from_slice(request.body()).unwrap();
            let (status, answer) = match body.as_array() {
                None => (200, node.carry_out(&body)),
                Some(calls) if calls.len() <= MOST => {
                    (200, calls.iter().map(|call| node.carry_out(call)).collect())
                }
                Some(calls) => refuse(&node, calls),
            };
            std::future::ready(Ok(respond(status, &answer)))
        })
    }
}

pub(crate) fn respond(status: u16, body: &Value) -> Response<Body> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

pub(crate) fn call(number: u64) -> Request<Body> {
    let call = json!({"jsonrpc": "2.0", "method": "send", "params": [number], "id": "mine"});
    post("/rpc", call.to_string())
}

pub(crate) fn error(id: &Value, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}
