//! One reader of a shared body.

use std::{
    error::Error,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::{Frame, SizeHint};
use scrimp_core::BoxError;
use tokio::{
    runtime::Handle,
    time::{Sleep, sleep},
};

use crate::{
    answer::{Arrived, Load},
    carry::{Next, Progress, Stop},
    flight::{Member, Outcome},
    live::{BoxBody, Live},
    resume::Resume,
    stream::Stream,
    tasks::Tasks,
};

/// Why a body breaks off for one reader while others go on: it had not read what the others
/// were done with, and no more of that is kept than the layer's
/// [`max_bytes`](crate::CoalesceLayerBuilder::max_bytes).
#[derive(Debug)]
#[non_exhaustive]
pub struct FellBehind;

/// A call that can be made if need be.
pub(crate) type Spare = Box<dyn FnOnce() -> SpareCall + Send>;

pub(crate) type SpareCall =
    Pin<Box<dyn Future<Output = Result<Response<BoxBody>, BoxError>> + Send>>;

/// A place in a [`Stream`] that comes in. Leaves when it is dropped.
pub(crate) struct Reader {
    stream: Arc<Stream>,
    place: usize,
    read: u64,
    own: Option<Box<Resume>>,
    /// It is ahead, and waits for others to read on.
    patience: Option<Pin<Box<Sleep>>>,
}

// === impl Reader ===

impl Reader {
    /// A place at the first byte; `None` if it has gone by.
    pub(crate) fn new(stream: &Arc<Stream>) -> Option<Self> {
        Some(Self {
            place: stream.as_live()?.enter()?,
            stream: Arc::clone(stream),
            read: 0,
            own: None,
            patience: None,
        })
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(own) = &mut self.own {
            return own.poll_frame(cx);
        }
        Poll::Ready(match ready!(self.next(cx)) {
            Ok(frame) => {
                self.read += frame.data_ref().map_or(0, Bytes::len) as u64;
                Some(Ok(frame))
            }
            Err(Stop::End) => None,
            Err(Stop::Failed(error)) => Some(Err(error.into())),
            Err(Stop::CutOff) => {
                let spare = self.stream.as_live().and_then(Live::spare);
                let own =
                    self.own
                        .insert(Box::new(Resume::new(spare, &self.stream.head, self.read)));
                return own.poll_frame(cx);
            }
        })
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        loop {
            match self.stream.poll(self.place, cx) {
                Progress::Ready(next) => {
                    self.patience = None;
                    return Poll::Ready(next);
                }
                Progress::Pending => {
                    self.patience = None;
                    return Poll::Pending;
                }
                Progress::Full(time) => {
                    let patience = self.patience.insert(Box::pin(sleep(time)));
                    ready!(patience.as_mut().poll(cx));
                }
            }
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        match &self.own {
            Some(own) => own.is_end_stream(),
            None => {
                let live = self.stream.as_live();
                live.is_none_or(|live| live.is_over(self.place))
            }
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        let mut left = SizeHint::new();
        let Some(Live { hint: whole, .. }) = self.stream.as_live() else {
            return left;
        };
        if let Some(upper) = whole.upper() {
            left.set_upper(upper.saturating_sub(self.read));
        }
        left.set_lower(whole.lower().saturating_sub(self.read));
        left
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stream.leave(self.place);
    }
}

/// Finishes a call that everybody has left, if there is a runtime to do it in.
pub(crate) fn finish_call(mut member: Member<Arrived>) {
    let Some(tasks) = member.terms().common.tasks.upgrade() else {
        return;
    };
    tasks.start(async move {
        let outcome = poll_fn(|cx| member.poll(cx)).await;
        let (Outcome::Landed, Some(Load::Answer(stream))) = (outcome, member.cargo()) else {
            return;
        };
        member.terms().common.counters().finished.add();
        let reader = Reader::new(stream);
        drop(member);
        if let Some(reader) = reader {
            drain(reader).await;
        }
    });
}

/// Reads a body that everybody has left to its end, if there is a runtime to do it in.
pub(crate) fn finish_body(tasks: &Weak<Tasks>, stream: &Arc<Stream>) -> bool {
    let (Some(tasks), Ok(_)) = (tasks.upgrade(), Handle::try_current()) else {
        return false;
    };
    let started = Reader::new(stream).is_some_and(|reader| tasks.start(drain(reader)));
    if let (true, Some(live)) = (started, stream.as_live()) {
        live.note_finished();
    }
    started
}

async fn drain(mut reader: Reader) {
    while let Some(Ok(_)) = poll_fn(|cx| reader.poll_frame(cx)).await {}
}

// === impl FellBehind ===

impl fmt::Display for FellBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this reader fell too far behind the others of a shared response")
    }
}

impl Error for FellBehind {}
