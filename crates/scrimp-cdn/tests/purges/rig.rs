//! A CDN's API: as a server on loopback that records requests, and as a service that plays a script.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use parking_lot::Mutex;
use scrimp_cache::{CacheLayer, Invalidation, MemoryStore};
use scrimp_cdn::{CdnApi, CdnPurger};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle, time::Instant};
use tower::{Service, service_fn};

/// A request as an API received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    /// All fields.
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// A server on loopback that accepts every purge.
pub(crate) struct Local {
    pub(crate) endpoint: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

/// Sends purges through the handle of a cache. Returns the requests that the API received.
pub(crate) async fn sent(
    api: impl FnOnce(&str) -> Box<dyn CdnApi>,
    invalidations: &[Invalidation],
) -> Vec<Seen> {
    let local = Local::start().await;
    let api = api(&local.endpoint);
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    // One at a time, so that the order is that of the queue.
    let purger = CdnPurger::builder(api).parallel(1).build(client).unwrap();
    invalidate(&purger, invalidations);
    purger.delivered().await;
    assert_eq!(purger.stats().failed, 0, "{:?}", purger.stats());
    local.seen.lock().clone()
}

/// Invalidates by the handle of a cache with this purger.
pub(crate) fn invalidate(purger: &CdnPurger, invalidations: &[Invalidation]) {
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20)).purger(purger.clone());
    let invalidator = cache.build().unwrap().invalidator();
    for invalidation in invalidations {
        invalidator.invalidate(invalidation);
    }
}

/// Makes invalidations by tag.
pub(crate) fn tags(count: usize) -> Vec<Invalidation> {
    let tag = |n| Invalidation::tag(format!("t{n}"));
    (0..count).map(tag).collect()
}

// === impl Local ===

impl Local {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let record = Arc::clone(&seen);
        let app = Router::new().fallback(move |request: axum::extract::Request| {
            let record = Arc::clone(&record);
            async move {
                let seen = Seen::read(request).await;
                record.lock().push(seen);
                r#"{"success":true,"status":"ok"}"#
            }
        });
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            endpoint,
            seen,
            task,
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Seen ===

impl Seen {
    async fn read(request: axum::extract::Request) -> Self {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        let fields = head.headers.iter();
        Self {
            method: head.method,
            target: head.uri.path_and_query().unwrap().to_string(),
            fields: fields
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// Compares the whole request with a fixture. The fields of the connection are those of the
    /// client.
    #[track_caller]
    pub(crate) fn assert_is(&self, line: &str, fields: &[(&str, &str)], body: &str) {
        assert_eq!(format!("{} {}", self.method, self.target), line);
        let mut own = self.fields.clone();
        own.remove("content-length");
        if !fields.iter().any(|(name, _)| *name == "host") {
            own.remove("host");
        }
        let fields = fields.iter();
        let fields: BTreeMap<_, _> = fields
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(own, fields);
        assert_eq!(self.body, body);
    }
}

/// One answer of a scripted API.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Status(u16, &'static [(&'static str, &'static str)]),
    Unreachable,
    Silence,
    Panic,
}

/// A call, with the time at which it was made.
type Call = (Instant, Request<Bytes>);

/// A service that plays answers, and then accepts.
#[derive(Clone, Default)]
pub(crate) struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    down: Arc<Mutex<bool>>,
    calls: Arc<Mutex<Vec<Call>>>,
    /// Told at each call.
    pub(crate) called: Arc<Notify>,
}

// === impl Script ===

impl Script {
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let script = Self::default();
        script.answers.lock().extend(answers);
        script
    }

    /// Makes every call fail, or ends that.
    pub(crate) fn set_down(&self, down: bool) {
        *self.down.lock() = down;
    }

    pub(crate) fn service(
        &self,
    ) -> impl Service<
        Request<Full<Bytes>>,
        Response = Response<Full<Bytes>>,
        Error = std::io::Error,
        Future: Send,
    > + Clone
    + Send
    + 'static {
        let script = self.clone();
        service_fn(move |request: Request<Full<Bytes>>| script.clone().answer(request))
    }

    async fn answer(
        self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Full<Bytes>>, std::io::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let call = (Instant::now(), Request::from_parts(head, body));
        self.calls.lock().push(call);
        self.called.notify_one();
        let next = match *self.down.lock() {
            true => Some(Answer::Unreachable),
            false => self.answers.lock().pop_front(),
        };
        match next.unwrap_or(Answer::Status(200, &[])) {
            Answer::Status(status, fields) => {
                let mut response = Response::builder().status(status);
                for (name, value) in fields {
                    response = response.header(*name, *value);
                }
                Ok(response.body(r#"{"success":true}"#.into()).unwrap())
            }
            Answer::Unreachable => Err(std::io::ErrorKind::ConnectionRefused.into()),
            Answer::Silence => std::future::pending().await,
            Answer::Panic => panic!("the transport panics"),
        }
    }

    /// Returns the calls so far.
    pub(crate) fn calls(&self) -> usize {
        self.calls.lock().len()
    }

    /// Returns the bodies of the calls so far.
    pub(crate) fn bodies(&self) -> Vec<String> {
        let text = |(_, request): &Call| String::from_utf8(request.body().to_vec()).unwrap();
        self.calls.lock().iter().map(text).collect()
    }

    /// Returns the paths of the calls so far.
    pub(crate) fn paths(&self) -> Vec<String> {
        let calls = self.calls.lock();
        calls
            .iter()
            .map(|(_, request)| request.uri().path().to_owned())
            .collect()
    }

    /// Returns the times between the calls so far.
    pub(crate) fn pauses(&self) -> Vec<Duration> {
        let calls = self.calls.lock();
        calls.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
    }
}
