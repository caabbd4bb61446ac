//! http-cache-tower for clients, http-cache-tower-server for servers.

use http_cache::{CacheMode, HttpCache, HttpCacheOptions, MokaManager};
use http_cache_tower::HttpCacheLayer;
use http_cache_tower_server::{QueryKeyer, ServerCacheLayer};
use tower::Layer;

use super::{OriginBody, RequestBody, Setup};
use crate::subject::Named;

fn manager(setup: Setup) -> MokaManager {
    MokaManager::new(moka::future::Cache::new(setup.room))
}

pub(super) fn tower(setup: Setup) -> Named {
    let origin = setup.origin::<OriginBody>();
    let layer = HttpCacheLayer::with_cache(HttpCache {
        mode: CacheMode::Default,
        manager: manager(setup),
        options: HttpCacheOptions::default(),
    });
    setup.calls_absolute::<_, RequestBody, _, _>("http-cache-tower", origin, layer.layer(origin))
}

/// Uses the query in the key, which its default leaves out.
pub(super) fn server(setup: Setup) -> Named {
    let origin = setup.origin::<OriginBody>();
    let layer = ServerCacheLayer::with_keyer(manager(setup), QueryKeyer);
    setup.calls::<_, RequestBody, _, _>("http-cache-tower-server", origin, layer.layer(origin))
}
