//! A response's body on its way to the client.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::body::Body;
use bytes::{Buf, Bytes};
use http_body::{Body as _, Frame, SizeHint};

use super::{life::OpenRequest, streams::Flow};

/// Bytes of a frame. Buffers below hold a whole frame even if they have room for a byte only.
const FRAME: usize = 64 << 10;

/// Ends its request when it ends, and passes bytes on in short frames.
pub(crate) struct Answer {
    body: Body,
    rest: Bytes,
    open: Option<OpenRequest>,
    flow: Option<Arc<Flow>>,
}

// === impl Answer ===

impl Answer {
    pub(crate) fn new(body: Body, open: Option<OpenRequest>, flow: Option<Arc<Flow>>) -> Self {
        let mut answer = Self {
            body,
            rest: Bytes::new(),
            open,
            flow,
        };
        answer.notice_end();
        answer
    }

    fn notice_end(&mut self) {
        if self.is_end_stream() {
            self.complete();
        }
    }

    fn complete(&mut self) {
        if let Some(open) = self.open.take() {
            open.complete();
        }
    }

    fn next_piece(&mut self) -> Frame<Bytes> {
        let piece = self.rest.split_to(self.rest.len().min(FRAME));
        if let Some(flow) = &self.flow {
            flow.handed_over(piece.len());
        }
        Frame::data(piece)
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(flow) = &self.flow {
            flow.taken();
        }
        let frame = if self.rest.has_remaining() {
            Some(Ok(self.next_piece()))
        } else {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.rest = data;
                        Some(Ok(self.next_piece()))
                    }
                    Err(trailers) => Some(Ok(trailers)),
                },
                // Not the client's fault.
                end => {
                    self.complete();
                    end
                }
            }
        };
        self.notice_end();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(rest));
        if let Some(upper) = body.upper().and_then(|upper| upper.checked_add(rest)) {
            hint.set_upper(upper);
        }
        hint
    }
}
