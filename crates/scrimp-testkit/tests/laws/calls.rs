//! Layers with a `call` of one line.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use scrimp_core::BoxError;
use scrimp_testkit::{Scripted, ScriptedBody, Subject, laws};
use tower::{Service, layer::layer_fn};

use crate::store::{Store, StoreLayer};

pub(crate) type Req = Request<Full<Bytes>>;
pub(crate) type Res<B = ScriptedBody> = Response<B>;
pub(crate) type Answer<B = ScriptedBody> =
    Pin<Box<dyn Future<Output = Result<Res<B>, BoxError>> + Send>>;

#[track_caller]
pub(crate) fn breaks(law: &str, subject: &Subject, saw: &str) {
    let violation = laws::law(law)
        .check(subject)
        .expect_err("the law detects it");
    assert!(violation.saw().contains(saw), "{violation}");
}

/// A service that passes readiness through and calls in its own way.
pub(crate) struct Calls<B = ScriptedBody>(
    pub(crate) Scripted,
    pub(crate) fn(&mut Scripted, Req) -> Answer<B>,
);

impl<B> Clone for Calls<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), self.1)
    }
}

impl<B> Service<Req> for Calls<B> {
    type Response = Res<B>;
    type Error = BoxError;
    type Future = Answer<B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Service::<Req>::poll_ready(&mut self.0, cx)
    }

    fn call(&mut self, req: Req) -> Answer<B> {
        (self.1)(&mut self.0, req)
    }
}

/// A service that is always ready and responds in its own way.
#[derive(Clone)]
pub(crate) struct Alone(Scripted, Arc<dyn Fn(Scripted, Req) -> Answer + Send + Sync>);

impl Service<Req> for Alone {
    type Response = Res;
    type Error = BoxError;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Req) -> Answer {
        (self.1)(self.0.clone(), req)
    }
}

pub(crate) fn passing(call: fn(&mut Scripted, Req) -> Answer) -> Subject {
    Subject::new(move || layer_fn(move |inner| Calls(inner, call)))
}

pub(crate) fn alone<F>(make: impl Fn() -> F + Send + Sync + 'static) -> Subject
where
    F: Fn(Scripted, Req) -> Answer + Send + Sync + 'static,
{
    Subject::new(move || {
        let answer = Arc::new(make());
        layer_fn(move |inner| Alone(inner, answer.clone()))
    })
    .answers_alone()
}

pub(crate) fn storing(store: impl Fn(&mut Store) + Send + Sync + 'static) -> Subject {
    Subject::new(move || {
        let mut settings = Store::default();
        store(&mut settings);
        StoreLayer::new(settings)
    })
    .stores()
}
