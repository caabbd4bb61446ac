//! A caching reverse proxy: scrimp's `CacheLayer` in front of one HTTP upstream.
//!
//! ```sh
//! cargo run --release --example gateway -- --upstream http://127.0.0.1:9000 --listen 127.0.0.1:8080
//! ```
//!
//! A request goes through these rooms, in this order:
//!
//! - `serve`: connections, time limits, graceful shutdown on SIGINT and SIGTERM;
//! - `admit`: drops request fields whose name has an underscore (WSGI, Rack and PHP read
//!   `X_Original_URL` as `X-Original-URL`), refuses what is ambiguous, takes hop-by-hop and
//!   forged forwarding fields away;
//! - the cache, which is one `.layer(..)` line in `app`;
//! - `proxy`: sends the request to the upstream. A failure is an error, in place of which the
//!   cache may answer with a stale copy; outside the cache it becomes a 502 or 504 that names
//!   its cause in `Proxy-Status`.
//!
//! Bodies stream in both directions and are never collected. An upstream that breaks off
//! in the middle of a body breaks the client's connection too: the client must not take
//! half an answer for a whole one.
//!
//! Only `http://` upstreams are spoken to, TLS towards clients is left to whatever stands
//! in front, and `Upgrade` (WebSockets) is not passed on.

mod admit;
mod app;
mod args;
mod forwarded;
mod headers;
mod proxy;
mod reply;
mod serve;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::Parser;
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
    // Before anything is announced, so that a signal sent at once is not lost.
    let stop = serve::stop_signal().map_err(|e| format!("cannot listen for signals: {e}"))?;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|e| format!("cannot listen on {}: {e}", args.listen))?;
    let address = listener
        .local_addr()
        .map_err(|e| format!("cannot tell which port was opened: {e}"))?;

    // On stdout, for scripts that listen on port 0.
    println!("listening on http://{address}");
    tracing::info!(upstream = %args.upstream, "listening on http://{address}");

    serve::serve(listener, app::app(args), args.drain, stop).await;
    Ok(())
}
