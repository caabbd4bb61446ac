//! The state of a connection: it waits for a request, or serves some.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit},
    time::Instant,
};

use crate::config::Server;

use super::slots::Seat;

/// Number of requests that a connection may break off before their share counts.
const BROKEN_OFF: u64 = 100;

/// The state of one connection.
pub(crate) struct Life {
    seat: Seat,
    header_timeout: Duration,
    idle_timeout: Duration,
    state: Mutex<State>,
    /// Wakes the driver of the connection from another task.
    wake: Notify,
}

struct State {
    /// Requests whose response has not ended, and a write that the client delays.
    open: usize,
    deadline: Instant,
    /// The deadline is that of a request's fields.
    has_begun: bool,
    multiplexed: bool,
    requests: u64,
    broken_off: u64,
}

/// A request whose response has not ended.
pub(crate) struct OpenRequest {
    hold: Hold,
    complete: bool,
    _permit: OwnedSemaphorePermit,
}

/// Keeps a connection from being idle.
pub(crate) struct Hold(Arc<Life>);

// === impl Life ===

impl Life {
    /// Starts with the wait for the first request.
    pub(crate) fn new(seat: Seat, server: &Server) -> Arc<Self> {
        let now = Instant::now();
        seat.waits(now);
        Arc::new(Self {
            seat,
            header_timeout: server.header_timeout,
            idle_timeout: server.idle_timeout,
            state: Mutex::new(State {
                open: 0,
                deadline: now + server.header_timeout,
                has_begun: true,
                multiplexed: false,
                requests: 0,
                broken_off: 0,
            }),
            wake: Notify::new(),
        })
    }

    /// Notes that bytes have arrived: the next request's, if none is open.
    pub(crate) fn arrived(&self) {
        let mut state = self.state.lock();
        // In an idle connection of HTTP/2 they are pings and windows as well.
        if state.open == 0 && !state.has_begun && !state.multiplexed {
            state.has_begun = true;
            state.deadline = state.deadline.min(Instant::now() + self.header_timeout);
        }
    }

    /// Opens a request, which has a permit.
    pub(crate) fn open(
        self: &Arc<Self>,
        multiplexed: bool,
        permit: OwnedSemaphorePermit,
    ) -> OpenRequest {
        {
            let mut state = self.state.lock();
            state.requests += 1;
            state.multiplexed |= multiplexed;
        }
        OpenRequest {
            hold: self.hold(),
            complete: false,
            _permit: permit,
        }
    }

    /// Keeps the connection from being idle.
    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        let mut state = self.state.lock();
        state.open += 1;
        if state.open == 1 {
            self.seat.serves();
        }
        Hold(Arc::clone(self))
    }

    /// Returns the time at which the connection has waited long enough, if it waits.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let state = self.state.lock();
        (state.open == 0).then_some(state.deadline)
    }

    /// Reports whether the connection waits, and has waited long enough.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Reports whether the connection waits for a request of which nothing has arrived.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.state.lock();
        state.open == 0 && !state.has_begun
    }

    /// Reports whether the client breaks off its requests in order to make work.
    pub(crate) fn is_abused(&self) -> bool {
        let state = self.state.lock();
        state.broken_off >= BROKEN_OFF && state.broken_off * 2 > state.requests
    }

    /// Ends when another task has changed the state.
    pub(crate) async fn changed(&self) {
        self.wake.notified().await;
    }

    /// Ends when the connection has to make room for another one.
    pub(crate) async fn cut(&self) {
        self.seat.cut().await;
    }

    fn release(&self) {
        let mut state = self.state.lock();
        state.open -= 1;
        if state.open > 0 {
            return;
        }
        let now = Instant::now();
        state.deadline = now + self.idle_timeout;
        state.has_begun = false;
        self.seat.waits(now);
        if state.multiplexed {
            // Requests of HTTP/2 end in tasks of their own.
            self.wake.notify_one();
        }
    }

    fn broke_off(&self) {
        let mut state = self.state.lock();
        state.broken_off += 1;
        if state.multiplexed {
            self.wake.notify_one();
        }
    }
}

// === impl OpenRequest ===

impl OpenRequest {
    /// Notes that the response has ended, or has failed by another's fault.
    pub(crate) fn complete(mut self) {
        self.complete = true;
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        if !self.complete {
            self.hold.0.broke_off();
        }
    }
}

// === impl Hold ===

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.release();
    }
}
