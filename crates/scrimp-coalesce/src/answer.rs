//! What a call comes back with, and who gets what of it.

use std::{
    any::{Any, TypeId},
    future::poll_fn,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, response::Parts};
use http_body::Body;
use scrimp_core::{BoxError, Key, ShareError, SharedError, extensions::Since};
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    body::Boxed,
    config::Common,
    flight::{Arrival, Cargo, Flight, Landing, Others},
    judge::{self, Verdict},
    log::End,
    reader::Reader,
    stream::{Begun, BoxBody, Chunks, Selected, Stream},
    tasks::Tasks,
    window::{Kept, Load},
};

/// So much of a body is read before its head is handed over, as far as it is there already:
/// a short answer then needs no log, no copy of its head, and nobody to wait for its end.
const READ_AHEAD: usize = 64 << 10;

/// Chunks of that at most.
const CHUNKS_AHEAD: usize = 16;

/// What is known of a call before it begins.
#[derive(Debug)]
pub(crate) struct Terms {
    /// The type of the service's error, which is what can be shared.
    pub(crate) error: TypeId,
    pub(crate) born: Birth,
    pub(crate) most_panics: u32,
    /// Where the call is finished if everybody leaves.
    pub(crate) tasks: Weak<Tasks>,
}

/// Before what a call began: its answer may not know of what came later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Birth {
    /// The layer's own count of writes.
    pub(crate) writes: u64,
    /// The position of a cache outside.
    pub(crate) since: Option<Since>,
}

/// What a call comes back with. Large, and not in a box: a call that nobody joins would pay
/// for it.
pub(crate) enum Arrived {
    /// May be shared, and comes in still or is there.
    Answer(Answer),
    /// Is in the window already.
    Kept(Load),
    /// Has to be shared if there is somebody to share it with.
    Failed(Box<dyn Failure>),
    /// Is one caller's alone.
    Own(Mine, Others),
}

pub(crate) struct Answer {
    common: Arc<Common>,
    head: Parts,
    begun: Begun,
    window: Option<Duration>,
    fields: Option<HeaderMap>,
}

/// What one caller gets.
#[expect(
    clippy::large_enum_variant,
    reason = "it is moved a few times and never kept"
)]
pub(crate) enum Mine {
    /// All of an answer.
    Whole(Parts, Begun),
    /// A `Result<Response<B>, E>`; whose types the caller knows.
    Result(Box<dyn Any + Send>),
}

/// An error whose type nobody has to know.
pub(crate) trait Failure: Send {
    /// As a `Result<Response<B>, E>`, for the one whose call it was.
    fn own(self: Box<Self>) -> Box<dyn Any + Send>;

    /// As `E::Shared`.
    fn share(self: Box<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// One caller's copy.
pub(crate) enum Copied {
    Reader(Reader),
    Error(Arc<dyn Any + Send + Sync>),
}

/// What the call needs to know of the request it is made for.
pub(crate) struct Errand {
    pub(crate) common: Arc<Common>,
    pub(crate) hash: u64,
    /// Where there is a window: under what and since when to keep the answer.
    pub(crate) keep: Option<(Key, Birth)>,
    /// There is no attempt after this one.
    pub(crate) last: bool,
    /// The request's fields, if the key was made by the user: then Vary is compared with
    /// each waiter's.
    pub(crate) fields: Option<HeaderMap>,
    /// What it writes.
    pub(crate) writes: Option<u64>,
}

struct Failed<B, E>(E, std::marker::PhantomData<fn() -> B>);

/// Makes a call, judges its answer, and reads what is there of it.
pub(crate) async fn call<S, ReqB, B>(call: Oneshot<S, Request<ReqB>>, errand: Errand) -> Arrived
where
    S: Service<Request<ReqB>, Response = Response<B>>,
    S::Error: ShareError + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let result = call.await;
    if let Some(target) = errand.writes {
        errand.common.state.marks.write(target);
    }
    let response = match result {
        Ok(response) => response,
        Err(error) => return errand.failed(Failed::<B, _>(error, std::marker::PhantomData)),
    };
    if !errand.last && judge::failed(response.status()) {
        return Arrived::Own(Mine::result::<B, S::Error>(response), Others::Again);
    }
    let (head, body) = response.into_parts();
    match errand.judge(&head) {
        Verdict::Refuse(reason) => {
            errand.common.bar(errand.hash, reason);
            let response = Response::from_parts(head, body);
            Arrived::Own(Mine::result::<B, S::Error>(response), Others::Alone)
        }
        Verdict::Share { window } => {
            let begun = Begun::read(Box::pin(Boxed::new(body))).await;
            errand.arrived(head, begun, window)
        }
    }
}

// === impl Errand ===

impl Errand {
    /// Whether others may have an answer.
    pub(crate) fn judge(&self, head: &Parts) -> Verdict {
        let config = &self.common.config;
        let window = config.window.as_ref();
        judge::judge(
            head.status,
            &head.headers,
            &head.extensions,
            window,
            |name| self.fields.is_some() || config.keys(name),
        )
    }

    fn failed<B: Send + 'static, E: ShareError + Send + 'static>(
        self,
        failed: Failed<B, E>,
    ) -> Arrived {
        if !self.last {
            return Arrived::Own(Mine::Result(Box::new(failed).own()), Others::Again);
        }
        let window = self.common.config.window;
        let window = window.filter(|window| !window.errors.is_zero());
        let (Some(window), Some((key, born))) = (window, &self.keep) else {
            return Arrived::Failed(Box::new(failed));
        };
        let error = Box::new(failed).share();
        let kept = Kept::error(Arc::clone(&error), window.errors);
        self.common.keep(key, *born, Some(kept));
        Arrived::Kept(Load::Error(error))
    }

