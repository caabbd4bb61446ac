//! A gateway with scrimp's layers, made from one TOML file: `scrimp serve gateway.toml`.
//!
//! ```no_run
//! use scrimp_gateway::stop_signal;
//! use scrimp_serve::Server;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::open("gateway.toml").await?;
//! println!("listening on {}", server.address()?);
//! server.run(stop_signal()?).await;
//! # Ok(()) }
//! ```
//!
//! A file is checked without serving it. All its problems are found at once, each with its line:
//!
//! ```
//! use scrimp_serve::Config;
//!
//! let error = Config::parse("[server]\nlisten = \"here\"\nlimt = 1\n", "gateway.toml").unwrap_err();
//! let lines: Vec<_> = error.problems().map(|(line, ..)| line).collect();
//! assert_eq!(lines, [1, 2, 3]); // no route, no address, an unknown key
//! ```
//!
//! The repository's `docs/serve.md` lists all settings and shows how to run it.
//!
//! # Path of a request
//!
//! - the limits of `[server]`, which are those of [`scrimp_gateway::Gateway::serve`];
//! - the route: the first whose host, path and method fit;
//! - the tenant, by its key, which is removed from the request;
//! - the route's gateway: checks of the request, stampede, cache, coalescing, batching, rate, budget and
//!   choice of the provider, each where the route has it on.
//!
//! # A reload
//!
//! At SIGHUP the file is read and a second stack is built beside the first. If that succeeds, the next
//! request of each connection gets the new one, and the old one ends with its last request. Layers whose
//! settings are the same are the same in both. The cache keeps its store and its log of invalidations
//! unless the size, the tier or the mode of the cache changes. If the file has a problem, nothing changes.
//!
//! # When not to use it
//!
//! In a process of one's own, the layers cost less than a hop: see the crate `scrimp`. WebSockets and
//! `CONNECT` are not passed on.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod admin;
mod config;
mod figures;
mod live;
mod read;
mod run;
mod stack;
mod token;

pub use config::Config;
pub use live::{Reloaded, ServeError};
pub use read::{ConfigError, settings_in_markdown};
pub use run::{Handle, Server};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
