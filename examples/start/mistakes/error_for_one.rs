// says: `.map_err(scrimp_core::box_error)`
use axum::body::Body;
use http::{Request, Response};
use scrimp::coalesce::CoalesceLayer;
use tower::{ServiceBuilder, ServiceExt, service_fn};

async fn call(_: Request<Body>) -> Result<Response<Body>, std::io::Error> {
    Ok(Response::default())
}

fn main() {
    let service = ServiceBuilder::new()
        .layer(CoalesceLayer::new())
        .service(service_fn(call));
    let _ = ServiceExt::<Request<Body>>::oneshot(service, Request::default());
}
