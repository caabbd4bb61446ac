// says: put `.stack()` (feature `stack` of `scrimp`) in front of the layers
use axum::body::Body;
use http::{Request, Response};
use http_body_util::Limited;
use scrimp::cache::{CacheLayer, MemoryStore, mib};
use tower::{ServiceBuilder, ServiceExt, service_fn};

fn main() {
    let service = ServiceBuilder::new()
        .layer(CacheLayer::new(MemoryStore::new(mib(1))))
        .service(service_fn(async |_: Request<Limited<Body>>| {
            Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
        }));
    let request = Request::new(Limited::new(Body::empty(), 1));
    let _ = ServiceExt::<Request<Limited<Body>>>::oneshot(service, request);
}
