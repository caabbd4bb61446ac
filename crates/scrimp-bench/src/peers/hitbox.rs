//! hitbox-tower, on its store in memory.

use std::time::Duration;

use hitbox::{Config, policy::PolicyConfig};
use hitbox_http::{
    extractors::{Method as MethodOf, path::PathExtractor, query::QueryExtractor},
    predicates::{request::Method, response::StatusCode},
};
use hitbox_moka::MokaBackend;
use hitbox_tower::Cache;
use tower::Layer;

use super::{OriginBody, RequestBody, Setup};
use crate::subject::Named;

/// Makes the service of this backend: a macro, since the type has no name to return.
macro_rules! subject {
    ($setup:expr, $name:expr, $backend:expr) => {{
        let origin = $setup.origin::<OriginBody>();
        let config = Config::builder()
            .request_predicate(Method::new(http::Method::GET).expect("GET is a method"))
            .response_predicate(StatusCode::new(http::StatusCode::OK))
            .extractor(
                MethodOf::new()
                    .path("/api/products")
                    .query("category".to_owned())
                    .query("page".to_owned()),
            )
            .policy(
                PolicyConfig::builder()
                    .ttl(Duration::from_secs(3600))
                    .build(),
            )
            .build();
        let layer = Cache::builder().backend($backend).config(config).build();
        $setup.calls::<_, RequestBody, _, _>($name, origin, layer.layer(origin))
    }};
}

/// Uses the format that its documentation recommends.
pub(super) fn bincode(setup: Setup) -> Named {
    let backend = MokaBackend::builder()
        .max_entries(setup.room)
        .value_format(hitbox_backend::format::BincodeFormat)
        .build();
    subject!(setup, "hitbox-tower, bincode", backend)
}

/// Uses its default format.
pub(super) fn json(setup: Setup) -> Named {
    let backend = MokaBackend::builder().max_entries(setup.room).build();
    subject!(setup, "hitbox-tower, JSON", backend)
}
