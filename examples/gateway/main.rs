//! A caching reverse proxy: scrimp's `CacheLayer` in front of one HTTP upstream.
//!
//! ```sh
//! cargo run --release --example gateway -- --upstream http://127.0.0.1:9000 --listen 127.0.0.1:8080
//! ```
//!
//! TLS on both sides, and limits for clients:
//!
//! ```sh
//! cargo run --release --example gateway -- --upstream https://shop.example \
//!     --tls-certificates gateway.pem --tls-key gateway.key --listen 0.0.0.0:8443 \
//!     --max-connections 5000 --idle-timeout 30 --body-pace 20s:500
//! ```
//!
//! Several gateways over one Redis, which together call the upstream at most 100 times a second, and
//! spend no more than 25 dollars a day:
//!
//! ```sh
//! cargo run --release --example gateway -- --upstream https://api.example --preserve-host \
//!     --redis redis://127.0.0.1:6379 --fleet api --admin 127.0.0.1:8081 \
//!     --rate 100/second --price 0.002 --budget 25/day
//! ```
//!
//! The proxy itself is the crate `scrimp-gateway`; this is its command line.

mod args;
mod fleet;
mod limits;
#[cfg(test)]
mod tests;

use std::{future::Future, net::SocketAddr, path::Path, process::ExitCode};

use axum::Router;
use clap::Parser;
use scrimp::{
    cache::{CacheLayer, MemoryStore, Mode, SettingError, Store},
    core::Ledger,
};
use scrimp_gateway::{Gateway, GatewayBuilder, stop_signal};
use tokio::{net::TcpListener, task::JoinSet};
use tracing_subscriber::filter::LevelFilter;

use crate::{args::Args, fleet::Fleet};

/// A gateway, and what belongs to it.
struct Program {
    gateway: Gateway,
    admin: Option<Router>,
    fleet: Option<Fleet>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(LevelFilter::from(args.log))
        .init();
    match run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<(), String> {
    // Installed before any output, so that an immediate signal is not lost.
    let stop = stop_signal().map_err(|e| format!("cannot listen for signals: {e}"))?;
    run_until(args, stop).await
}

async fn run_until(args: &Args, stop: impl Future<Output = ()>) -> Result<(), String> {
    let Program {
        gateway,
        admin,
        fleet,
    } = program(args)?;
    let (listener, address) = listen(args.listen).await?;
    if let Some(fleet) = &fleet {
        fleet.joined().await;
    }
    let mut servers = JoinSet::new();
    if let (Some(app), Some(address)) = (admin, args.admin) {
        let (listener, address) = listen(address).await?;
        println!("purges on http://{address}");
        servers.spawn(async move { axum::serve(listener, app).await });
    }

    // Printed to stdout, for scripts that listen on port 0.
    let scheme = if args.tls_key.is_some() {
        "https"
    } else {
        "http"
    };
    println!("listening on {scheme}://{address}");
    tracing::info!(upstream = %args.upstream, "listening on {scheme}://{address}");

    gateway.serve(listener, stop).await;
    servers.shutdown().await;
    if let Some(fleet) = fleet {
        fleet.leave().await;
    }
    Ok(())
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), String> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|e| format!("cannot listen on {address}: {e}"))?;
    let address = listener
        .local_addr()
        .map_err(|e| format!("cannot tell which port was opened: {e}"))?;
    Ok((listener, address))
}

fn program(args: &Args) -> Result<Program, String> {
    let mut gateway = limits::of_clients(Gateway::builder(args.upstream.clone()), &args.limits)
        .upstream_timeout(args.upstream_timeout)
        .drain(args.drain);
    if args.preserve_host {
        gateway = gateway.preserve_host();
    }
    if args.trust_forwarded {
        gateway = gateway.trust_forwarded();
    }
    if args.upstream_http2 {
        gateway = gateway.upstream_http2();
    }
    if let Some(file) = &args.upstream_ca {
        gateway = gateway.upstream_ca(read(file)?);
    }
    if let (Some(certificates), Some(key)) = (&args.tls_certificates, &args.tls_key) {
        gateway = gateway.tls(read(certificates)?, read(key)?);
    }
    around(args, gateway).map_err(|error| error.to_string())
}

/// Puts the cache, and the limits of the calls, around the upstream.
fn around(args: &Args, gateway: GatewayBuilder) -> Result<Program, SettingError> {
    let fleet = Fleet::of(&args.fleet)?;
    let gateway = limits::of_calls(gateway, args, fleet.as_ref())?;
    let (gateway, admin) = match &fleet {
        _ if args.no_cache => (gateway.no_cache(), None),
        None => cached(args, gateway, MemoryStore::new(args.max_bytes))?,
        Some(fleet) => {
            let (gateway, admin) = cached(args, gateway, fleet.store(args.max_bytes)?)?;
            (gateway.around_cache(fleet.fills()?), admin)
        }
    };
    Ok(Program {
        gateway: gateway.build()?,
        admin,
        fleet,
    })
}

fn cached<St: Store>(
    args: &Args,
    gateway: GatewayBuilder,
    store: St,
) -> Result<(GatewayBuilder, Option<Router>), SettingError> {
    let cache = cache(args, store)?;
    // Its port is for those who may purge.
    let admin = Router::new().fallback_service(cache.admin(|_| true));
    Ok((gateway.cache(cache), args.admin.map(|_| admin)))
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}

fn cache<St: Store>(args: &Args, store: St) -> Result<CacheLayer<St>, SettingError> {
    let mode = if args.private {
        Mode::Private
    } else {
        Mode::Shared
    };
    let mut cache = CacheLayer::builder(store).mode(mode);
    if args.fleet.redis.is_some() {
        cache = cache.store_timeout(args.fleet.redis_timeout);
    }
    if let Some(price) = args.calls.price {
        // Where a response is kept depends on what its call has cost, which the ledger knows.
        cache = cache.price(price).ledger(Ledger::new());
    }
    if args.trust_cookies {
        cache = cache.trust_origin_with_cookies();
    }
    for rule in &args.rules {
        cache = cache.rule(rule.clone());
    }
    cache.build()
}
