//! tower-http-cache, on its store in memory.

use std::time::Duration;

use tower::Layer;
use tower_http_cache::prelude::{CacheLayer, InMemoryBackend};

use super::{OriginBody, RequestBody, Setup};
use crate::subject::Named;

pub(super) fn subject(setup: Setup) -> Named {
    let origin = setup.origin::<OriginBody>();
    let layer = CacheLayer::builder(InMemoryBackend::new(setup.room))
        .ttl(Duration::from_secs(3600))
        .build();
    setup.calls::<_, RequestBody, _, _>("tower-http-cache", origin, layer.layer(origin))
}
