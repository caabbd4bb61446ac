//! The layers around a client of tonic, and in front of its server: gRPC passes through, with its
//! trailers.

use scrimp::{
    ServiceBuilderExt,
    cache::{CacheLayer, MemoryStore},
    coalesce::CoalesceLayer,
    core::box_error,
    limit::LimitLayer,
    stampede::StampedeLayer,
};
use tokio::net::TcpListener;
use tonic::{
    Code,
    transport::{Endpoint, Server, server::TcpIncoming},
};
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, health_client::HealthClient},
    server::health_reporter,
};
use tower::ServiceBuilder;

#[tokio::test]
async fn calls_pass_the_layers_of_client_and_server_and_are_never_stored() {
    let (reporter, health) = health_reporter();
    let cache = CacheLayer::new(MemoryStore::new(1 << 20));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let layers = ServiceBuilder::new()
        .stampede(StampedeLayer::new())
        .cache(cache.clone())
        .coalesce(CoalesceLayer::new())
        .into_inner();
    let server = Server::builder().layer(layers).add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

    let channel = Endpoint::new(url).unwrap().connect_lazy();
    let client = ServiceBuilder::new()
        .cache(cache.clone())
        .coalesce(CoalesceLayer::new())
        .limit(LimitLayer::per_second(1_000).build().unwrap())
        .map_err(box_error)
        .service(channel);
    let mut client = HealthClient::new(client);
    let ask = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };
    for status in [ServingStatus::Serving, ServingStatus::NotServing] {
        reporter.set_service_status("shop", status).await;
        let answer = client.check(ask("shop")).await.unwrap().into_inner();
        let expected = match status {
            ServingStatus::Serving => 1,
            _ => 2,
        };
        assert_eq!(
            answer.status, expected,
            "the present status, not a stored one"
        );
    }
    // An error is in the trailers, or in a head without a body.
    let error = client.check(ask("unknown")).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.store.entries), (0, 0));
}
