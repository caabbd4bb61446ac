//! Floods of tenants.

use std::convert::Infallible;

use http_body_util::Full;
use scrimp::{
    core::extensions::Tenant,
    cost_route::{Budget, Cap, CostRouteLayer, Period, Provider, Scope},
};
use tower::{Layer, service_fn};

use super::{
    Held,
    origin::{get, read},
};

/// 100,000 accounts, and ten times as many tenants that each make one call.
pub(super) async fn accounts() -> Held {
    let each = Cap::new("each", "100", Period::Day).tenants(Scope::Each);
    let provider = Provider::new("paid").endpoint("http://paid.test");
    let layer = CostRouteLayer::builder([provider.price("0.001")])
        .budget(Budget::new([each]))
        .build()
        .expect("valid settings");
    let service = layer.layer(service_fn(|_| async {
        Ok::<_, Infallible>(http::Response::new(Full::<bytes::Bytes>::default()))
    }));
    for n in 0..1_000_000 {
        let mut request = get("http://any.test/");
        let tenant = Tenant::from(format!("tenant-{n}"));
        request.extensions_mut().insert(tenant);
        read(&service, request).await;
    }
    Box::new(layer)
}
