//! A request's body that must arrive at a pace.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::alarm::Alarm;
use crate::{
    pace::{Pace, Patience, TooSlow},
    upload::Upload,
};

/// Fails with [`TooSlow`] when the client sends too slowly.
pub(crate) struct RequestBody {
    body: Incoming,
    upload: Upload,
    patience: Patience,
    alarm: Alarm,
}

// === impl RequestBody ===

impl RequestBody {
    pub(crate) fn new(body: Incoming, pace: Pace, upload: Upload) -> Self {
        Self {
            body,
            upload,
            patience: pace.patience(),
            alarm: Alarm::default(),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            match &frame {
                Some(Ok(frame)) => {
                    let bytes = frame.data_ref().map_or(0, Buf::remaining);
                    self.patience.moved(Instant::now(), bytes);
                }
                Some(Err(_)) => self.upload.broke_off(),
                None => {}
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let deadline = self.patience.wait(Instant::now());
        ready!(self.alarm.poll(deadline, cx));
        self.upload.was_too_slow();
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
