//! Replays an access log through scrimp's cache, or all of its layers, and prints the cost.
//!
//! The log is read (in the [`Format`]s of most servers, proxies and applications, plain or
//! compressed), sorted by time, and driven in virtual time through the real [`CacheLayer`] over an upstream that counts its calls:
//! a day of traffic takes a second. The result is the number of calls, and so of dollars, that the
//! cache would have saved, beside the highest savings that the same trace allows.
//! [`Settings::all`] adds the other layers, and [`Layers`] contains the share of each.
//!
//! [`CacheLayer`]: scrimp_cache::CacheLayer
//!
//! # The command
//!
//! ```text
//! scrimp replay --sample
//! scrimp replay access.log.gz --price 0.002 --ttl 10m --rule "path=/** query=none" --html report.html
//! scrimp replay access.log.gz --all --provider "budget price=0.004 latency=900ms"
//! scrimp demo
//! scrimp warm access.log.gz --top 500 --to http://127.0.0.1:8080 --price 0.002 --budget 1
//! ```
//!
//! `scrimp warm` (feature `warm`, on by default) fills a cache with what the log says callers ask for most, by
//! the crate `scrimp-warm`; the library has [`rank`] for that. `scrimp reconcile` and `scrimp focus` (feature
//! `finance`, on by default) are the commands of the crate `scrimp-focus`.
//!
//! # The library
//!
//! ```
//! use scrimp_replay::{Input, SampleLog, Settings, replay};
//!
//! let log = Input::Sample(SampleLog::new().requests(2_000));
//! let report = replay(vec![log], &Settings::new().price("0.01".parse()?), &mut ())?;
//! assert!(report.hit_rate() <= report.ceiling());
//! println!("{} saved", report.saved());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```
//! use scrimp_replay::{Input, SampleLog, Settings, replay};
//!
//! let log = Input::Sample(SampleLog::new().requests(500));
//! let settings = Settings::new().provider("budget price=0.004".parse()?)?.all();
//! let report = replay(vec![log], &settings, &mut ())?;
//! let layers = report.layers.as_ref().ok_or("no layers")?;
//! let avoided: i64 = layers.shares.iter().map(|share| share.calls).sum();
//! assert_eq!(avoided, 500 - i64::try_from(report.upstream_calls)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `scrimp demo`, which is the crate [`scrimp_demo`], needs no log: its scenarios generate their
//! traffic, and include failures.
//!
//! # Limits of a replay
//!
//! Logs contain no response headers. So the TTL and the rules set the freshness lifetime, and no
//! response is private, varies, or has a validator. Bodies are zeros of the logged length, up to
//! 16 MiB each. A 304 or 206 answered a condition or a range that is not in the log: the upstream
//! responds with a 200 of the logged length.
//!
//! # Memory
//!
//! Memory is bounded by the settings, not by the log: sorting holds 64 MiB and merges the rest from
//! temporary files, the ceiling holds 900,000 keys and does the same, the cache holds at most
//! [`Settings::max_bytes`], and charts and routes are bounded too.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod cli;

mod ahead;
mod beside;
mod ceiling;
mod curve;
mod drive;
mod error;
mod explain;
mod fleet;
mod full;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod html;
mod input;
mod intake;
mod json;
mod layers;
mod line;
mod nodes;
mod offer;
mod overlap;
mod prefetch;
mod progress;
mod rank;
mod recognised;
mod replay;
mod report;
mod routes;
mod sample;
mod settings;
mod simulated;
mod sizes;
mod sort;
mod stack;
mod stampede;
mod suggest;
mod suggestion;
mod table;
mod timeline;
mod ttl;
mod units;
mod upstream;
#[cfg(feature = "warm")]
mod warm;
mod watch;

pub use ahead::{PrefetchReport, PrefetchSide, Waited};
pub use curve::{Curve, Point};
pub use error::{Error, Result};
pub use explain::Explanation;
pub use html::Html;
pub use input::Input;
pub use layers::{Batched, Layers, Share, Used};
pub use line::Format;
pub use nodes::{FleetReport, FleetSide, SharedTierReport, Spread};
pub use offer::Offer;
pub use progress::Progress;
pub use rank::{RankBy, RankedTarget, Ranking, rank};
pub use replay::replay;
pub use report::{BadLine, Coalesced, Reading, Report};
pub use routes::Route;
pub use sample::SampleLog;
pub use settings::Settings;
pub use stampede::{StampedeReport, Waiting};
pub use suggestion::Suggestion;
pub use table::Table;
pub use timeline::{Slice, Timeline};
pub use ttl::Ttl;
