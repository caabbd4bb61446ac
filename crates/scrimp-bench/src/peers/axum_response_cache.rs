//! axum-response-cache, which supports axum's bodies only.

use std::time::Duration;

use axum::body::Body;
use axum_response_cache::CacheLayer;
use tower::Layer;

use super::Setup;
use crate::subject::Named;

pub(super) fn subject(setup: Setup) -> Named {
    let origin = setup.origin::<Body>();
    let layer = CacheLayer::with_lifespan(Duration::from_secs(3600));
    setup.calls::<_, Body, _, _>("axum-response-cache", origin, layer.layer(origin))
}
