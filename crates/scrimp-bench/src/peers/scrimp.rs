//! This project's layers.

use std::{hint::black_box, time::Duration};

use http::{HeaderValue, header};
use http_body_util::BodyExt;
use scrimp_cache::{CacheLayer, CacheLayerBuilder, MemoryStore};
use scrimp_stampede::{StampedeLayer, XFetch};
use tower::{Layer, Service};

use super::{OriginBody, RequestBody, Setup};
use crate::{fixture, poll, subject::Named};

/// Approximate size of a response of the fixture in the store.
const WEIGHT: u64 = 4 << 10;

pub(crate) fn layer(room: u64) -> CacheLayer {
    builder(room).build().expect("defaults")
}

fn builder(room: u64) -> CacheLayerBuilder<MemoryStore> {
    CacheLayer::builder(MemoryStore::new(room * WEIGHT))
}

pub(super) fn plain(setup: Setup) -> Named {
    let origin = setup.origin::<OriginBody>();
    setup.calls::<_, RequestBody, _, _>("scrimp", origin, layer(setup.room).layer(origin))
}

/// Makes a caller that asks for the verdict in the response's extensions.
pub(super) fn explain(setup: Setup) -> Named {
    let origin = setup.origin::<OriginBody>();
    let layer = builder(setup.room).explain(true).build().unwrap();
    let service = layer.layer(origin);
    setup.calls::<_, RequestBody, _, _>("scrimp, explained", origin, service)
}

/// Makes a cache with eight responses under the key, of which the oldest is asked for.
pub(super) fn variants(setup: Setup) -> Named {
    let origin = setup.origin::<OriginBody>();
    let mut service = layer(setup.room).layer(origin);
    let request = || fixture::request::<RequestBody>(setup.target, 0, false);
    let own = request().headers()[header::ACCEPT_ENCODING].clone();
    let others = fixture::OTHER_ENCODINGS.map(HeaderValue::from_static);
    for encoding in std::iter::once(own).chain(others) {
        let mut request = request();
        request
            .headers_mut()
            .insert(header::ACCEPT_ENCODING, encoding);
        let response = poll::now(service.call(request)).expect("the origin answers");
        let Ok(body) = poll::now(response.collect());
        black_box(body);
    }
    setup.calls::<_, RequestBody, _, _>("scrimp, 8 variants", origin, service)
}

/// Makes a cache whose last of ten rules matches.
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
    let builder = builder(setup.room);
    let builder = rules
        .iter()
        .fold(builder, |builder, rule| builder.rule(*rule));
    let layer = builder.build().expect("rules are well-formed");
    setup.calls::<_, RequestBody, _, _>("scrimp, 10 rules", origin, layer.layer(origin))
}

/// Makes a cache with stampede protection around it.
pub(crate) fn stampede(setup: Setup) -> Named {
    let origin = setup.origin::<OriginBody>();
    let service = StampedeLayer::new().layer(layer(setup.room).layer(origin));
    setup.calls::<_, RequestBody, _, _>("scrimp, stampede", origin, service)
}

/// Makes the same near expiry: every hit draws a random number, and none refreshes.
pub(crate) fn stampede_rolling(setup: Setup) -> Named {
    let origin = setup.origin::<OriginBody>();
    let strategy = XFetch::default().fixed(Duration::from_secs(1_000));
    let strategy = strategy.within(1.0);
    // U close to 1: the gap is far shorter than the hour of the freshness lifetime.
    let stampede = StampedeLayer::builder()
        .strategy(strategy)
        .random(|| 0.001)
        .build()
        .unwrap();
    let service = stampede.layer(layer(setup.room).layer(origin));
    setup.calls::<_, RequestBody, _, _>("scrimp, stampede near expiry", origin, service)
}
