//! How the rooms are put together.

use std::sync::Arc;

use axum::{Router, error_handling::HandleErrorLayer, middleware};
use scrimp::cache::{CacheLayer, MemoryStore, Mode};
use tower::{ServiceBuilder, service_fn};

use crate::{
    admit::{self, Policy},
    args::Args,
    proxy::Proxy,
    reply,
};

/// The whole gateway as one service.
pub(crate) fn app(args: &Args) -> Router {
    let proxy = Arc::new(Proxy::new(args));
    let upstream = service_fn(move |request| Arc::clone(&proxy).forward(request));

    // Outside the cache, which has a stale copy to offer only if it sees the error itself.
    let failures = HandleErrorLayer::new(async |failure| reply::failure(&failure));
    let stack = ServiceBuilder::new().layer(failures);
    let app = if args.no_cache {
        Router::new().fallback_service(stack.service(upstream))
    } else {
        Router::new().fallback_service(stack.layer(cache(args)).service(upstream))
    };

    // Outermost: the cache must see what the upstream will see.
    let policy = Policy::new(args);
    app.layer(middleware::from_fn_with_state(policy, admit::admit))
}

fn cache(args: &Args) -> CacheLayer {
    let mode = if args.private {
        Mode::Private
    } else {
        Mode::Shared
    };
    let mut cache = CacheLayer::builder(MemoryStore::new(args.max_bytes))
        .mode(mode)
        .build()?;
    if args.trust_cookies {
        cache = cache.trust_origin_with_cookies();
    }
    args.rules.iter().cloned().fold(cache, CacheLayer::rule)
}
