//! The reply of a scripted service to one call.

use std::{collections::VecDeque, fmt, time::Duration};

use http::Response;
use scrimp_core::BoxError;

use crate::{
    Gate, ScriptedBody,
    wait::{self, Wait},
};

/// Script of one call: its waits, then its end.
#[must_use]
pub struct Reply {
    pub(crate) waits: VecDeque<Wait>,
    pub(crate) end: End,
}

pub(crate) enum End {
    Respond(Response<ScriptedBody>),
    Fail(BoxError),
    Panic,
    PanicInCall,
}

// === impl Reply ===

impl Reply {
    fn new(end: End) -> Self {
        Self {
            waits: VecDeque::new(),
            end,
        }
    }

    /// Returns a response.
    pub fn respond(response: Response<ScriptedBody>) -> Self {
        Self::new(End::Respond(response))
    }

    /// Returns 200 with this body and no headers.
    pub fn body(body: ScriptedBody) -> Self {
        Self::respond(Response::new(body))
    }

    /// Fails the call.
    pub fn error(error: impl Into<BoxError>) -> Self {
        Self::new(End::Fail(error.into()))
    }

    /// Panics in the future of the call.
    pub fn panic() -> Self {
        Self::new(End::Panic)
    }

    /// Panics in `call`, before there is a future, and without waiting.
    pub fn panic_in_call() -> Self {
        Self::new(End::PanicInCall)
    }

    fn wait(mut self, wait: Wait) -> Self {
        self.waits.push_back(wait);
        self
    }

    /// Waits until the gate opens.
    pub fn gate(self, gate: &Gate) -> Self {
        self.wait(wait::gate(gate))
    }

    /// Waits for a time by tokio's clock.
    pub fn delay(self, time: Duration) -> Self {
        self.wait(wait::delay(time))
    }

    /// Waits for a second poll, and wakes its caller for it.
    pub fn wake(self) -> Self {
        self.wait(wait::wake())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match &self.end {
            End::Respond(response) => return f.debug_tuple("Reply").field(response).finish(),
            End::Fail(error) => return f.debug_tuple("Reply").field(error).finish(),
            End::Panic => "Reply(panic)",
            End::PanicInCall => "Reply(panic in call)",
        };
        f.write_str(end)
    }
}
