//! Two gateways over one Redis: a response that one has fetched answers the other, a purge on
//! one takes effect on the other, and both spend one budget.
//!
//! ```sh
//! scripts/fleet.sh    # installs and starts a Redis of its own, and runs this
//! cargo run -p scrimp-examples --example fleet -- --redis redis://127.0.0.1:6379
//! ```
//!
//! The gateways share nothing but Redis: each has a connection, a memory and sockets of its own. They
//! stand in one process here, so that the program can say when the second one knows of the purge.

mod node;
#[cfg(test)]
mod server;
mod shop;
mod story;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::Parser;

/// Two gateways over one Redis, and a purge on one that takes effect on the other.
#[derive(Debug, Parser)]
#[command(name = "fleet", version)]
struct Args {
    /// URL of the Redis: redis://HOST[:PORT] or unix:///PATH.
    #[arg(long, value_name = "URL", default_value = "redis://127.0.0.1:6379")]
    redis: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    println!("{}", story::HEAD);
    match story::tell(&args.redis, |step| println!("{step}")).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            ExitCode::FAILURE
        }
    }
}
