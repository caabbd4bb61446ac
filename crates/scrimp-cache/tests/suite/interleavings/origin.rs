//! The origin: its values, and its responses.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::{Method, Response, StatusCode, request::Parts};
use parking_lot::Mutex;
use scrimp_testkit::{Gate, Reply, ScriptedBody};

use super::step::{Case, End, KEYS, LISTS, PATHS, Shape};

/// State shared by the test and the scripted service.
pub struct Origin {
    values: Mutex<[u64; KEYS]>,
    gates: Mutex<Gates>,
    shapes: Vec<Shape>,
    lagging: bool,
    calls: AtomicUsize,
}

#[derive(Default)]
struct Gates {
    shut: Vec<Gate>,
    all_open: bool,
}

/// Returns one frame of the body of a value.
pub fn frame(key: usize, value: u64, number: usize) -> String {
    format!("{key}:{value}:{number};")
}

// === impl Origin ===

impl Origin {
    pub fn new(case: &Case) -> Arc<Self> {
        Arc::new(Self {
            values: Mutex::new([1; KEYS]),
            gates: Mutex::default(),
            shapes: case.shapes.clone(),
            lagging: case.lagging,
            calls: AtomicUsize::new(0),
        })
    }

    pub fn value(&self, key: usize) -> u64 {
        self.values.lock()[key]
    }

    pub fn write(&self, key: usize) -> u64 {
        let mut values = self.values.lock();
        values[key] += 1;
        values[key]
    }

    /// Opens one of the closed gates.
    pub fn open(&self, which: usize) {
        let mut gates = self.gates.lock();
        if !gates.shut.is_empty() {
            let which = which % gates.shut.len();
            gates.shut.remove(which).open();
        }
    }

    /// Opens all gates, including later ones.
    pub fn open_all(&self) {
        let mut gates = self.gates.lock();
        gates.all_open = true;
        gates.shut.drain(..).for_each(|gate| gate.open());
    }

    fn gate(&self) -> Gate {
        let gate = Gate::new();
        let mut gates = self.gates.lock();
        if gates.all_open {
            gate.open();
        } else {
            gates.shut.push(gate.clone());
        }
        gate
    }

    /// Answers a call with the value at its beginning: the oldest it can have.
    pub fn answer(&self, parts: &Parts) -> Reply {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let shape = self.shapes[call % self.shapes.len()];
        let key = PATHS.iter().position(|path| *path == parts.uri.path());
        let key = key.expect("a known path");
        let reply = match (&parts.method, shape.end) {
            // A response that equals that of a GET may be stored for GETs.
            (&Method::POST, End::Well) => {
                self.write(key);
                self.respond(parts, shape, key)
            }
            (&Method::POST, _) => {
                let mut response = Response::new(ScriptedBody::new());
                *response.status_mut() = StatusCode::NO_CONTENT;
                let value = self.write(key).into();
                response.headers_mut().insert("x-value", value);
                Reply::respond(response)
            }
            (_, End::Lost) => Reply::error("lost"),
            (_, End::Error) => {
                let mut response = Response::new(ScriptedBody::new());
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                Reply::respond(response)
            }
            _ => self.respond(parts, shape, key),
        };
        if shape.gated_head {
            reply.gate(&self.gate())
        } else {
            reply
        }
    }

    fn respond(&self, parts: &Parts, shape: Shape, key: usize) -> Reply {
        let mut value = self.value(key);
        if self.lagging && shape.behind && parts.method != Method::POST {
            value = value.saturating_sub(1).max(1);
        }
        let etag = format!("\"{key}.{value}\"");
        let confirmed = parts
            .headers
            .get("if-none-match")
            .is_some_and(|v| *v == *etag);
        let body = match parts.method {
            _ if confirmed => ScriptedBody::new(),
            Method::HEAD => ScriptedBody::new(),
            _ => self.body(shape, key, value),
        };
        let mut response = Response::new(body);
        if confirmed {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let version = if shape.versioned {
            format!("@{value}")
        } else {
            String::new()
        };
        let control = if shape.while_revalidate {
            "max-age=60, stale-while-revalidate=100"
        } else {
            "max-age=60"
        };
        let tags = format!("item:{key}{version}, {}", LISTS[key]);
        let mut set = |name, text: &str| {
            let value = text.parse().expect("a field value");
            response.headers_mut().insert(name, value);
        };
        set("cache-control", control);
        set("cache-tag", &tags);
        // A HEAD may update stored fields; fields about the body stay with the body.
        let head = parts.method == Method::HEAD;
        let name = if head { "x-head-value" } else { "x-value" };
        set(name, &value.to_string());
        if !confirmed && !head {
            // This describes the frames of the stored body; a 304 does not.
            set("x-frames", &shape.frames.to_string());
            set("x-versioned", if shape.versioned { "1" } else { "0" });
        }
        if parts.method == Method::POST {
            set("content-location", PATHS[key]);
        }
        if shape.etag || confirmed {
            set("etag", &etag);
        }
        Reply::respond(response)
    }

    fn body(&self, shape: Shape, key: usize, value: u64) -> ScriptedBody {
        let mut body = ScriptedBody::new();
        for number in 0..shape.frames {
            if shape.gated_body {
                body = body.gate(&self.gate());
            }
            body = body.data(frame(key, value, number));
        }
        if shape.end == End::Broken {
            body.error("broken off")
        } else {
            body
        }
    }
}
