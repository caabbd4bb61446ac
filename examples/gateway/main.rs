//! A caching reverse proxy: scrimp's `CacheLayer` in front of one HTTP upstream.
//!
//! ```sh
//! cargo run --release --example gateway -- --upstream http://127.0.0.1:9000 --listen 127.0.0.1:8080
//! ```
//!
//! The proxy itself is the crate `scrimp-gateway`; this is its command line.

mod args;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::Parser;
use scrimp::cache::{CacheLayer, MemoryStore, Mode, SettingError};
use scrimp_gateway::{Gateway, stop_signal};
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;

use crate::args::Args;

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
    let gateway = gateway(args).map_err(|error| error.to_string())?;
    // Installed before any output, so that an immediate signal is not lost.
    let stop = stop_signal().map_err(|e| format!("cannot listen for signals: {e}"))?;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|e| format!("cannot listen on {}: {e}", args.listen))?;
    let address = listener
        .local_addr()
        .map_err(|e| format!("cannot tell which port was opened: {e}"))?;

    // Printed to stdout, for scripts that listen on port 0.
    println!("listening on http://{address}");
    tracing::info!(upstream = %args.upstream, "listening on http://{address}");

    gateway.serve(listener, stop).await;
    Ok(())
}

fn gateway(args: &Args) -> Result<Gateway, SettingError> {
    let mut gateway = Gateway::builder(args.upstream.clone())
        .upstream_timeout(args.upstream_timeout)
        .drain(args.drain);
    if args.preserve_host {
        gateway = gateway.preserve_host();
    }
    if args.trust_forwarded {
        gateway = gateway.trust_forwarded();
    }
    if args.no_cache {
        return gateway.no_cache().build();
    }
    gateway.cache(cache(args)?).build()
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
