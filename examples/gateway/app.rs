//! How the rooms are put together.

use std::sync::Arc;

use axum::{Router, middleware};
use scrimp::cache::{CacheLayer, MemoryStore, Mode};

use crate::{
    admit::{self, Policy},
    args::Args,
    proxy::{self, Proxy},
};

/// The whole gateway as one service.
pub(crate) fn app(args: &Args) -> Router {
    let upstream = Arc::new(Proxy::new(args));
    let mut app = Router::new().fallback(proxy::forward).with_state(upstream);
    if !args.no_cache {
        app = app.layer(cache(args));
    }
    // Outermost: the cache must see what the upstream will see.
    app.layer(middleware::from_fn_with_state(
        Policy::new(args),
        admit::admit,
    ))
}

fn cache(args: &Args) -> CacheLayer {
    let mode = if args.private {
        Mode::Private
    } else {
        Mode::Shared
    };
    let mut cache = CacheLayer::new(MemoryStore::new(args.max_bytes)).mode(mode);
    if args.trust_cookies {
        cache = cache.trust_origin_with_cookies();
    }
    args.rules.iter().cloned().fold(cache, CacheLayer::rule)
}
