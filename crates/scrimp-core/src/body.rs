//! Observation of a body as it passes.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// Reason why a body ended.
#[derive(Debug, Clone)]
pub enum BodyEnd {
    /// The whole body was read, and there were no trailers.
    Complete,
    /// The whole body was read, and these trailers came last.
    Trailers(HeaderMap),
    /// The body ended with an error, which the reader received.
    Failed,
    /// The reader dropped the body before the end.
    Dropped,
}

/// Receiver of the frames of a body that passes through a [`Tee`].
pub trait Sink {
    /// Receives a chunk. Never empty.
    fn data(&mut self, chunk: &Bytes);

    /// Receives the end of the body. Called once, also if the reader drops the body.
    fn end(self, end: BodyEnd);
}

pin_project! {
    /// Passes a body on unchanged and shows every frame to a [`Sink`].
    ///
    /// Nothing is delayed: a frame reaches the reader in the poll that produced it. The sink is
    /// told of the end as soon as the inner body reports [`is_end_stream`], because readers that
    /// know the length never poll for the `None` after the last frame.
    ///
    /// [`is_end_stream`]: Body::is_end_stream
    #[derive(Debug)]
    pub struct Tee<B, K: Sink> {
        #[pin]
        inner: B,
        sink: Option<K>,
    }

    impl<B, K: Sink> PinnedDrop for Tee<B, K> {
        fn drop(this: Pin<&mut Self>) {
            finish(this.project().sink, BodyEnd::Dropped);
        }
    }
}

// === impl Tee ===

impl<B: Body, K: Sink> Tee<B, K> {
    /// Shows the frames of `inner` to `sink`.
    pub fn new(inner: B, sink: K) -> Self {
        let mut sink = Some(sink);
        if inner.is_end_stream() {
            finish(&mut sink, BodyEnd::Complete);
        }
        Self { inner, sink }
    }
}

impl<B, K: Sink> Tee<B, K> {
    /// Returns the sink, until it was told of the end.
    pub fn sink(&self) -> Option<&K> {
        self.sink.as_ref()
    }

    /// Returns the sink to change it, until it was told of the end.
    pub fn sink_mut(&mut self) -> Option<&mut K> {
        self.sink.as_mut()
    }
}

fn finish<K: Sink>(sink: &mut Option<K>, end: BodyEnd) {
    if let Some(sink) = sink.take() {
        sink.end(end);
    }
}

impl<B, K> Body for Tee<B, K>
where
    B: Body<Data = Bytes>,
    K: Sink,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let frame = std::task::ready!(this.inner.as_mut().poll_frame(cx));
        match &frame {
            None => finish(this.sink, BodyEnd::Complete),
            Some(Err(_)) => finish(this.sink, BodyEnd::Failed),
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    finish(this.sink, BodyEnd::Trailers(trailers.clone()));
                } else {
                    if let (Some(chunk), Some(sink)) = (frame.data_ref(), this.sink.as_mut())
                        && !chunk.is_empty()
                    {
                        sink.data(chunk);
                    }
                    if this.inner.is_end_stream() {
                        finish(this.sink, BodyEnd::Complete);
                    }
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full, StreamBody};
    use parking_lot::Mutex;
    use std::{convert::Infallible, sync::Arc};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<(Vec<u8>, Vec<&'static str>)>>);

    impl Sink for Log {
        fn data(&mut self, chunk: &Bytes) {
            self.0.lock().0.extend_from_slice(chunk);
        }
        fn end(self, end: BodyEnd) {
            self.0.lock().1.push(match end {
                BodyEnd::Complete => "complete",
                BodyEnd::Trailers(_) => "trailers",
                BodyEnd::Failed => "failed",
                BodyEnd::Dropped => "dropped",
            });
        }
    }

    fn frames<E>(list: Vec<Result<Frame<Bytes>, E>>) -> impl Body<Data = Bytes, Error = E> {
        StreamBody::new(futures_util::stream::iter(list))
    }

    #[tokio::test]
    async fn the_end_is_reported_with_the_last_frame_of_a_body_of_known_length() {
        let log = Log::default();
        let mut tee = Tee::new(Full::new(Bytes::from_static(b"abc")), log.clone());
        tee.frame().await.unwrap().unwrap();
        assert_eq!(log.0.lock().1, ["complete"]);
        drop(tee);
        assert_eq!(*log.0.lock(), (b"abc".to_vec(), vec!["complete"]));
    }

    #[test]
    fn an_empty_body_has_ended_before_it_is_polled() {
        let log = Log::default();
        let _tee = Tee::new(Full::new(Bytes::new()), log.clone());
        assert_eq!(log.0.lock().1, ["complete"]);
    }

    #[tokio::test]
    async fn each_end_is_reported_once_and_with_its_reason() {
        let data = || Ok::<_, &str>(Frame::data(Bytes::from_static(b"x")));
        type Script = Vec<Result<Frame<Bytes>, &'static str>>;
        let cases: [(Script, &str); 3] = [
            (
                vec![data(), Ok(Frame::data(Bytes::new())), data()],
                "complete",
            ),
            (
                vec![data(), Ok(Frame::trailers(HeaderMap::new()))],
                "trailers",
            ),
            (vec![data(), Err("reset")], "failed"),
        ];
        for (list, expected) in cases {
            let log = Log::default();
            let _ = Tee::new(frames(list), log.clone()).collect().await;
            assert_eq!(log.0.lock().1, [expected]);
        }
        let log = Log::default();
        drop(Tee::new(frames::<Infallible>(vec![]), log.clone()));
        assert_eq!(log.0.lock().1, ["dropped"]);
    }
}
