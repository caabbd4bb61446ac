//! Body of a response, watched.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use scrimp_core::Tee;

use super::drain::Drains;
use crate::meter::Meter;

/// Body of a [`CostRoute`](crate::CostRoute)'s response: a provider's, or a refusal's.
pub struct RouteBody<B: Body> {
    kind: Kind<B>,
}

enum Kind<B: Body> {
    Own {
        data: Option<Bytes>,
    },
    Passing {
        /// The body, until this one is dropped.
        body: Option<Watched<B>>,
        /// The way to read on after that.
        drains: Option<Drains<B>>,
    },
}

/// Body of a provider, and the meter of its call.
pub(crate) type Watched<B> = Tee<Held<Pin<Box<B>>>, Meter>;

pin_project! {
    /// Body of which some frames were read before the caller gets it.
    pub(crate) struct Held<B: Body> {
        frames: VecDeque<Result<Frame<Bytes>, B::Error>>,
        // True if the end was read, even if `rest` does not report its end.
        done: bool,
        #[pin]
        rest: B,
    }
}

/// The body broke off. Its error is kept for the reader.
struct Broken;

// === impl RouteBody ===

impl<B: Body> RouteBody<B> {
    pub(crate) fn own(data: Bytes) -> Self {
        Self {
            kind: Kind::Own {
                data: Some(data).filter(|data| !data.is_empty()),
            },
        }
    }

    /// Returns the model of the call, if its price is of one, until the body has ended.
    pub(crate) fn model(&self) -> Option<&str> {
        match &self.kind {
            Kind::Own { .. } => None,
            Kind::Passing { body, .. } => body.as_ref()?.sink()?.call.bill.model.as_deref(),
        }
    }
}

impl<B: Body<Data = Bytes>> RouteBody<B> {
    pub(crate) fn passing(body: Held<Pin<Box<B>>>, meter: Meter) -> Self {
        Self {
            kind: Kind::Passing {
                body: Some(Tee::new(body, meter)),
                drains: None,
            },
        }
    }
}

impl<B: Body> RouteBody<B> {
    /// Sets how the rest is read if the caller leaves before the end, and it is worth that.
    pub(crate) fn read_on_by(&mut self, how: Drains<B>) {
        if let Kind::Passing { drains, .. } = &mut self.kind {
            *drains = Some(how);
        }
    }
}

impl<B: Body> Drop for RouteBody<B> {
    fn drop(&mut self) {
        if let Kind::Passing { body, drains } = &mut self.kind
            && let (Some(body), Some(drains)) = (body.take(), drains.take())
        {
            drains.take(body);
        }
    }
}

impl<B: Body<Data = Bytes>> Body for RouteBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.kind {
            Kind::Own { data } => Poll::Ready(data.take().map(|data| Ok(Frame::data(data)))),
            Kind::Passing { body, .. } => match body {
                Some(body) => Pin::new(body).poll_frame(cx),
                None => Poll::Ready(None),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Own { data } => data.is_none(),
            Kind::Passing { body, .. } => body.as_ref().is_none_or(Body::is_end_stream),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Own { data } => {
                SizeHint::with_exact(data.as_ref().map_or(0, |data| data.len() as u64))
            }
            Kind::Passing { body, .. } => body.as_ref().map_or_else(SizeHint::new, Body::size_hint),
        }
    }
}

impl<B: Body> fmt::Debug for RouteBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Own { .. } => "RouteBody(own)",
            Kind::Passing { .. } => "RouteBody(passing)",
        })
    }
}

// === impl Held ===

impl<B: Body<Data = Bytes> + Unpin> Held<B> {
    pub(crate) fn new(rest: B) -> Self {
        Self {
            frames: VecDeque::new(),
            done: false,
            rest,
        }
    }

    /// Returns the bytes that were read.
    pub(crate) fn data(&self) -> impl Iterator<Item = &Bytes> {
        self.frames
            .iter()
            .filter_map(|frame| frame.as_ref().ok()?.data_ref())
    }
}

impl<B: Body<Data = Bytes> + Unpin> Held<B> {
    /// Waits for the first bytes, or the end if there are none. Returns false if the body broke
    /// off; the error is kept for the reader.
    pub(crate) async fn first(&mut self) -> bool {
        self.until(|length| length > 0).await
    }

    /// Reads to the end, or to the first byte above the limit. Returns false if the body broke
    /// off; the error is kept for the reader.
    pub(crate) async fn all(&mut self, limit: usize) -> bool {
        self.until(|length| length > limit).await
    }

    /// Reads on while `look` returns false for the chunks, those that were read before included.
    /// Returns false if the body broke off; the error is kept for the reader.
    pub(crate) async fn look(&mut self, look: &mut impl FnMut(&[u8]) -> bool) -> bool {
        let mut seen = 0;
        loop {
            while let Some(frame) = self.frames.get(seen) {
                seen += 1;
                match frame.as_ref().map(Frame::data_ref) {
                    Ok(Some(chunk)) if look(chunk) => return true,
                    Ok(_) => {}
                    Err(_) => return false,
                }
            }
            if self.is_done() {
                return true;
            }
            self.read().await;
        }
    }

    /// Reads what has arrived already, up to about a limit, without waiting for more.
    pub(crate) async fn arrived(&mut self, limit: usize) {
        let mut read = std::pin::pin!(self.all(limit));
        std::future::poll_fn(|cx| {
            let _ = read.as_mut().poll(cx);
            Poll::Ready(())
        })
        .await;
    }

    async fn until(&mut self, enough: impl Fn(usize) -> bool) -> bool {
        let mut length = self.length();
        while !enough(length) && !self.is_done() {
            match self.read().await {
                Some(Ok(more)) => length += more,
                Some(Err(Broken)) => return false,
                None => {}
            }
        }
        true
    }

    /// Reads a frame, and returns the length of its data. `None` at the end.
    async fn read(&mut self) -> Option<Result<usize, Broken>> {
        let rest = &mut self.rest;
        let frame = std::future::poll_fn(|cx| Pin::new(&mut *rest).poll_frame(cx)).await;
        let Some(frame) = frame else {
            self.done = true;
            return None;
        };
        let length = match &frame {
            Ok(frame) => Ok(frame.data_ref().map_or(0, Bytes::len)),
            Err(_) => Err(Broken),
        };
        self.frames.push_back(frame);
        Some(length)
    }

    /// Reports whether the end was read.
    pub(crate) fn is_done(&self) -> bool {
        self.done || self.rest.is_end_stream()
    }

    /// Reports whether the end was read, and nothing before it.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_done() && self.length() == 0
    }

    pub(crate) fn length(&self) -> usize {
        self.data().map(Bytes::len).sum()
    }

    /// Returns the body in one piece, if it has been read to its end.
    pub(crate) fn whole(&self) -> Option<Bytes> {
        if !self.is_done() {
            return None;
        }
        Some(self.data().flatten().copied().collect())
    }
}

impl<B: Body<Data = Bytes>> Body for Held<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        match this.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None if *this.done || this.rest.is_end_stream() => Poll::Ready(None),
            None => this.rest.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && (self.done || self.rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let frames = self.frames.iter().flatten().filter_map(Frame::data_ref);
        let held: u64 = frames.map(|data| data.len() as u64).sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(held));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(held)) {
            hint.set_upper(upper);
        }
        hint
    }
}
