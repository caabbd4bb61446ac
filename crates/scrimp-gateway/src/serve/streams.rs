//! Streams of HTTP/2 that the client does not read.
//!
//! hyper takes the next frame of a body only when the client has room for the one before, and
//! nothing polls the body meanwhile. So the task of each stream, which this executor starts, watches
//! how long its last frame stays.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::rt::Executor;
use parking_lot::Mutex;
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::alarm::Alarm;
use crate::pace::{Pace, Patience};

tokio::task_local! {
    static FLOW: Arc<Flow>;
}

/// Starts the tasks of a connection's streams.
#[derive(Clone)]
pub(crate) struct Streams {
    pace: Pace,
}

/// The frame of a stream that hyper holds until the client has room for it.
pub(crate) struct Flow(Mutex<State>);

struct State {
    patience: Patience,
    bytes: usize,
}

pin_project! {
    /// Ends with its stream, or drops it when the client reads too slowly. The drop resets it.
    struct Watched<F> {
        #[pin]
        stream: F,
        flow: Arc<Flow>,
        alarm: Alarm,
    }
}

// === impl Streams ===

impl Streams {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace }
    }
}

impl<F: Future + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let flow = Arc::new(Flow(Mutex::new(State {
            patience: self.pace.patience(),
            bytes: 0,
        })));
        let watched = Watched {
            stream,
            flow: Arc::clone(&flow),
            alarm: Alarm::default(),
        };
        tokio::spawn(FLOW.scope(flow, watched));
    }
}

// === impl Flow ===

impl Flow {
    /// Returns that of the stream whose task runs. HTTP/1.1 has none.
    pub(crate) fn current() -> Option<Arc<Self>> {
        FLOW.try_with(Arc::clone).ok()
    }

    /// Notes that hyper has the next frame.
    pub(crate) fn handed_over(&self, bytes: usize) {
        let mut state = self.0.lock();
        state.bytes = bytes;
        state.patience.wait(Instant::now());
    }

    /// Notes that hyper asks for the next frame, so the client had room for the last one.
    pub(crate) fn taken(&self) {
        let mut state = self.0.lock();
        let bytes = std::mem::take(&mut state.bytes);
        if state.patience.deadline().is_some() {
            state.patience.moved(Instant::now(), bytes);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.0.lock().patience.deadline()
    }
}

// === impl Watched ===

impl<F: Future> Future for Watched<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.stream.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(deadline) = this.flow.deadline() else {
            return Poll::Pending;
        };
        ready!(this.alarm.poll(deadline, cx));
        tracing::debug!("a client did not read a stream, which is reset");
        Poll::Ready(())
    }
}
