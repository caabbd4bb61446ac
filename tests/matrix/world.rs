//! The API, and the record of its calls.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use http_body_util::BodyExt;
use parking_lot::Mutex;

use crate::{api, layers::PROVIDER};

/// The API, and the record of its calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct World(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    calls: AtomicUsize,
    in_flight: AtomicUsize,
    batches: AtomicUsize,
    items: AtomicUsize,
    /// Providers of the calls, in order.
    providers: Mutex<Vec<String>>,
    /// Names of the failures that have happened.
    broken: Mutex<HashSet<String>>,
    written: AtomicUsize,
}

/// A call in flight, as long as it exists.
struct InFlight(World);

// === impl World ===

impl World {
    /// Returns the API, as a router.
    pub(crate) fn app(&self) -> Router {
        api::routes()
            .with_state(self.clone())
            .layer(DefaultBodyLimit::disable())
            .layer(from_fn_with_state(self.clone(), watch))
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.calls.load(Relaxed)
    }

    /// Returns the calls in flight, from the first poll to the end of the body.
    pub(crate) fn in_flight(&self) -> usize {
        self.0.in_flight.load(Relaxed)
    }

    /// Returns the number of batch calls, and of items in them.
    pub(crate) fn batched(&self) -> (usize, usize) {
        (self.0.batches.load(Relaxed), self.0.items.load(Relaxed))
    }

    pub(crate) fn providers(&self) -> Vec<String> {
        self.0.providers.lock().clone()
    }

    pub(crate) fn count_batch(&self, items: usize) {
        self.0.batches.fetch_add(1, Relaxed);
        self.0.items.fetch_add(items, Relaxed);
    }

    /// Returns the number of writes of the document.
    pub(crate) fn version(&self) -> usize {
        self.0.written.load(Relaxed)
    }

    /// Writes the document, and returns its new version.
    pub(crate) fn write(&self) -> usize {
        self.0.written.fetch_add(1, Relaxed) + 1
    }

    /// Returns true on the first call.
    pub(crate) fn breaks(&self, what: String) -> bool {
        self.0.broken.lock().insert(what)
    }

    fn begin(&self) -> InFlight {
        self.0.calls.fetch_add(1, Relaxed);
        self.0.in_flight.fetch_add(1, Relaxed);
        InFlight(self.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// Counts calls, and yields before and after the handler, and before each frame.
async fn watch(State(world): State<World>, request: Request, next: Next) -> Response {
    let mark = world.begin();
    if let Some(provider) = request.headers().get(PROVIDER) {
        let provider = String::from_utf8_lossy(provider.as_bytes()).into_owned();
        world.0.providers.lock().push(provider);
    }
    tokio::task::yield_now().await;
    let response = next.run(request).await;
    tokio::task::yield_now().await;
    if http_body::Body::is_end_stream(response.body()) {
        return response;
    }
    // A body of known length keeps its length.
    let mark = Arc::new(mark);
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _ = &mark;
            frame
        }))
    })
}
