//! A spare call for a reader that fell behind.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, response::Parts};
use http_body::{Body, Frame};
use scrimp_core::BoxError;
use scrimp_http::representation::Identity;

use crate::shared::live::{BoxBody, FellBehind, Spare, SpareCall};

/// A body that continues at a reader's position, by a call of its own.
pub(crate) struct Resume {
    state: State,
    /// Number of bytes that the reader already has.
    skip: u64,
    head: Box<Identity>,
}

enum State {
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
            state: spare.map_or(State::Failed, |spare| State::Calling(spare())),
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
                State::Over => return Poll::Ready(None),
                State::Failed => return self.fail(FellBehind.into()),
                State::Calling(call) => match ready!(call.as_mut().poll(cx)) {
                    Err(error) => return self.fail(error),
                    Ok(response) => self.state = self.continued(response),
                },
                State::Body(body) => {
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
                        None => self.state = State::Over,
                    }
                }
            }
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Over => true,
            State::Body(body) => self.skip == 0 && body.is_end_stream(),
            State::Failed | State::Calling(_) => false,
        }
    }

    fn fail(&mut self, error: BoxError) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.state = State::Over;
        Poll::Ready(Some(Err(error)))
    }

    fn continued(&self, response: Response<BoxBody>) -> State {
        let (head, body) = response.into_parts();
        let identity = Identity::of(head.status, &head.headers);
        let same = identity == *self.head && (self.skip == 0 || identity.is_strong());
        if same {
            State::Body(body)
        } else {
            State::Failed
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
