//! Environment in which a law tests a layer.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, request, response};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use parking_lot::Mutex;
use scrimp_core::BoxError;
use tower::ServiceExt;

use super::violation::{Breach, Verdict, ensure};
use crate::{HttpService, Reply, Scripted, ScriptedBody, Subject, Upstream, subject::Applied};

/// A subject, and all upstreams that were placed under it.
pub(super) struct Bench<'a> {
    pub(super) subject: &'a Subject,
    upstreams: Mutex<Vec<Upstream>>,
}

/// A new layer over a new upstream.
pub(super) struct Stage {
    pub(super) service: HttpService,
    pub(super) upstream: Upstream,
    layer: Applied,
    inner: Scripted,
}

/// A response that was read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) parts: response::Parts,
    pub(super) body: Bytes,
    pub(super) trailers: Option<HeaderMap>,
}

/// The two halves of a response body.
pub(super) type Halves = [Bytes; 2];

/// Virtual time after which a layer counts as hanging.
const PATIENCE: Duration = Duration::from_secs(3600);

// === impl Bench ===

impl<'a> Bench<'a> {
    pub(super) fn new(subject: &'a Subject) -> Self {
        Self {
            subject,
            upstreams: Mutex::default(),
        }
    }

    /// Makes a stage with an upstream that responds correctly.
    pub(super) fn stage(&self) -> Stage {
        self.stage_with(|head, halves| Reply::respond(head.map(|()| whole(halves))))
    }

    /// Makes a stage with an upstream that sends its correct responses in its own way.
    pub(super) fn stage_with(
        &self,
        shape: impl Fn(Response<()>, Halves) -> Reply + Send + Sync + 'static,
    ) -> Stage {
        let answer = self.subject.answering();
        let (inner, upstream) = Scripted::answering(move |parts| {
            let (head, halves) = split(answer(parts));
            shape(head, halves)
        });
        self.upstreams.lock().push(upstream.clone());
        let layer = self.subject.make();
        Stage {
            service: layer(inner.clone()),
            upstream,
            layer,
            inner,
        }
    }

    /// Returns the reply of any stage's upstream to the `n`th request, sent in a given form.
    pub(super) fn reply(&self, n: usize, shape: impl FnOnce(Halves) -> ScriptedBody) -> Reply {
        let (head, halves) = split(self.answer(n));
        Reply::respond(head.map(|()| shape(halves)))
    }

    pub(super) fn request(&self, n: usize) -> Request<Full<Bytes>> {
        self.subject.nth_request(n)
    }

    /// Returns the correct response to the `n`th request.
    pub(super) fn answer(&self, n: usize) -> Response<Bytes> {
        self.subject.answer_to(&self.request(n).into_parts().0)
    }

    /// Expects the correct response to the `n`th request.
    pub(super) async fn served(
        &self,
        when: &str,
        service: &HttpService,
        n: usize,
    ) -> Verdict<Answer> {
        let answer = within(when, fetch(service.clone(), self.request(n))).await?;
        self.good(when, n, answer)
    }

    /// Expects the given response to be the correct one to the `n`th request.
    pub(super) fn good(
        &self,
        when: &str,
        n: usize,
        answer: Result<Answer, BoxError>,
    ) -> Verdict<Answer> {
        let expected = self.answer(n);
        let answer = answer.map_err(|error| {
            Breach::new(
                format!("{when}: the error `{error}`"),
                format!("the answer {:?}", expected.body()),
            )
        })?;
        ensure(
            answer.body == expected.body() && answer.parts.status == expected.status(),
            format!("{when}: {} {:?}", answer.parts.status, answer.body),
            format!("{} {:?}", expected.status(), expected.body()),
        )?;
        Ok(answer)
    }

    /// Returns the breaches of the tower contract that any upstream saw.
    pub(super) fn faults(&self) -> Vec<&'static str> {
        self.upstreams
            .lock()
            .iter()
            .flat_map(Upstream::faults)
            .collect()
    }
}

// === impl Stage ===

impl Stage {
    /// Makes a second service from the same layer, over the same upstream.
    pub(super) fn second_service(&self) -> HttpService {
        (self.layer)(self.inner.clone())
    }
}

/// Calls, and reads the response to its end.
pub(super) async fn fetch(
    service: HttpService,
    request: Request<Full<Bytes>>,
) -> Result<Answer, BoxError> {
    read(service.oneshot(request).await?).await
}

/// Reads a response to its end.
pub(super) async fn read(
    response: Response<UnsyncBoxBody<Bytes, BoxError>>,
) -> Result<Answer, BoxError> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await?;
    let trailers = body.trailers().cloned();
    Ok(Answer {
        parts,
        body: body.to_bytes(),
        trailers,
    })
}

/// Calls and expects a response, without reading its body.
pub(super) async fn head(
    when: &str,
    service: &HttpService,
    request: Request<Full<Bytes>>,
) -> Verdict<Response<UnsyncBoxBody<Bytes, BoxError>>> {
    let response = within(when, service.clone().oneshot(request)).await?;
    response.map_err(|error| Breach::new(format!("{when}: the error `{error}`"), "a response"))
}

/// Expects the future to end. Under a paused clock, an endless wait takes no time.
pub(super) async fn within<T>(when: &str, future: impl Future<Output = T>) -> Verdict<T> {
    let ended = tokio::time::timeout(PATIENCE, future).await;
    ended.map_err(|_| Breach::new(format!("{when}: did not end"), "an end"))
}

/// Lets every other task proceed as far as possible now.
pub(super) async fn tick() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Lets other tasks and short timers finish.
pub(super) async fn settle() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// Returns a body that arrives completely, in two frames.
pub(super) fn whole([first, second]: Halves) -> ScriptedBody {
    ScriptedBody::new().data(first).data(second)
}

fn split(response: Response<Bytes>) -> (Response<()>, Halves) {
    let (parts, mut body) = response.into_parts();
    let first = body.split_to(body.len() / 2);
    (Response::from_parts(parts, ()), [first, body])
}

/// Returns a request's head, to check its extensions.
pub(super) fn last_request(upstream: &Upstream) -> Option<request::Parts> {
    upstream.requests().pop()
}
