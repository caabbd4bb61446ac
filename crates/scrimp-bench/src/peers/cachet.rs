//! cachet, which does not know HTTP, with the glue that its user would write.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use cachet::Cache;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tick::Clock;
use tower::Service;

use super::{
    OriginBody, RequestBody, Setup,
    floor::{Key, Stored},
};
use crate::{origin::Origin, subject::Named};

#[derive(Clone)]
struct Glue {
    cache: Arc<Cache<Key, Arc<Stored>>>,
    origin: Origin<OriginBody>,
}

impl<B: Send + 'static> Service<Request<B>> for Glue {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self { cache, mut origin } = self.clone();
        Box::pin(async move {
            let key = Key::of(&request);
            if let Ok(Some(entry)) = cache.get(&key).await {
                return Ok(entry.value().response());
            }
            let (head, body) = origin.call(request).await?.into_parts();
            let stored = Stored::from_parts(head, body.collect().await?.to_bytes());
            let response = stored.response();
            // A cache that fails to store has still answered.
            let _ = cache.insert(key, stored).await;
            Ok(response)
        })
    }
}

pub(super) fn subject(setup: Setup) -> Named {
    let origin = setup.origin();
    let cache = Cache::builder(Clock::new_tokio())
        .memory()
        .ttl(Duration::from_secs(3600))
        .build();
    let cache = Arc::new(cache);
    setup.calls::<_, RequestBody, _, _>("cachet with glue", origin, Glue { cache, origin })
}
