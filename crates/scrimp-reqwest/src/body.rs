//! Bodies of requests and responses.

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

/// Result of polling a body; `None` at its end.
type Polled = Option<Result<Frame<Bytes>, BoxError>>;

pin_project! {
    /// A body that reqwest accepts as `Sync`, because only one thread at a time uses it: reqwest
    /// requires `Sync` of its bodies, and tower does not.
    struct Exclusive<B> {
        // Result of the first poll.
        first: SyncWrapper<Option<Polled>>,
        #[pin]
        body: SyncWrapper<B>,
        // Reading a body that is not `Sync` needs mutable access, so the results are stored.
        hint: SizeHint,
        ended: bool,
    }
}

/// Converts a request body for reqwest.
///
/// reqwest's own body stays as it is. A body that is complete becomes an in-memory body of reqwest,
/// which can be sent again after a redirect or by a retry; an empty one becomes none, so that no
/// length is announced for a GET. All others stream.
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

/// Checks whether the first frame is the whole body.
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
    // The announced length is that of the whole body.
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

/// Wraps a body as a streaming body of reqwest.
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
