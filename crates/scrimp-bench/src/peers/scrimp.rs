//! This project's layer.

use scrimp_cache::{CacheLayer, MemoryStore};
use tower::Layer;

use super::{OriginBody, RequestBody, Setup};
use crate::subject::Named;

/// About what a response of the fixture weighs.
const WEIGHT: u64 = 4 << 10;

pub(crate) fn layer(room: u64) -> CacheLayer {
    CacheLayer::new(MemoryStore::new(room * WEIGHT))
}

pub(super) fn plain(setup: Setup) -> Named {
    let origin = setup.origin::<OriginBody>();
    setup.calls::<_, RequestBody, _, _>("scrimp", origin, layer(setup.room).layer(origin))
}

/// The caller asks for the verdict in the response's extensions.
pub(super) fn explain(setup: Setup) -> Named {
    let origin = setup.origin::<OriginBody>();
    let service = layer(setup.room).explain(true).layer(origin);
    setup.calls::<_, RequestBody, _, _>("scrimp, explained", origin, service)
}

/// The last of ten rules matches.
pub(super) fn ten_rules(setup: Setup) -> Named {
    let origin = setup.origin::<OriginBody>();
    let rules = [
        "path=/api/orders/** bypass",
        "path=/api/users/*/avatar ttl=1h",
        "path=/static/** query=none ttl=infinite",
        "path=/api/search header=accept-language ttl=30s",
        "host=admin.example.com bypass",
        "path=/api/*/reviews query=page ttl=5m",
        "if-header=x-preview bypass",
        "path=/images/**/*.webp query=w,h ttl=1h",
        "path=/api/prices/** header=x-currency ttl=10s",
        "path=/api/products query=category,page ttl=1h",
    ];
    let layer = rules.iter().fold(layer(setup.room), |layer, rule| {
        layer.rule(rule.parse().expect("the rule is well-formed"))
    });
    setup.calls::<_, RequestBody, _, _>("scrimp, 10 rules", origin, layer.layer(origin))
}