    fn arrived(self, head: Parts, begun: Begun, window: Option<Duration>) -> Arrived {
        let whole = begun.is_whole(&head);
        let (Some(time), Some((key, born)), true) = (window, &self.keep, whole) else {
            return Arrived::Answer(Answer {
                common: self.common,
                head,
                begun,
                window,
                fields: self.fields,
            });
        };
        let selected = Selected {
            window,
            fields: self.fields,
        };
        let stream = Stream::new(&self.common, head, begun, selected, Weak::new());
        let kept = Kept::answer(&stream, time);
        self.common.keep(key, *born, Some(kept));
        Arrived::Kept(Load::Answer(stream))
    }
}

// === impl Begun ===

impl Begun {
    /// Reads what is there without waiting.
    async fn read(body: BoxBody) -> Self {
        let mut begun = Self {
            chunks: Chunks::new(),
            end: body.is_end_stream().then_some(End::Clean),
            hint: body.size_hint(),
            body: Some(body),
        };
        poll_fn(|cx| {
            begun.advance(cx);
            Poll::Ready(())
        })
        .await;
        if begun.end.is_some() {
            begun.body = None;
        }
        begun
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        let Some(body) = &mut self.body else { return };
        let mut ahead = 0;
        while self.end.is_none() && ahead < READ_AHEAD && self.chunks.len() < CHUNKS_AHEAD {
            let Poll::Ready(frame) = body.as_mut().poll_frame(cx) else {
                return;
            };
            self.end = match frame {
                None => Some(End::Clean),
                Some(Err(error)) => Some(End::Failed(SharedError::new(error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) => {
                        ahead += chunk.len().max(1);
                        if !chunk.is_empty() {
                            self.chunks.push(chunk);
                        }
                        body.is_end_stream().then_some(End::Clean)
                    }
                    Err(frame) => Some(End::Trailers(frame.into_trailers().unwrap_or_default())),
                },
            };
        }
    }

    /// Whether it has ended cleanly, at the length its head announced.
    fn is_whole(&self, head: &Parts) -> bool {
        let length = self.chunks.iter().map(Bytes::len).sum::<usize>();
        let clean = matches!(self.end, Some(End::Clean | End::Trailers(_)));
        // An answer to HEAD announces the length of a body that it does not have.
        let bodiless = self.hint.exact() == Some(0);
        clean && (bodiless || is_as_long_as_announced(&head.headers, length))
    }
}

/// Whether a body is as long as Content-Length says, if it says so.
pub(crate) fn is_as_long_as_announced(headers: &HeaderMap, length: usize) -> bool {
    let announced = headers.get(http::header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    announced.is_none_or(|announced| announced == length)
}

// === impl Arrived ===

impl Arrival for Arrived {
    type Terms = Terms;
    type Cargo = Load;
    type Own = Mine;

    fn land(self, lone: bool, flight: &Arc<Flight<Self>>) -> Landing<Self> {
        match self {
            Self::Own(own, others) => Landing::Own { own, others },
            Self::Failed(error) if lone => Landing::Own {
                own: Mine::Result(error.own()),
                others: Others::Again,
            },
            Self::Answer(answer) if lone => Landing::Own {
                own: Mine::Whole(answer.head, answer.begun),
                others: Others::Again,
            },
            Self::Failed(error) => Landing::Shared {
                cargo: Load::Error(error.share()),
                open: false,
            },
            Self::Kept(cargo) => Landing::Shared { cargo, open: false },
            Self::Answer(answer) => {
                let open = answer.begun.end.is_none();
                let Answer {
                    common,
                    head,
                    begun,
                    window,
                    fields,
                } = answer;
                let selected = Selected { window, fields };
                let flight = Arc::downgrade(flight);
                let stream = Stream::new(&common, head, begun, selected, flight);
                let cargo = Load::Answer(stream);
                Landing::Shared { cargo, open }
            }
        }
    }

    fn is_whole(&self) -> bool {
        match self {
            Self::Answer(answer) => answer.begun.end.is_some(),
            Self::Failed(_) | Self::Own(..) => true,
            Self::Kept(_) => false,
        }
    }

    fn most_panics(terms: &Terms) -> u32 {
        terms.most_panics
    }
}

impl Cargo for Load {
    type Copy = Copied;

    fn copy(&self) -> Option<Copied> {
        Some(match self {
            Self::Answer(stream) => Copied::Reader(Reader::new(stream)?),
            Self::Error(error) => Copied::Error(Arc::clone(error)),
        })
    }

    fn settled(&self) {
        if let Self::Answer(stream) = self {
            stream.settled();
        }
    }
}

// === impl Mine ===

impl Mine {
    fn result<B: Send + 'static, E: Send + 'static>(response: Response<B>) -> Self {
        Self::Result(Box::new(Ok::<Response<B>, E>(response)))
    }
}

// === impl Failed ===

impl<B, E> Failure for Failed<B, E>
where
    B: Send + 'static,
    E: ShareError + Send + 'static,
{
    fn own(self: Box<Self>) -> Box<dyn Any + Send> {
        Box::new(Err::<Response<B>, E>(self.0))
    }

    fn share(self: Box<Self>) -> Arc<dyn Any + Send + Sync> {
        Arc::new(self.0.share())
    }
}

/// The shared form of an error, as one caller's own.
pub(crate) fn unshare<E: ShareError>(error: &Arc<dyn Any + Send + Sync>) -> Option<E> {
    error.downcast_ref::<E::Shared>().cloned().map(E::unshare)
}
