//! A server for load generators: one thread, one route, with and without a cache.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, body::Body, routing::get_service};
use clap::{Args, ValueEnum};
use tokio::net::TcpListener;

use crate::{fixture, origin::Origin, peers, poll};

#[derive(Args)]
pub(crate) struct Options {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Layer in front of the handler.
    #[arg(long, value_enum, default_value_t = Front::None)]
    front: Front,
    /// Length of the response's body.
    #[arg(long, default_value_t = fixture::BODY)]
    body: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Front {
    None,
    Scrimp,
    AxumResponseCache,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let app = app(options.front, Origin::cacheable(options.body));
    poll::runtime().block_on(async {
        let listener = TcpListener::bind(options.listen).await?;
        axum::serve(listener, app).await?;
        Ok(())
    })
}

fn app(front: Front, origin: Origin<Body>) -> Router {
    let app = Router::new().route("/api/products", get_service(origin));
    match front {
        Front::None => app,
        Front::Scrimp => app.layer(peers::scrimp::layer(peers::ENTRIES)),
        Front::AxumResponseCache => {
            let layer = axum_response_cache::CacheLayer::with_lifespan(Duration::from_secs(3600));
            app.layer(layer)
        }
    }
}
