//! Single flight in few lines: equal requests share one call and its complete response.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use http::{HeaderMap, Request, Response, response::Parts};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use scrimp_core::{BoxError, ShareError, SharedError};
use scrimp_testkit::{Scripted, ScriptedBody};
use tower::{Layer, Service, ServiceExt};

use crate::store::replay;

type Whole = Result<(Parts, Bytes, Option<HeaderMap>), SharedError>;
type Flight = Shared<BoxFuture<'static, Whole>>;
type Flights = Arc<Mutex<HashMap<String, WeakShared<BoxFuture<'static, Whole>>>>>;

#[derive(Clone, Default)]
pub(crate) struct SingleFlightLayer(Flights);

#[derive(Clone)]
pub(crate) struct SingleFlight {
    inner: Scripted,
    flights: Flights,
}

// === impl SingleFlightLayer ===

impl Layer<Scripted> for SingleFlightLayer {
    type Service = SingleFlight;

    fn layer(&self, inner: Scripted) -> SingleFlight {
        let flights = Arc::clone(&self.0);
        SingleFlight { inner, flights }
    }
}

// === impl SingleFlight ===

impl SingleFlight {
    fn board(&self, req: Request<Full<Bytes>>) -> Flight {
        let mut flights = self.flights.lock();
        let key = req.uri().to_string();
        // A call that has completed, or panicked, is not joined.
        let flying = flights.get(&key).and_then(WeakShared::upgrade);
        if let Some(flight) = flying.filter(|flight| flight.peek().is_none()) {
            return flight;
        }
        let flight = fly(self.inner.clone(), req).boxed().shared();
        if let Some(weak) = flight.downgrade() {
            flights.insert(key, weak);
        }
        flight
    }
}

impl Service<Request<Full<Bytes>>> for SingleFlight {
    type Response = Response<ScriptedBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<Full<Bytes>>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let flight = this.board(req);
            let (parts, body, trailers) = flight.await.map_err(BoxError::unshare)?;
            Ok(Response::from_parts(parts, replay(body, trailers)))
        })
    }
}

async fn fly(inner: Scripted, req: Request<Full<Bytes>>) -> Whole {
    let response = inner.oneshot(req).await.map_err(ShareError::share)?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(ShareError::share)?;
    let trailers = body.trailers().cloned();
    Ok((parts, body.to_bytes(), trailers))
}
