//! tower-resilience-cache: any request to any response, without HTTP.

use std::time::Duration;

use http::{Method, Request, Uri};
use tower::Layer;
use tower_resilience_cache::CacheLayer;

use super::{OriginBody, RequestBody, Setup};
use crate::subject::Named;

pub(super) fn subject(setup: Setup) -> Named {
    let origin = setup.origin::<OriginBody>();
    let layer = CacheLayer::<Request<RequestBody>, (Method, Uri)>::builder()
        .max_size(usize::try_from(setup.room).unwrap_or(usize::MAX))
        .ttl(Duration::from_secs(3600))
        .key_extractor(|request: &Request<RequestBody>| {
            (request.method().clone(), request.uri().clone())
        })
        .build()
        .expect("the settings are in range");
    setup.calls::<_, RequestBody, _, _>("tower-resilience-cache", origin, layer.layer(origin))
}
