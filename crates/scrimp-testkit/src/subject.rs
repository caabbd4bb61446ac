//! A layer under test.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, header::CACHE_CONTROL, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use scrimp_core::BoxError;
use tower::{ServiceExt, util::BoxCloneService};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Scripted, laws};

/// A service under test, with erased types: bodies need not be `Sync`.
pub type HttpService =
    BoxCloneService<Request<Full<Bytes>>, Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>;

/// A layer, and the facts about it that a test needs.
///
/// By default the layer calls its inner service once for every request and stores nothing.
/// [`answers_alone`](Self::answers_alone), [`coalesces`](Self::coalesces) and
/// [`stores`](Self::stores) change this.
#[derive(Clone)]
pub struct Subject {
    make: Arc<dyn Fn() -> Applied + Send + Sync>,
    request: Arc<dyn Fn(usize) -> Request<Full<Bytes>> + Send + Sync>,
    answer: Answering,
    pub(crate) answers_alone: bool,
    pub(crate) stores: bool,
    pub(crate) coalesces: bool,
    pub(crate) finishes_abandoned: bool,
    exceptions: Vec<(&'static str, &'static str)>,
}

/// One layer with its state, which can wrap any number of services.
pub(crate) type Applied = Box<dyn Fn(Scripted) -> HttpService>;

/// The correct responses of an upstream.
pub(crate) type Answering = Arc<dyn Fn(&Parts) -> Response<Bytes> + Send + Sync>;

// === impl Subject ===

impl Subject {
    /// Takes a function that makes the layer with new state. It is called once for each test.
    ///
    /// The bounds are law 12: the layer must satisfy axum's bounds, and service, future and body
    /// must be `Send`, over an inner service and body that are not `Sync`.
    pub fn new<L, B>(make: impl Fn() -> L + Send + Sync + 'static) -> Self
    where
        L: Layer<Scripted> + Clone + Send + Sync + 'static,
        L::Service: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        <L::Service as Service<Request<Full<Bytes>>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<Full<Bytes>>>>::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self {
            make: Arc::new(move || {
                let layer = make();
                // As axum does: an unused clone for each service.
                Box::new(move |inner| erase(layer.clone().layer(inner)))
            }),
            request: Arc::new(request),
            answer: Arc::new(answer),
            answers_alone: false,
            stores: false,
            coalesces: false,
            finishes_abandoned: false,
            exceptions: Vec::new(),
        }
    }

    /// Declares that the layer may respond without its inner service, so it is always ready.
    #[must_use]
    pub fn answers_alone(mut self) -> Self {
        self.answers_alone = true;
        self
    }

    /// Declares that a response that was read to its end is stored and reused for the same
    /// request.
    #[must_use]
    pub fn stores(mut self) -> Self {
        self.stores = true;
        self.answers_alone()
    }

    /// Declares that equal requests in flight at the same time share one call.
    #[must_use]
    pub fn coalesces(mut self) -> Self {
        self.coalesces = true;
        self.answers_alone()
    }

    /// Declares that the layer finishes calls and bodies whose caller was dropped.
    #[must_use]
    pub fn finishes_abandoned(mut self) -> Self {
        self.finishes_abandoned = true;
        self
    }

    /// Sets the `n`th request. Equal numbers give equal requests, different numbers give requests
    /// that share nothing.
    ///
    /// The default is `GET http://api.example.com/items/{n}`.
    #[must_use]
    pub fn request(
        mut self,
        request: impl Fn(usize) -> Request<Full<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        self.request = Arc::new(request);
        self
    }

    /// Sets the upstream's response, whose body must have at least two bytes; for a layer that
    /// [`stores`](Self::stores), it must be storable.
    ///
    /// The default is a text with the path, with `cache-control: max-age=60`. The laws decide the
    /// frames of the body and its errors.
    #[must_use]
    pub fn answer(
        mut self,
        answer: impl Fn(&Parts) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.answer = Arc::new(answer);
        self
    }

    /// Exempts the layer from a law, with a reason that the test prints.
    ///
    /// # Panics
    ///
    /// If there is no such law.
    #[must_use]
    pub fn except(mut self, law: &'static str, reason: &'static str) -> Self {
        let name = laws::law(law).name();
        self.exceptions.push((name, reason));
        self
    }

    pub(crate) fn exception(&self, law: &str) -> Option<&'static str> {
        let mut exceptions = self.exceptions.iter();
        exceptions.find_map(|(name, reason)| (*name == law).then_some(*reason))
    }

    pub(crate) fn make(&self) -> Applied {
        (self.make)()
    }

    pub(crate) fn nth_request(&self, n: usize) -> Request<Full<Bytes>> {
        (self.request)(n)
    }

    pub(crate) fn answer_to(&self, parts: &Parts) -> Response<Bytes> {
        (self.answer)(parts)
    }

    pub(crate) fn answering(&self) -> Answering {
        Arc::clone(&self.answer)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("answers_alone", &self.answers_alone)
            .field("stores", &self.stores)
            .field("coalesces", &self.coalesces)
            .field("finishes_abandoned", &self.finishes_abandoned)
            .field("exceptions", &self.exceptions)
            .finish_non_exhaustive()
    }
}

fn erase<S, B>(service: S) -> HttpService
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let service = service
        .map_response(|response: Response<B>| {
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        })
        .map_err(Into::into);
    BoxCloneService::new(service)
}

fn request(n: usize) -> Request<Full<Bytes>> {
    Request::get(format!("http://api.example.com/items/{n}"))
        .body(Full::default())
        .expect("a number is a valid path segment")
}

fn answer(parts: &Parts) -> Response<Bytes> {
    Response::builder()
        .header(CACHE_CONTROL, "max-age=60")
        .body(format!("this is {}", parts.uri.path()).into())
        .expect("a constant header is valid")
}
