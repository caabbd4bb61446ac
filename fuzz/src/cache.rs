//! A cache around an upstream that answers with arbitrary bytes.

use std::{
    future::{Ready, ready},
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use parking_lot::Mutex;
use scrimp_cache::{
    CacheLayer, CacheLayerBuilder, Entry, FillToken, Journal, Lookup, MemoryBudget, PutOutcome,
    Store, Variants,
};
use scrimp_core::{BoxError, Clock, Key, KeyRef, TimeSource};
use tokio::{runtime::Runtime, time::Instant};

/// The entry under a key.
type Kept = (Key, Arc<Variants>);

/// Store of one response, with a journal of bytes.
#[derive(Clone)]
pub struct OneEntry {
    kept: Arc<Mutex<Option<Kept>>>,
    budget: MemoryBudget,
    journal: Option<Arc<Records>>,
}

/// Journal in memory.
#[derive(Default)]
pub struct Records(Mutex<Vec<u8>>);

/// Clock that stands still: 2026-11-24T11:00:00Z.
struct Still(Instant);

// === impl OneEntry ===

impl OneEntry {
    /// Makes a store whose journal holds these bytes.
    #[must_use]
    pub fn with_journal(bytes: &[u8]) -> (Self, Arc<Records>) {
        let journal = Arc::new(Records(Mutex::new(bytes.to_vec())));
        let store = Self {
            journal: Some(Arc::clone(&journal)),
            ..Self::default()
        };
        (store, journal)
    }

    /// Replaces what was stored, under its key.
    ///
    /// # Panics
    ///
    /// If nothing was stored.
    pub fn replace(&self, variants: Variants) {
        let mut kept = self.kept.lock();
        kept.as_mut().expect("something was stored").1 = Arc::new(variants);
    }

    /// Returns what was stored.
    #[must_use]
    pub fn kept(&self) -> Option<(Key, Arc<Variants>)> {
        self.kept.lock().clone()
    }
}

impl Default for OneEntry {
    fn default() -> Self {
        Self {
            kept: Arc::default(),
            budget: MemoryBudget::new(1 << 24),
            journal: None,
        }
    }
}

impl Store for OneEntry {
    type Get = Ready<Result<Option<Arc<Variants>>, BoxError>>;
    type Put = Ready<Result<PutOutcome, BoxError>>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        let kept = self.kept();
        let same = kept.filter(|(own, _)| own.as_ref().as_bytes() == key.as_bytes());
        Lookup::Now(same.map(|(_, variants)| variants))
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        if !token.allows(&entry) {
            return ready(Ok(PutOutcome::Superseded));
        }
        let variants = Arc::new(Variants::default().with(&entry));
        *self.kept.lock() = Some((key, variants));
        ready(Ok(PutOutcome::Stored))
    }

    fn remove(&self, _: KeyRef<'_>, _: Option<&Arc<Entry>>) {
        *self.kept.lock() = None;
    }

    fn budget(&self) -> &MemoryBudget {
        &self.budget
    }

    fn max_body(&self) -> u64 {
        1 << 20
    }

    fn journal(&self) -> Option<Arc<dyn Journal>> {
        Some(Arc::clone(self.journal.as_ref()?) as Arc<dyn Journal>)
    }
}

// === impl Records ===

impl Records {
    /// Returns all records.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().clone()
    }
}

impl Journal for Records {
    fn read(&self) -> Result<Vec<u8>, BoxError> {
        Ok(self.bytes())
    }

    fn append(&self, record: &[u8]) -> Result<(), BoxError> {
        self.0.lock().extend_from_slice(record);
        Ok(())
    }

    fn replace(&self, records: &[u8]) -> Result<(), BoxError> {
        *self.0.lock() = records.to_vec();
        Ok(())
    }
}

// === impl Still ===

impl TimeSource for Still {
    fn instant(&self) -> Instant {
        self.0
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_518_000)
    }
}

/// Returns a clock that stands still.
#[must_use]
pub fn clock() -> Clock {
    static CLOCK: LazyLock<Clock> = LazyLock::new(|| Clock::new(Still(Instant::now())));
    CLOCK.clone()
}

/// Runs a future on one thread, with time that passes only while it waits.
///
/// # Panics
///
/// If there is no runtime.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime of one thread");
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}

/// Begins a layer over a store, on the clock that stands still.
pub fn layer(store: OneEntry) -> CacheLayerBuilder<OneEntry> {
    CacheLayer::builder(store).clock(clock())
}

/// Reads `name: value` lines up to an empty one; what is no field is left out. Returns the rest
/// too.
#[must_use]
pub fn head(data: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    let mut rest = data;
    while !rest.is_empty() {
        let end = rest.iter().position(|&byte| byte == b'\n');
        let line = &rest[..end.unwrap_or(rest.len())];
        rest = end.map_or(&[], |end| &rest[end + 1..]);
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value), true) = (name, value, headers.len() < 64) {
            headers.append(name, value);
        }
    }
    (headers, rest)
}

/// Makes a request of a first line (`GET /path`) and fields.
#[must_use]
pub fn request(data: &[u8]) -> Option<Request<Full<Bytes>>> {
    let end = data.iter().position(|&byte| byte == b'\n');
    let (line, rest) = data.split_at(end.unwrap_or(data.len()));
    let (method, target) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .body(Full::default())
        .ok()?;
    *request.headers_mut() = head(rest.strip_prefix(b"\n").unwrap_or_default()).0;
    Some(request)
}

/// Makes a response of a status's first line, fields and a body.
#[must_use]
pub fn response(data: &[u8]) -> Option<Response<Full<Bytes>>> {
    let (status, rest) = data.split_at_checked(3)?;
    let mut response = Response::builder()
        .status(status)
        .body(Full::default())
        .ok()?;
    let (headers, body) = head(rest.strip_prefix(b"\n").unwrap_or(rest));
    *response.headers_mut() = headers;
    *response.body_mut() = Full::from(Bytes::copy_from_slice(body));
    Some(response)
}
