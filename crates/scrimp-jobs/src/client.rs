//! The client for calls of the batch API, with its type erased.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use parking_lot::Mutex;
use scrimp_core::{BoxError, Clock};
use tokio::time::timeout;
use tower::{Service, ServiceExt};

type ResponseBody = UnsyncBoxBody<Bytes, BoxError>;
type Sent = Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;
type Sending = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, BoxError>> + Send>>;

/// Longest body of an answer that is no file of results.
const LONGEST_ANSWER: usize = 64 << 20;

/// Longest line of a file of results.
const LONGEST_LINE: usize = 64 << 20;

#[derive(Clone)]
pub(crate) struct Client {
    send: Arc<dyn Fn(Request<Full<Bytes>>) -> Sending + Send + Sync>,
    timeout: Duration,
}

/// Failure of a call.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The provider refuses the call: it has had no effect, and another one would be refused too.
    Refused(StatusCode),
    /// The provider asks for a later call: this one has had no effect.
    Later(Option<Duration>),
    /// It is not known whether the call has had an effect.
    Unknown(BoxError),
}

/// Lines of an answer, as they arrive.
pub(crate) struct Lines {
    body: ResponseBody,
    read: BytesMut,
    searched: usize,
    ended: bool,
    timeout: Duration,
}

// === impl Client ===

impl Client {
    pub(crate) fn new<S, B>(service: S, timeout: Duration) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        // A lock, as a service need not be `Sync`.
        let service = Mutex::new(service);
        let send = move |request| -> Sending {
            let service = service.lock().clone();
            Box::pin(async move {
                let response = service.oneshot(request).await.map_err(Into::into)?;
                Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
            })
        };
        Self {
            send: Arc::new(send),
            timeout,
        }
    }

    pub(crate) fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Makes a call, and returns its answer whatever its status.
    pub(crate) fn send(&self, request: Request<Bytes>) -> Sent {
        let (sending, time) = ((self.send)(request.map(Full::new)), self.timeout);
        Box::pin(async move {
            match timeout(time, exchange(sending)).await {
                Ok(result) => result,
                Err(elapsed) => Err(elapsed.into()),
            }
        })
    }

    /// Makes a call, and returns its answer if its status is 2xx.
    pub(crate) async fn call(
        &self,
        request: Request<Bytes>,
        clock: &Clock,
    ) -> Result<Response<Bytes>, Failure> {
        let response = self.send(request).await.map_err(Failure::Unknown)?;
        match failure(&response, clock) {
            None => Ok(response),
            Some(failure) => Err(failure),
        }
    }

    /// Makes a call, and returns the lines of its answer if its status is 2xx.
    pub(crate) async fn lines(
        &self,
        request: Request<Bytes>,
        clock: &Clock,
    ) -> Result<Lines, Failure> {
        let sending = (self.send)(request.map(Full::new));
        let response = match timeout(self.timeout, sending).await {
            Ok(sent) => sent.map_err(Failure::Unknown)?,
            Err(elapsed) => return Err(Failure::Unknown(elapsed.into())),
        };
        if let Some(failure) = failure(&response, clock) {
            return Err(failure);
        }
        Ok(Lines {
            body: response.into_body(),
            read: BytesMut::new(),
            searched: 0,
            ended: false,
            timeout: self.timeout,
        })
    }
}

/// Reads a whole answer.
async fn exchange(sending: Sending) -> Result<Response<Bytes>, BoxError> {
    let (head, mut body) = sending.await?.into_parts();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            whole.extend_from_slice(&data);
        }
        if whole.len() > LONGEST_ANSWER {
            return Err("the answer is longer than 64 MiB".into());
        }
    }
    Ok(Response::from_parts(head, whole.freeze()))
}

/// Returns why an answer is a failure, if it is one.
fn failure<B>(response: &Response<B>, clock: &Clock) -> Option<Failure> {
    let status = response.status();
    let wait = || scrimp_http::retry_after::retry_after(response.headers(), clock.wall());
    if status.is_success() {
        None
    } else if status == StatusCode::TOO_MANY_REQUESTS {
        Some(Failure::Later(wait()))
    } else if scrimp_http::status::is_passing(status) || status == StatusCode::CONFLICT {
        // A conflict may be with the same call, which is under way.
        Some(Failure::Unknown(format!("status {status}").into()))
    } else {
        Some(Failure::Refused(status))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

// === impl Failure ===

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => write!(f, "refused with status {status}"),
            Self::Later(_) => f.write_str("refused for now, with status 429"),
            Self::Unknown(error) => write!(f, "{error}"),
        }
    }
}

// === impl Lines ===

impl Lines {
    /// Returns the next line that is not empty. `None` at the clean end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, BoxError> {
        loop {
            if let Some(line) = self.whole_line() {
                if !line.is_empty() {
                    return Ok(Some(line));
                }
                continue;
            }
            if self.ended {
                return Ok(None);
            }
            if self.read.len() > LONGEST_LINE {
                return Err("a line of results is longer than 64 MiB".into());
            }
            match timeout(self.timeout, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.read.extend_from_slice(&data);
                    }
                }
                Ok(Some(Err(error))) => return Err(error),
                Ok(None) => self.ended = true,
                Err(elapsed) => return Err(elapsed.into()),
            }
        }
    }

    /// Takes a line out of what was read: up to a line feed, or up to the end.
    fn whole_line(&mut self) -> Option<Bytes> {
        let found = memchr::memchr(b'\n', &self.read[self.searched..]);
        let line = match found {
            Some(at) => {
                let line = self.read.split_to(self.searched + at + 1);
                self.searched = 0;
                line
            }
            None if self.ended && !self.read.is_empty() => {
                self.searched = 0;
                self.read.split()
            }
            None => {
                self.searched = self.read.len();
                return None;
            }
        };
        let line = line.freeze();
        let text = line.trim_ascii();
        Some(line.slice_ref(text))
    }
}
