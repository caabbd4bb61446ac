//! State that all services of a layer own together.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;
use scrimp_core::Tasks;
use tokio::sync::{mpsc, oneshot};

use crate::{
    PrefetchStats,
    learning::Learner,
    message::{Message, Rules},
    request::Event,
    shared::Shared,
    worker::work,
};

/// State that the services of a layer own together. The worker holds `shared` alone, so it ends when the
/// layer and its services are gone.
pub(crate) struct Common {
    pub(crate) shared: Arc<Shared>,
    events: mpsc::Sender<Message>,
    /// The parts that the worker starts with, until the first event.
    idle: Mutex<Option<Idle>>,
    is_working: AtomicBool,
    tasks: Tasks,
}

/// The parts that a worker starts with.
type Idle = (mpsc::Receiver<Message>, Box<Learner>);

// === impl Common ===

impl Common {
    pub(crate) fn new(shared: Arc<Shared>, learner: Box<Learner>) -> Self {
        let (events, receiver) = mpsc::channel(shared.config.fetching.max_events);
        Self {
            shared,
            events,
            idle: Mutex::new(Some((receiver, learner))),
            is_working: AtomicBool::new(false),
            tasks: Tasks::default(),
        }
    }

    /// Hands a message to the worker, without waiting.
    pub(crate) fn send(&self, message: Message) {
        if !self.is_working.load(Relaxed) {
            self.start();
        }
        let is_visit = matches!(message, Message::Learn(_));
        match self.events.try_send(message) {
            // A browser that asks is no visit.
            _ if !is_visit => {}
            Ok(()) => self.shared.counters.requests.increment(),
            Err(_) => self.shared.counters.dropped.increment(),
        }
    }

    /// Asks the worker for the pages that follow one that is being made.
    pub(crate) fn ask_for_links(&self, event: &Event) -> oneshot::Receiver<Rules> {
        let (reply, links) = oneshot::channel();
        self.send(Message::Links(Box::new(event.clone()), reply));
        links
    }

    /// Forgets a session, behind all that was handed to the worker before. Returns true if it was known.
    pub(crate) async fn forget(&self, session: u64) -> bool {
        if !self.is_working.load(Relaxed) {
            self.start();
            if let Some(is_known) = self.forget_idle(session) {
                return is_known;
            }
        }
        let (reply, answer) = oneshot::channel();
        let message = Message::Forget(session, reply);
        // A worker that is gone has taken with it what it knew.
        self.events.send(message).await.is_ok() && answer.await.unwrap_or(false)
    }

    /// Forgets a session where there is no worker, as no runtime has started it.
    fn forget_idle(&self, session: u64) -> Option<bool> {
        let mut idle = self.idle.lock();
        let (waiting, learner) = idle.as_mut()?;
        while let Ok(message) = waiting.try_recv() {
            learner.take(message);
        }
        Some(learner.forget(session))
    }

    /// Starts the worker on the runtime of the first request.
    #[cold]
    fn start(&self) {
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let Some((receiver, learner)) = self.idle.lock().take() else {
            return;
        };
        self.is_working.store(true, Relaxed);
        let shared = Arc::clone(&self.shared);
        let worker = work(shared, receiver, learner);
        self.tasks
            .start_in(scrimp_core::root_span("prefetch.work"), worker);
    }

    pub(crate) fn stats(&self) -> PrefetchStats {
        self.shared.stats()
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
