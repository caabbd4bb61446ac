//! Bodies on their way in and out.

use std::{
    any::Any,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use scrimp_core::BoxError;
use sync_wrapper::SyncWrapper;

/// What a body brings when it is polled; `None` at its end.
type Polled = Option<Result<Frame<Bytes>, BoxError>>;

pin_project! {
    /// A body that can be shared between threads because nobody does: reqwest wants that of
    /// its bodies, and tower's have no need of it.
    struct Exclusive<B> {
        // What came when it was looked at.
        first: SyncWrapper<Option<Polled>>,
        #[pin]
        body: SyncWrapper<B>,
        // Asking a body that is not `Sync` takes it mutably, so the answers are kept.
        hint: SizeHint,
        ended: bool,
    }
}

/// A request's body as reqwest sends it.
///
/// One of reqwest's own goes as it is. One that is there as a whole becomes one of reqwest's
/// in memory, which can be sent again after a redirect or by a retry; an empty one is none,
/// so that no length is announced for a GET. Anything else streams.
pub(crate) fn outgoing<B>(body: B) -> reqwest::Body
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    if body.is_end_stream() {
        return reqwest::Body::default();
    }
    let mut body = Some(body);
    let own = (&mut body as &mut dyn Any).downcast_mut::<Option<reqwest::Body>>();
    if let Some(own) = own.and_then(Option::take) {
        return own;
    }
    body.map_or_else(reqwest::Body::default, |body| {
        if body.size_hint().exact().is_some() {
            whole_or_streaming(Box::pin(body))
        } else {
            wrap(body)
        }
    })
}

/// Looks whether the first frame is all there is.
fn whole_or_streaming<B>(mut body: Pin<Box<B>>) -> reqwest::Body
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut first: Option<Polled> = None;
    if let Poll::Ready(frame) = body
        .as_mut()
        .poll_frame(&mut Context::from_waker(Waker::noop()))
    {
        let whole = frame
            .as_ref()
            .and_then(|frame| frame.as_ref().ok()?.data_ref());
        match whole {
            Some(whole) if body.is_end_stream() => return whole.clone().into(),
            _ => first = Some(frame.map(|frame| frame.map_err(Into::into))),
        }
    }
    let hint = body.size_hint();
    let taken = first.as_ref().and_then(Option::as_ref);
    let taken = taken.and_then(|frame| frame.as_ref().ok()?.data_ref());
    let taken = taken.map_or(0, |chunk| chunk.len() as u64);
    // The length that is announced is that of all of it.
    let hint = hint
        .exact()
        .map_or(hint, |rest| SizeHint::with_exact(rest + taken));
    reqwest::Body::wrap(Exclusive {
        ended: first.is_none() && body.is_end_stream(),
        first: SyncWrapper::new(first),
        body: SyncWrapper::new(body),
        hint,
    })
}

/// A body as one of reqwest's, streaming.
pub(crate) fn wrap<B>(body: B) -> reqwest::Body
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    reqwest::Body::wrap(Exclusive {
        first: SyncWrapper::new(None),
        hint: body.size_hint(),
        ended: body.is_end_stream(),
        body: SyncWrapper::new(body),
    })
}

impl<B> Body for Exclusive<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Polled> {
        let this = self.project();
        let mut body = this.body.get_pin_mut();
        let frame = match this.first.get_mut().take() {
            Some(first) => first,
            None => ready!(body.as_mut().poll_frame(cx)).map(|frame| frame.map_err(Into::into)),
        };
        *this.hint = body.size_hint();
        *this.ended = body.is_end_stream();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}
