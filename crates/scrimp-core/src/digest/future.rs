//! Reading of the body before the call.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use pin_project_lite::pin_project;
use sha2::{Digest, Sha256};
use tower_service::Service;

use super::{BodyDigest, BodyDigestLayer, DigestBody, body::Then, canonical_json};
use crate::extensions::WholeBody;

pin_project! {
    /// The response of a [`BodyDigestService`](super::BodyDigestService).
    pub struct DigestFuture<S, B>
    where
        S: Service<Request<DigestBody<B>>>,
        B: Body,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B>
    where
        S: Service<Request<DigestBody<B>>>,
        B: Body,
    {
        Reading { reading: Option<Reading<S, B>> },
        Calling { #[pin] response: S::Future },
    }
}

/// A request whose body is being read.
struct Reading<S, B> {
    /// The instance that was ready.
    service: S,
    head: Request<()>,
    body: Pin<Box<B>>,
    buffer: Buffer,
}

struct Buffer {
    chunks: VecDeque<Bytes>,
    length: usize,
    limit: usize,
    canonical: bool,
    keep: bool,
    digest: Sha256,
}

// === impl DigestFuture ===

impl<S, B> DigestFuture<S, B>
where
    S: Service<Request<DigestBody<B>>>,
    B: Body<Data = Bytes>,
{
    /// Reads the body first. It is identified by its canonical form, if it has one, where `canonical`.
    pub(super) fn reading(
        ready: S,
        request: Request<B>,
        settings: BodyDigestLayer,
        canonical: bool,
    ) -> Self {
        let (parts, body) = request.into_parts();
        let buffer = Buffer {
            chunks: VecDeque::new(),
            length: 0,
            limit: settings.limit,
            canonical,
            keep: settings.keep,
            digest: Sha256::new(),
        };
        let reading = Some(Reading {
            service: ready,
            head: Request::from_parts(parts, ()),
            body: Box::pin(body),
            buffer,
        });
        Self {
            state: State::Reading { reading },
        }
    }

    pub(super) fn passing(mut ready: S, request: Request<B>) -> Self {
        let response = ready.call(request.map(DigestBody::untouched));
        Self {
            state: State::Calling { response },
        }
    }
}

/// Result of buffering.
enum End<E> {
    Whole,
    TooLong,
    Then(Then<E>),
}

impl Buffer {
    fn poll<B: Body<Data = Bytes>>(
        &mut self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<End<B::Error>> {
        loop {
            let frame = match ready!(body.as_mut().poll_frame(cx)) {
                None => return Poll::Ready(End::Whole),
                Some(Err(error)) => return Poll::Ready(End::Then(Then::Failed(error))),
                Some(Ok(frame)) => frame,
            };
            match frame.into_data() {
                Ok(chunk) => {
                    self.digest.update(&chunk);
                    self.length += chunk.len();
                    if !chunk.is_empty() {
                        self.chunks.push_back(chunk);
                    }
                    if self.length > self.limit {
                        return Poll::Ready(End::TooLong);
                    }
                }
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    return Poll::Ready(End::Then(Then::Trailers(trailers)));
                }
            }
        }
    }
}

impl<S, B> Future for DigestFuture<S, B>
where
    S: Service<Request<DigestBody<B>>>,
    B: Body<Data = Bytes>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let reading = match self.as_mut().project().state.project() {
                StateProj::Calling { response } => return response.poll(cx),
                StateProj::Reading { reading } => reading,
            };
            let Reading { body, buffer, .. } = reading
                .as_mut()
                .expect("a future is not polled after a panic");
            let end = ready!(buffer.poll(body.as_mut(), cx));
            let reading = reading.take().expect("there a moment ago");
            let response = reading.call(end);
            self.as_mut()
                .project()
                .state
                .set(State::Calling { response });
        }
    }
}

impl<S, B> Reading<S, B>
where
    S: Service<Request<DigestBody<B>>>,
    B: Body<Data = Bytes>,
{
    fn call(mut self, end: End<B::Error>) -> S::Future {
        let mut body = DigestBody {
            read: std::mem::take(&mut self.buffer.chunks),
            ..DigestBody::default()
        };
        match end {
            End::Whole => {
                let digest = canonical(&self.buffer, &body.read).unwrap_or(self.buffer.digest);
                let digest = BodyDigest(digest.finalize().into());
                self.head.extensions_mut().insert(digest);
                if self.buffer.keep {
                    self.head.extensions_mut().insert(whole(&body.read));
                }
            }
            End::TooLong => body.rest = Some(self.body),
            End::Then(then) => body.then = Some(then),
        }
        self.service.call(self.head.map(|()| body))
    }
}

/// Returns the body. It is copied only if it came in several pieces.
fn whole(chunks: &VecDeque<Bytes>) -> WholeBody {
    WholeBody(match chunks.len() {
        0 => Bytes::new(),
        1 => chunks[0].clone(),
        _ => chunks.iter().flatten().copied().collect(),
    })
}

/// Returns the digest of the canonical form; `None` if the body has none, or one of another value.
fn canonical(buffer: &Buffer, chunks: &VecDeque<Bytes>) -> Option<Sha256> {
    if !buffer.canonical {
        return None;
    }
    let json = match chunks.len() {
        1 => canonical_json(chunks.front()?)?,
        _ => {
            let whole: Vec<u8> = chunks.iter().flatten().copied().collect();
            canonical_json(&whole)?
        }
    };
    json.exact.then(|| Sha256::new_with_prefix(&json.text))
}

impl<S, B> fmt::Debug for DigestFuture<S, B>
where
    S: Service<Request<DigestBody<B>>>,
    B: Body,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestFuture").finish_non_exhaustive()
    }
}
