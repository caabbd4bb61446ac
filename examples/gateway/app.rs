//! How the rooms are put together.

use std::sync::Arc;

use axum::{Router, middleware};

use crate::{
    admit::{self, Policy},
    args::Args,
    proxy::{self, Proxy},
};

/// The whole gateway as one service.
pub(crate) fn app(args: &Args) -> Router {
    let upstream = Arc::new(Proxy::new(args));
    let policy = Policy::new(args);
    Router::new()
        .fallback(proxy::forward)
        .with_state(upstream)
        .layer(middleware::from_fn_with_state(policy, admit::admit))
}
