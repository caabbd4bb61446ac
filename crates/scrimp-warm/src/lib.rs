//! Fills a cache ahead of time: from lists, sitemaps and access logs, at chosen hours, within a rate and a
//! budget.
//!
//! After a deployment, before a campaign, or every morning before the first visitors come, a [`Warmer`] asks
//! for [`Targets`] through a stack of layers, so that its cache has the responses when callers come. A warmed
//! response costs one call; its first caller does not wait for it.
//!
//! ```
//! use http::{Request, Response};
//! use http_body_util::Empty;
//! use scrimp_cache::{CacheLayer, MemoryStore};
//! use scrimp_warm::{Targets, Warmer};
//! use tower::{Layer, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # type Body = Empty<bytes::Bytes>;
//! let cache = CacheLayer::builder(MemoryStore::new(64 << 20)).rule("ttl=1h").build()?;
//! let stack = cache.layer(service_fn(|_: Request<Body>| async {
//!     Ok::<_, std::io::Error>(Response::new(Body::new()))
//! }));
//!
//! let mut targets = Targets::on("https://shop.example")?;
//! targets.add_list(&b"# the pages of the campaign\n/\n/offers\n"[..])?;
//! let warmer = Warmer::builder()
//!     .rate_per_second(50)
//!     .price("0.002")
//!     .budget("5") // dollars
//!     .variant("accept-encoding", "gzip, deflate, br, zstd")
//!     .build()?;
//! let report = warmer.run(stack, &targets).await?;
//! assert_eq!((report.stored, report.cost.to_string()), (2, "$0.004".to_owned()));
//! # Ok(()) }
//! ```
//!
//! # Where the targets come from
//!
//! - A list: [`Targets::add_list`] reads a URI on each line.
//! - A sitemap (feature `sitemap`): `Targets::fetch_sitemap` reads it, and the sitemaps of an index, through a
//!   service; `Targets::add_sitemap` reads a file. Those of the highest priority come first.
//! - An access log: `scrimp_replay::rank` reads logs in most formats, and names the targets that cost most.
//! - A function of your own that calls [`Targets::add`].
//!
//! # When
//!
//! With the feature `schedule`:
//!
//! ```
//! # #[cfg(feature = "schedule")]
//! # async fn example(warmer: scrimp_warm::Warmer, stack: tower::util::BoxCloneService<
//! #     http::Request<http_body_util::Empty<bytes::Bytes>>,
//! #     http::Response<http_body_util::Empty<bytes::Bytes>>, std::io::Error>,
//! #     targets: scrimp_warm::Targets) -> Result<(), Box<dyn std::error::Error>> {
//! use scrimp_core::Clock;
//! use scrimp_warm::Schedule;
//!
//! let schedule = Schedule::new("*/10 7-9 * * MON-FRI", "Europe/Berlin")?;
//! while schedule.wait(&Clock::system()).await.is_some() {
//!     println!("{}", warmer.run(stack.clone(), &targets).await?);
//! }
//! # Ok(()) }
//! ```
//!
//! # What a run keeps to
//!
//! - `concurrency` and a rate, which hold in every interval: there is no burst after a pause.
//! - `max_calls` and `budget`. What the cache answers is no call. Calls in flight count beforehand, so that
//!   neither is exceeded by concurrency.
//! - Refusals: after 429, or 503 with Retry-After, from a `LimitLayer` or a server, the run pauses for the time
//!   that it says, then asks again. It stops at 402, where a budget is used up, and if it would have to wait
//!   for too long.
//! - Requests have [`Directive::Prefetch`](scrimp_core::extensions::Directive::Prefetch) and low priority: what
//!   is fresh is not fetched again and counts as no hit, routers take the cheapest provider, and budgets refuse
//!   them before they refuse a caller.
//! - Lifetimes are [cut](WarmerBuilder::jitter) at random by `CacheLayer`, so that what was warmed together
//!   does not expire together.
//!
//! Errors are counted by status, and never end a run. Only whole responses are asked for: no HEAD, no
//! conditions, no parts.
//!
//! # After a kill
//!
//! With a [`journal`](WarmerBuilder::journal), a later run goes on where the earlier one was: what is done is
//! not fetched again, and its calls and cost count against the limits. Calls in flight when the process was
//! killed are made again; their cost is not known.
//!
//! # What it was good for
//!
//! [`WarmReport`] has the cost. What a run spared is known only later: [`Spared`] counts how many warmed
//! responses callers have got, and the waiting that they were spared.
//!
//! # When not to use it
//!
//! Where few of the targets are asked for while they are fresh, warming costs more than it spares: compare
//! `used` with `warmed`. For what single sessions will ask for next, take `scrimp-prefetch`. For responses that
//! are about to expire, `scrimp-stampede` refreshes them when callers come. Personal responses are not warmed:
//! URIs with credentials in their query are skipped, and a shared cache does not store responses to requests
//! with `Authorization`.
//!
//! # Cancellation, readiness
//!
//! A run is a future and spawns no task. Each request waits for its own clone of the service. If the future is
//! dropped, requests in flight are dropped with it; [`Warmer::run_until`] reads them to their end.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod call;
mod config;
mod event;
mod journal;
mod limits;
mod lines;
mod report;
mod run;
#[cfg(feature = "schedule")]
mod schedule;
#[cfg(feature = "sitemap")]
mod sitemap;
mod spared;
mod targets;
mod upstream;
mod variants;
mod warmer;

pub use builder::WarmerBuilder;
pub use event::{StopReason, WarmEvent, WarmOutcome};
pub use journal::JournalError;
pub use report::WarmReport;
#[cfg(feature = "schedule")]
pub use schedule::Schedule;
pub use scrimp_core::SettingError;
#[cfg(feature = "sitemap")]
pub use sitemap::{SitemapError, SitemapReport};
pub use spared::{Spared, SparedFuture, SparedLayer, SparedReport, SparedService};
pub use targets::{SkippedTargets, Targets};
pub use upstream::WarmService;
pub use warmer::Warmer;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
