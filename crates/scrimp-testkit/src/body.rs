//! A scripted response body.

use std::{
    cell::Cell,
    collections::VecDeque,
    fmt,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use scrimp_core::BoxError;

use crate::{
    Gate,
    wait::{self, Wait},
};

/// A body that plays its steps in order and then ends.
///
/// It is `Send` and deliberately not `Sync`, so that no layer can ask for `Sync`.
pub struct ScriptedBody {
    steps: VecDeque<Step>,
    sized: bool,
    guards: Vec<Box<dyn Send>>,
    handle: BodyHandle,
    not_sync: PhantomData<Cell<()>>,
}

/// Progress of reading a [`ScriptedBody`]; it can be read after the body was dropped.
#[derive(Clone, Default)]
pub struct BodyHandle(Arc<Mutex<Progress>>);

enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Error(BoxError),
    Panic(&'static str),
    Wait(Wait),
}

#[derive(Debug, Default)]
struct Progress {
    polls: usize,
    frames: usize,
    bytes: usize,
    ended: bool,
    dropped: bool,
}

// === impl ScriptedBody ===

impl ScriptedBody {
    /// Makes a body without steps: it ends at its first poll.
    #[must_use]
    pub fn new() -> Self {
        Self {
            steps: VecDeque::new(),
            sized: false,
            guards: Vec::new(),
            handle: BodyHandle::default(),
            not_sync: PhantomData,
        }
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }

    /// Adds a frame of data, which may be empty.
    #[must_use]
    pub fn data(self, data: impl Into<Bytes>) -> Self {
        let data = data.into();
        self.step(Step::Data(data))
    }

    /// Adds trailers.
    #[must_use]
    pub fn trailers(self, trailers: HeaderMap) -> Self {
        self.step(Step::Trailers(trailers))
    }

    /// Adds an error, which ends the body.
    #[must_use]
    pub fn error(self, error: impl Into<BoxError>) -> Self {
        self.step(Step::Error(error.into()))
    }

    /// Adds a panic.
    #[must_use]
    pub fn panic(self, message: &'static str) -> Self {
        self.step(Step::Panic(message))
    }

    /// Adds a wait until the gate opens.
    #[must_use]
    pub fn gate(self, gate: &Gate) -> Self {
        self.step(Step::Wait(wait::gate(gate)))
    }

    /// Adds a wait by tokio's clock.
    #[must_use]
    pub fn delay(self, time: Duration) -> Self {
        self.step(Step::Wait(wait::delay(time)))
    }

    /// Adds one pending poll that wakes the reader.
    #[must_use]
    pub fn wake(self) -> Self {
        self.step(Step::Wait(wait::wake()))
    }

    /// Makes the body report its length and its end correctly. Without this it reports neither, as
    /// chunked bodies do.
    #[must_use]
    pub fn sized(mut self) -> Self {
        self.sized = true;
        self
    }

    /// Holds a value, such as a permit, until the body ends or is dropped.
    #[must_use]
    pub fn holding(mut self, guard: impl Send + 'static) -> Self {
        self.guards.push(Box::new(guard));
        self
    }

    /// Returns a handle on the progress of reading.
    #[must_use]
    pub fn handle(&self) -> BodyHandle {
        self.handle.clone()
    }

    fn at_end(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Wait(_)))
    }

    fn end(&mut self) {
        self.steps.clear();
        self.guards.clear();
        self.handle.0.lock().ended = true;
    }

    fn frame(&mut self, step: Step) -> Result<Frame<Bytes>, BoxError> {
        match step {
            Step::Data(data) => {
                {
                    let mut progress = self.handle.0.lock();
                    progress.frames += 1;
                    progress.bytes += data.len();
                }
                if self.is_end_stream() {
                    self.end();
                }
                Ok(Frame::data(data))
            }
            Step::Trailers(trailers) => {
                self.handle.0.lock().frames += 1;
                self.end();
                Ok(Frame::trailers(trailers))
            }
            Step::Error(error) => {
                self.end();
                Err(error)
            }
            Step::Panic(message) => {
                self.end();
                panic!("{message}")
            }
            Step::Wait(_) => unreachable!("waits are handled where frames are polled"),
        }
    }
}

impl Default for ScriptedBody {
    fn default() -> Self {
        Self::new()
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        this.handle.0.lock().polls += 1;
        while let Some(Step::Wait(wait)) = this.steps.front_mut() {
            ready!(wait.as_mut().poll(cx));
            this.steps.pop_front();
        }
        Poll::Ready(match this.steps.pop_front() {
            Some(step) => Some(this.frame(step)),
            None => {
                this.end();
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.sized && self.at_end()
    }

    fn size_hint(&self) -> SizeHint {
        if !self.sized {
            return SizeHint::default();
        }
        let left = self.steps.iter().map(|step| match step {
            Step::Data(data) => data.len() as u64,
            _ => 0,
        });
        SizeHint::with_exact(left.sum())
    }
}

impl Drop for ScriptedBody {
    fn drop(&mut self) {
        self.handle.0.lock().dropped = true;
    }
}

impl fmt::Debug for ScriptedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedBody")
            .field("steps_left", &self.steps.len())
            .field("sized", &self.sized)
            .finish_non_exhaustive()
    }
}

// === impl BodyHandle ===

impl BodyHandle {
    /// Returns the number of polls of the body.
    #[must_use]
    pub fn polls(&self) -> usize {
        self.0.lock().polls
    }

    /// Returns the number of frames that were read.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.0.lock().frames
    }

    /// Returns the number of bytes of data that were read.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.lock().bytes
    }

    /// Reports whether the reader has received the end or an error.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.0.lock().ended
    }

    /// Reports whether the body was dropped.
    #[must_use]
    pub fn dropped(&self) -> bool {
        self.0.lock().dropped
    }
}

impl fmt::Debug for BodyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.lock().fmt(f)
    }
}
