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
//! The proxy itself is the crate `scrimp-gateway`; this is its command line.

mod args;
#[cfg(test)]
mod tests;

use std::{path::Path, process::ExitCode};

use clap::Parser;
use scrimp::cache::{CacheLayer, MemoryStore, Mode, SettingError};
use scrimp_gateway::{Gateway, GatewayBuilder, stop_signal};
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;

use crate::args::{Args, Limits};

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
    let gateway = gateway(args)?;
    // Installed before any output, so that an immediate signal is not lost.
    let stop = stop_signal().map_err(|e| format!("cannot listen for signals: {e}"))?;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|e| format!("cannot listen on {}: {e}", args.listen))?;
    let address = listener
        .local_addr()
        .map_err(|e| format!("cannot tell which port was opened: {e}"))?;

    // Printed to stdout, for scripts that listen on port 0.
    let scheme = if args.tls_key.is_some() {
        "https"
    } else {
        "http"
    };
    println!("listening on {scheme}://{address}");
    tracing::info!(upstream = %args.upstream, "listening on {scheme}://{address}");

    gateway.serve(listener, stop).await;
    Ok(())
}

fn gateway(args: &Args) -> Result<Gateway, String> {
    let mut gateway = limits(Gateway::builder(args.upstream.clone()), &args.limits)
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
    gateway = match args.no_cache {
        true => gateway.no_cache(),
        false => gateway.cache(cache(args).map_err(|error| error.to_string())?),
    };
    gateway.build().map_err(|error| error.to_string())
}

fn limits(mut gateway: GatewayBuilder, limits: &Limits) -> GatewayBuilder {
    if let Some(most) = limits.max_connections {
        gateway = gateway.max_connections(most);
    }
    if let Some(most) = limits.max_connections_per_address {
        gateway = gateway.max_connections_per_address(most);
    }
    if let Some(most) = limits.max_requests {
        gateway = gateway.max_requests(most);
    }
    if let Some(time) = limits.header_timeout {
        gateway = gateway.header_timeout(time);
    }
    if let Some(time) = limits.idle_timeout {
        gateway = gateway.idle_timeout(time);
    }
    if let Some((grace, rate)) = limits.body_pace {
        gateway = gateway.body_pace(grace, rate);
    }
    if let Some((grace, rate)) = limits.send_pace {
        gateway = gateway.send_pace(grace, rate);
    }
    gateway
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}

fn cache(args: &Args) -> Result<CacheLayer, SettingError> {
    let mode = if args.private {
        Mode::Private
    } else {
        Mode::Shared
    };
    let mut cache = CacheLayer::builder(MemoryStore::new(args.max_bytes)).mode(mode);
    if args.trust_cookies {
        cache = cache.trust_origin_with_cookies();
    }
    for rule in &args.rules {
        cache = cache.rule(rule.clone());
    }
    cache.build()
}
