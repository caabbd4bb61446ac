//! A cache without rules: it stores every response that ended cleanly, and more if configured.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, header::CONTENT_LENGTH, response::Parts};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use parking_lot::Mutex;
use scrimp_core::{BodyEnd, BoxError, Sink, Tee};
use scrimp_testkit::{Scripted, ScriptedBody};
use tower::{Layer, Service, ServiceExt};

type Stored = Arc<Mutex<HashMap<String, (Parts, Bytes, Option<HeaderMap>)>>>;

pub(crate) type Careless = fn(&BodyEnd, bool) -> bool;

/// Settings of the store, and its content.
#[derive(Clone, Default)]
pub(crate) struct Store {
    stored: Stored,
    /// Condition for storing incomplete bodies: the end of the body, and whether its length was
    /// the one in its head.
    pub(crate) careless: Option<Careless>,
    /// Waits for the inner service on a hit too.
    pub(crate) waits_for_inner: bool,
    /// Makes a store per service.
    pub(crate) per_service: bool,
}

#[derive(Clone)]
pub(crate) struct StoreLayer(Store);

#[derive(Clone)]
pub(crate) struct Storing {
    inner: Scripted,
    store: Store,
}

struct Keep {
    store: Store,
    key: String,
    parts: Parts,
    body: BytesMut,
}

// === impl StoreLayer ===

impl StoreLayer {
    pub(crate) fn new(store: Store) -> Self {
        Self(store)
    }
}

impl Layer<Scripted> for StoreLayer {
    type Service = Storing;

    fn layer(&self, inner: Scripted) -> Storing {
        let mut store = self.0.clone();
        if store.per_service {
            store.stored = Stored::default();
        }
        Storing { inner, store }
    }
}

// === impl Storing ===

impl Service<Request<Full<Bytes>>> for Storing {
    type Response = Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.store.waits_for_inner {
            return Service::<Request<Full<Bytes>>>::poll_ready(&mut self.inner, cx);
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<Full<Bytes>>) -> Self::Future {
        let Self { inner, store } = self.clone();
        Box::pin(async move {
            let key = req.uri().to_string();
            if let Some((parts, body, trailers)) = store.stored.lock().get(&key).cloned() {
                return Ok(Response::from_parts(
                    parts,
                    replay(body, trailers).boxed_unsync(),
                ));
            }
            let (parts, body) = inner.oneshot(req).await?.into_parts();
            let keep = Keep {
                store,
                key,
                parts: parts.clone(),
                body: BytesMut::new(),
            };
            Ok(Response::from_parts(
                parts,
                Tee::new(body, keep).boxed_unsync(),
            ))
        })
    }
}

// === impl Keep ===

impl Sink for Keep {
    fn data(&mut self, chunk: &Bytes) {
        self.body.extend_from_slice(chunk);
    }

    fn end(self, end: BodyEnd) {
        let promised = self.parts.headers.get(CONTENT_LENGTH);
        let whole = promised
            .is_none_or(|length| length.as_bytes() == self.body.len().to_string().as_bytes());
        let clean = matches!(end, BodyEnd::Complete | BodyEnd::Trailers(_));
        let careless = self.store.careless;
        let stores = clean && whole || careless.is_some_and(|stores| stores(&end, whole));
        if !stores {
            return;
        }
        let trailers = match end {
            BodyEnd::Trailers(trailers) => Some(trailers),
            BodyEnd::Complete | BodyEnd::Failed | BodyEnd::Dropped => None,
        };
        let value = (self.parts, self.body.freeze(), trailers);
        self.store.stored.lock().insert(self.key, value);
    }
}

/// Returns a body that was read to its end, from its beginning.
pub(crate) fn replay(body: Bytes, trailers: Option<HeaderMap>) -> ScriptedBody {
    let mut replay = ScriptedBody::new().sized();
    if !body.is_empty() {
        replay = replay.data(body);
    }
    if let Some(trailers) = trailers {
        replay = replay.trailers(trailers);
    }
    replay
}
