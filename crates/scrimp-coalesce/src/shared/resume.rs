//! A call of its own for a reader that fell behind.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Response, response::Parts};
use http_body::{Body, Frame};
use scrimp_core::BoxError;
use scrimp_http::representation::Identity;

use super::body::FellBehind;

/// A call that is made only if a reader falls behind.
pub(crate) type Spare = Box<dyn FnOnce() -> SpareCall + Send>;

pub(crate) type SpareCall =
    Pin<Box<dyn Future<Output = Result<Response<BoxBody>, BoxError>> + Send>>;

/// A body with its type erased.
pub(crate) type BoxBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// A body that continues at a reader's position, by a call of its own.
pub(crate) struct Resume {
    state: ResumeState,
    /// Number of bytes that the reader already has.
    skip: u64,
    head: Box<Identity>,
}

enum ResumeState {
    Failed,
    Calling(SpareCall),
    Body(BoxBody),
    Over,
}

// === impl Resume ===

impl Resume {
    /// Starts the spare call. Without one, the body fails.
    pub(crate) fn new(spare: Option<Spare>, head: &Parts, read: u64) -> Self {
        Self {
            state: spare.map_or(ResumeState::Failed, |spare| ResumeState::Calling(spare())),
            skip: read,
            head: Box::new(Identity::of(head.status, &head.headers)),
        }
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            match &mut self.state {
                ResumeState::Over => return Poll::Ready(None),
                ResumeState::Failed => return self.fail(FellBehind.into()),
                ResumeState::Calling(call) => match ready!(call.as_mut().poll(cx)) {
                    Err(error) => return self.fail(error),
                    Ok(response) => self.state = self.continued(response),
                },
                ResumeState::Body(body) => {
                    let frame = ready!(body.as_mut().poll_frame(cx));
                    match frame {
                        Some(Ok(frame)) => {
                            if let Some(frame) = rest(frame, &mut self.skip) {
                                return Poll::Ready(Some(Ok(frame)));
                            }
                        }
                        Some(Err(error)) => return self.fail(error),
                        // A body shorter than the bytes already read has no clean end.
                        None if self.skip > 0 => return self.fail(FellBehind.into()),
                        None => self.state = ResumeState::Over,
                    }
                }
            }
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        match &self.state {
            ResumeState::Over => true,
            ResumeState::Body(body) => self.skip == 0 && body.is_end_stream(),
            ResumeState::Failed | ResumeState::Calling(_) => false,
        }
    }

    fn fail(&mut self, error: BoxError) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.state = ResumeState::Over;
        Poll::Ready(Some(Err(error)))
    }

    fn continued(&self, response: Response<BoxBody>) -> ResumeState {
        let (head, body) = response.into_parts();
        let identity = Identity::of(head.status, &head.headers);
        let same = identity == *self.head && (self.skip == 0 || identity.is_strong());
        if same {
            ResumeState::Body(body)
        } else {
            ResumeState::Failed
        }
    }
}

/// Returns the part of a frame that the reader does not have yet.
fn rest(frame: Frame<Bytes>, skip: &mut u64) -> Option<Frame<Bytes>> {
    let mut chunk = match frame.into_data() {
        Ok(chunk) => chunk,
        Err(frame) => return Some(frame),
    };
    let known = usize::try_from(*skip).map_or(chunk.len(), |skip| skip.min(chunk.len()));
    *skip -= known as u64;
    let rest = chunk.split_off(known);
    (!rest.is_empty()).then(|| Frame::data(rest))
}
