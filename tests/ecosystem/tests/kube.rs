//! The layers under a client of kube: its body has no default value, so a stack goes outermost.

use std::sync::atomic::Ordering::Relaxed;

use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use kube::client::middleware::BaseUriLayer;
use scrimp::{
    Body, ServiceBuilderExt,
    cache::{CacheLayer, MemoryStore},
    coalesce::CoalesceLayer,
    core::box_error,
    stampede::StampedeLayer,
};
use scrimp_ecosystem::counted;
use serde_json::{Value, json};
use tower::ServiceBuilder;

#[tokio::test]
async fn equal_reads_are_one_call_and_writes_pass() {
    let (url, calls) = counted(json!({"kind": "ConfigMap", "metadata": {"name": "shop"}})).await;
    let cache = CacheLayer::new(MemoryStore::new(1 << 20));
    let stack = ServiceBuilder::new()
        // Outside of the cache, whose keys have the authority.
        .layer(BaseUriLayer::new(url.parse().unwrap()))
        .stack()
        .stampede(StampedeLayer::new())
        .cache(cache.clone())
        .coalesce(CoalesceLayer::new())
        .map_err(box_error)
        .service(Client::builder(TokioExecutor::new()).build_http::<Body>());
    let client = kube::Client::new(stack, "default");
    let path = "/api/v1/namespaces/default/configmaps/shop";
    for _ in 0..3 {
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        let read: Value = client.request(request).await.unwrap();
        assert_eq!(read["kind"], "ConfigMap");
    }
    assert_eq!((calls.load(Relaxed), cache.stats().hits), (1, 2));
    let request = http::Request::put(path).body(b"{}".to_vec()).unwrap();
    let _: Value = client.request(request).await.unwrap();
    assert_eq!(calls.load(Relaxed), 2);
}
