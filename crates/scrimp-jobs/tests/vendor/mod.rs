//! A provider of batch jobs, in the forms of four vendors, after the examples of their documentation.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

pub mod files;
pub mod forms;
pub mod killing;
pub mod rig;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// A call of the batch API, or of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    Upload,
    Create,
    List,
    Status,
    Results,
    Delete,
    Own,
}

/// Fault that a call gets instead of its answer.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// It is refused with this status, without an effect.
    Status(u16),
    /// It is asked to come later, without an effect.
    Later(u32),
    /// It has its effect, and its answer is an error 502.
    Lost,
    /// It has its effect, or none, and no answer ever.
    Hold { effect: bool },
}

/// The form of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    OpenAi,
    Anthropic,
    Gemini,
    Mistral,
}

/// A provider. Requests say in their member `user` what becomes of them: `ok`, `fail` (a passing failure), `bad` (refused
/// for good), `expire`, `missing` (no result), `twice` (two results), `poison` (the job is refused).
#[derive(Clone)]
pub struct Vendor(Arc<Inner>);

pub struct Inner {
    pub form: Form,
    pub state: Mutex<State>,
    /// Told when a call is held.
    pub held: Notify,
}

pub struct State {
    pub files: HashMap<String, Bytes>,
    /// Files, or jobs, that were deleted.
    pub deleted: Vec<String>,
    pub jobs: Vec<Job>,
    /// Times that each request was processed in a job, by its member `n`.
    pub paid: BTreeMap<u64, u64>,
    /// Times that each request was called on its own.
    pub own: BTreeMap<u64, u64>,
    pub calls: HashMap<Call, u64>,
    pub faults: HashMap<Call, VecDeque<Fault>>,
    /// Questions for its state after which a job ends.
    pub polls: u64,
    /// Jobs expire instead of completing.
    pub expire: bool,
    /// Results come in reverse, with a line of a stranger and an unreadable one.
    pub disorder: bool,
    pub honours_keys: bool,
    pub keys: HashMap<String, String>,
    /// Credentials of the last call.
    pub authorization: Option<String>,
    pub now: u64,
    /// Chance by which jobs end after a random time, calls fail, and calls of their own take their time.
    pub chance: Option<Chance>,
}

pub struct Chance {
    pub random: fastrand::Rng,
    /// Longest duration of a job.
    pub job: std::time::Duration,
    /// Longest duration of a call of its own.
    pub own: std::time::Duration,
    /// Share of calls of the batch API that fail in some way.
    pub faults: f64,
}

pub struct Job {
    pub ends: Option<tokio::time::Instant>,
    pub id: String,
    pub name: Option<String>,
    /// Its file of requests.
    pub file: Option<String>,
    pub items: Vec<(String, Value)>,
    pub polled: u64,
    pub ended: bool,
    pub rejected: bool,
}

impl Vendor {
    pub fn new(form: Form) -> Self {
        Self(Arc::new(Inner {
            form,
            state: Mutex::new(State {
                files: HashMap::new(),
                deleted: Vec::new(),
                jobs: Vec::new(),
                paid: BTreeMap::new(),
                own: BTreeMap::new(),
                calls: HashMap::new(),
                faults: HashMap::new(),
                polls: 2,
                expire: false,
                disorder: false,
                honours_keys: false,
                keys: HashMap::new(),
                authorization: None,
                now: 1_764_547_200,
                chance: None,
            }),
            held: Notify::new(),
        }))
    }

