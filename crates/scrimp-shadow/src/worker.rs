//! The task in which a layer is tried.

use std::{
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use scrimp_core::{extensions::WholeBody, release_span, root_span};
use tokio::{
    runtime::Handle,
    sync::{
        Notify,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
};
use tower::ServiceExt;
use tower_layer::Layer;
use tower_service::Service;
use tracing::Instrument;

use crate::{
    Recorded, ShadowStats,
    config::Config,
    exchange::{Exchange, Live, Room, Ticket, Wanting},
};

/// Word of the task's span.
const WORK: &str = "shadow.trial";

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts the task of a layer, whatever its type.
pub(crate) struct Worker(Box<dyn FnOnce(Arc<Room>, UnboundedReceiver<Trial>) -> Task + Send>);

/// The requests that a layer is tried with.
pub(crate) struct Trials {
    room: Arc<Room>,
    open: Arc<Open>,
    trials: OnceLock<UnboundedSender<Trial>>,
    worker: Mutex<Option<Worker>>,
}

/// One request for the tried layer.
pub(crate) struct Trial {
    request: Request<Full<Bytes>>,
    wanting: Wanting,
    _place: Place,
}

/// The requests that the tried layer has not finished.
#[derive(Debug)]
struct Open {
    count: AtomicUsize,
    most: usize,
    none: Notify,
}

/// One of them. Dropping it makes room for another.
struct Place(Arc<Open>);

// === impl Worker ===

impl Worker {
    pub(crate) fn new<L, B>(layer: L) -> Self
    where
        L: Layer<Recorded> + Send + 'static,
        L::Service: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        <L::Service as Service<Request<Full<Bytes>>>>::Future: Send,
        <L::Service as Service<Request<Full<Bytes>>>>::Error: Send,
        B: Body<Data = Bytes> + Send + 'static,
    {
        Self(Box::new(move |room, trials| {
            let service = layer.layer(Recorded::new(Arc::clone(&room)));
            Box::pin(run(service, room, trials))
        }))
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Worker")
    }
}

/// Tries a layer with all requests, until none can come any more.
async fn run<T, B>(service: T, room: Arc<Room>, mut trials: UnboundedReceiver<Trial>)
where
    T: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    T::Future: Send,
    T::Error: Send,
    B: Body<Data = Bytes> + Send + 'static,
{
    let mut open = FuturesUnordered::new();
    loop {
        tokio::select! {
            trial = trials.recv() => {
                let Some(trial) = trial else { break };
                let (service, room) = (service.clone(), Arc::clone(&room));
                open.push(async move {
                    // A layer that panics is no reason to stop the trial.
                    let outcome = AssertUnwindSafe(one(service, trial)).catch_unwind().await;
                    if outcome.is_err() {
                        room.counters.panicked.increment();
                    }
                });
            }
            Some(()) = open.next() => {}
        }
    }
    while open.next().await.is_some() {}
}

/// Tries a layer with one request, and reads the response to its end, as the live caller does.
async fn one<T, B>(service: T, trial: Trial)
where
    T: Service<Request<Full<Bytes>>, Response = Response<B>>,
    B: Body<Data = Bytes>,
{
    let Trial {
        mut request,
        wanting,
        _place,
    } = trial;
    request.extensions_mut().insert(Ticket::new(wanting));
    if let Ok(response) = service.oneshot(request).await {
        let mut body = pin!(response.into_body());
        while let Some(Ok(_)) = body.frame().await {}
    }
}

// === impl Trials ===

impl Trials {
    pub(crate) fn new(config: Config, worker: Worker) -> Self {
        let Config {
            max_requests,
            max_bytes,
        } = config;
        Self {
            room: Arc::new(Room::new(max_bytes)),
            open: Arc::new(Open {
                count: AtomicUsize::new(0),
                most: max_requests,
                none: Notify::new(),
            }),
            trials: OnceLock::new(),
            worker: Mutex::new(Some(worker)),
        }
    }

    /// Shows a request to the tried layer. Returns the side of the live call, if it is shown.
    pub(crate) fn show<B>(&self, request: &Request<B>) -> Option<Live> {
        let counters = &self.room.counters;
        counters.requests.increment();
        let live = self.send(request);
        if live.is_none() {
            counters.skipped.increment();
        }
        live
    }

    fn send<B>(&self, request: &Request<B>) -> Option<Live> {
        let place = Open::enter(&self.open)?;
        let trials = self.trials()?;
        let (live, wanting) = Exchange::begin(Arc::clone(&self.room));
        let mut copy = Request::new(Full::default());
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.version_mut() = request.version();
        copy.headers_mut().clone_from(request.headers());
        let extensions = copy.extensions_mut();
        extensions.clone_from(request.extensions());
        release_span(extensions);
        if let Some(WholeBody(body)) = extensions.remove() {
            *copy.body_mut() = Full::new(body);
        }
        let trial = Trial {
            request: copy,
            wanting,
            _place: place,
        };
        // The runtime of the task may have ended.
        trials.send(trial).ok().map(|()| live)
    }

    /// Returns the way to the task, which is started if needed. `None` without a runtime.
    fn trials(&self) -> Option<&UnboundedSender<Trial>> {
        if let Some(trials) = self.trials.get() {
            return Some(trials);
        }
        let runtime = Handle::try_current().ok()?;
        let mut worker = self.worker.lock();
        if let Some(Worker(start)) = worker.take() {
            let (sender, receiver) = unbounded_channel();
            let task = start(Arc::clone(&self.room), receiver);
            runtime.spawn(task.instrument(root_span(WORK)));
            // Only the one who took the worker sets it.
            let _ = self.trials.set(sender);
        }
        self.trials.get()
    }

    pub(crate) fn stats(&self) -> ShadowStats {
        self.room.counters.read()
    }

    pub(crate) async fn settled(&self) {
        loop {
            let mut none = pin!(self.open.none.notified());
            none.as_mut().enable();
            if self.open.count.load(SeqCst) == 0 {
                return;
            }
            none.await;
        }
    }
}

impl fmt::Debug for Trials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trials")
            .field("open", &self.open)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

// === impl Open ===

impl Open {
    fn enter(open: &Arc<Self>) -> Option<Place> {
        let sum = |count: usize| (count < open.most).then_some(count + 1);
        let entered = open.count.fetch_update(SeqCst, SeqCst, sum).is_ok();
        entered.then(|| Place(Arc::clone(open)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, SeqCst) == 1 {
            self.0.none.notify_waiters();
        }
    }
}
