//! The layers inside a client and a server of jsonrpsee.

use jsonrpsee::{
    RpcModule,
    core::{client::ClientT, http_helpers::HttpError},
    http_client::{HttpClient, transport::Error as TransportError},
    rpc_params,
    server::Server,
};
use scrimp::{
    ServiceBuilderExt,
    cache::{CacheLayer, MemoryStore},
    coalesce::CoalesceLayer,
    core::{BoxError, box_error},
    limit::LimitLayer,
    stampede::StampedeLayer,
};
use tower::ServiceBuilder;

#[tokio::test]
async fn calls_pass_the_layers_of_client_and_server() {
    let cache = CacheLayer::new(MemoryStore::new(1 << 20));
    let layers = ServiceBuilder::new()
        .stampede(StampedeLayer::new())
        .cache(cache.clone())
        .coalesce(CoalesceLayer::new());
    let server = Server::builder().set_http_middleware(layers);
    let server = server.build("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let mut module = RpcModule::new(());
    module
        .register_method("double", |params, (), _| {
            let number: u64 = params.one().unwrap_or_default();
            number * 2
        })
        .unwrap();
    let _server = server.start(module);

    // The client has an error of its own, which several callers cannot share.
    let layers = ServiceBuilder::new()
        .map_err(|error: BoxError| TransportError::Http(HttpError::Stream(error)))
        .stampede(StampedeLayer::new())
        .cache(cache.clone())
        .coalesce(CoalesceLayer::new())
        .limit(LimitLayer::per_second(1_000).build().unwrap())
        .map_err(box_error);
    let client = HttpClient::builder()
        .set_http_middleware(layers)
        .build(url)
        .unwrap();
    for number in [7_u64, 8, 7] {
        let answer: u64 = client.request("double", rpc_params![number]).await.unwrap();
        assert_eq!(answer, number * 2);
    }
    assert!(
        client
            .request::<u64, _>("triple", rpc_params![1])
            .await
            .is_err()
    );
    assert_eq!(cache.stats().store.entries, 0);
}