    pub fn state(&self) -> parking_lot::MutexGuard<'_, State> {
        self.0.state.lock()
    }

    pub fn form(&self) -> Form {
        self.0.form
    }

    pub fn fault(&self, call: Call, fault: Fault) -> &Self {
        self.state()
            .faults
            .entry(call)
            .or_default()
            .push_back(fault);
        self
    }

    pub fn count(&self, call: Call) -> u64 {
        self.state().calls.get(&call).copied().unwrap_or(0)
    }

    /// Waits until a call is held.
    pub async fn held(&self) {
        self.0.held.notified().await;
    }

    /// The most times that one request was processed in jobs.
    pub fn most_paid(&self) -> u64 {
        self.state().paid.values().copied().max().unwrap_or(0)
    }

    /// Answers a call.
    pub async fn answer(self, request: Request<Bytes>) -> Response<Full<Bytes>> {
        let call = forms::kind(self.form(), &request);
        let fault = {
            let mut state = self.state();
            *state.calls.entry(call).or_default() += 1;
            let key = request
                .headers()
                .get("authorization")
                .or_else(|| request.headers().get("x-api-key"));
            state.authorization = key.and_then(|key| key.to_str().ok()).map(str::to_owned);
            let chance = state.chance.as_mut().and_then(|chance| chance.fault(call));
            let fault = state.faults.get_mut(&call).and_then(VecDeque::pop_front);
            fault.or(chance)
        };
        let time = self
            .state()
            .chance
            .as_mut()
            .map(|chance| chance.call_time(call));
        if let Some(time) = time {
            tokio::time::sleep(time).await;
        }
        let effect = || forms::answer(&self, call, &request);
        match fault {
            None => effect(),
            Some(Fault::Status(status)) => error(status),
            Some(Fault::Later(seconds)) => {
                let mut response = error(429);
                response.headers_mut().insert("retry-after", seconds.into());
                response
            }
            Some(Fault::Lost) => {
                effect();
                error(502)
            }
            Some(Fault::Hold { effect: has }) => {
                if has {
                    effect();
                }
                self.0.held.notify_one();
                std::future::pending().await
            }
        }
    }

    /// Adds a job, unless its key is known.
    pub fn add(
        &self,
        key: Option<&str>,
        (name, file): (Option<String>, Option<String>),
        items: Vec<(String, Value)>,
    ) -> String {
        let mut state = self.state();
        if let Some(id) = key
            .filter(|_| state.honours_keys)
            .and_then(|key| state.keys.get(key))
        {
            return id.clone();
        }
        let id = match self.form() {
            Form::OpenAi => format!("batch_{:06}", state.jobs.len()),
            Form::Anthropic => format!("msgbatch_{:06}", state.jobs.len()),
            Form::Gemini => format!("batches/{:06}", state.jobs.len()),
            Form::Mistral => format!("00000000-0000-4000-8000-{:012}", state.jobs.len()),
        };
        if let Some(key) = key {
            state.keys.insert(key.to_owned(), id.clone());
        }
        let rejected = items.iter().any(|(_, body)| user(body) == "poison");
        let ends = state
            .chance
            .as_mut()
            .map(|chance| tokio::time::Instant::now() + chance.job_time());
        state.jobs.push(Job {
            ends,
            id: id.clone(),
            name,
            file,
            items,
            polled: 0,
            ended: false,
            rejected,
        });
        id
    }

    /// Counts a question for a job's state. It ends after some, and its requests are then paid.
    pub fn poll(&self, id: &str) -> Option<usize> {
        let mut state = self.state();
        let at = state.jobs.iter().position(|job| job.id == id)?;
        let (polls, expire) = (state.polls, state.expire);
        let job = &mut state.jobs[at];
        job.polled += 1;
        let is_over = job.ends.map_or(job.polled >= polls, |ends| {
            ends <= tokio::time::Instant::now()
        });
        if is_over && !job.ended {
            job.ended = true;
            if !job.rejected {
                let done = job.items.iter().filter(|(_, body)| is_done(body, expire));
                let paid: Vec<u64> = done.map(|(_, body)| number(body)).collect();
                for n in paid {
                    *state.paid.entry(n).or_default() += 1;
                }
            }
        }
        Some(at)
    }
}

pub fn user(body: &Value) -> &str {
    body.pointer("/user")
        .or_else(|| body.pointer("/labels/user"))
        .and_then(Value::as_str)
        .unwrap_or("ok")
}

pub fn number(body: &Value) -> u64 {
    body.pointer("/n")
        .or_else(|| body.pointer("/labels/n"))
        .and_then(Value::as_u64)
        .unwrap_or(0)
}

/// Reports whether a request was processed, and is paid. When a job expires, every second one was.
pub fn is_done(body: &Value, expire: bool) -> bool {
    ["ok", "twice", "missing"].contains(&user(body)) && !(expire && number(body) % 2 == 1)
}

pub fn error(status: u16) -> Response<Full<Bytes>> {
    let body = json!({"error": {"type": "error", "message": "as the test wants"}});
    let mut response = reply(&body);
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}

pub fn reply(body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert("content-type", json);
    response
}

pub fn text(body: String) -> Response<Full<Bytes>> {
    Response::new(Full::from(body))
}

impl Chance {
    fn fault(&mut self, call: Call) -> Option<Fault> {
        if call == Call::Own || self.random.f64() >= self.faults {
            return None;
        }
        let faults = [
            Fault::Status(500),
            Fault::Later(5),
            Fault::Lost,
            Fault::Status(529),
        ];
        self.random.choice(faults)
    }

    fn call_time(&mut self, call: Call) -> std::time::Duration {
        match call {
            Call::Own => self.own.mul_f64(self.random.f64()),
            _ => std::time::Duration::from_secs(10).mul_f64(self.random.f64()),
        }
    }

    fn job_time(&mut self) -> std::time::Duration {
        // Most are short, and some take the longest time.
        let share = self.random.f64();
        self.job.mul_f64(share * share * share)
    }
}
