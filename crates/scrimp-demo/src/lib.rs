//! Five scenarios and six failures, through the real layers, in virtual time.
//!
//! Each scenario generates its traffic from a seed and sends it through suitable layers, over an
//! upstream that has a (virtual) duration, a price and a counter of its calls. It compares the
//! measurements with a goal that was set before. A goal that realistic traffic does not reach is
//! shown as not met, with the reason.
//!
//! ```
//! use scrimp_demo::Demo;
//!
//! let outcome = Demo::new().one_in(100).run()?; // a hundredth of the traffic
//! assert_eq!(outcome.wrong(), Vec::<String>::new());
//! println!("{}", outcome.table(false));
//! # Ok::<(), scrimp_demo::Error>(())
//! ```
//!
//! Savings below their goal are reported; [`Outcome::wrong`] contains violations of required goals:
//! an old price after the event that changed it, another user's response, a ledger that disagrees
//! with the upstream's own count.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod catalogue;
mod crowd;
mod dashboard;
mod error;
mod failures;
mod feed;
mod json;
mod nightly;
mod outcome;
mod pages;
mod prices;
#[doc(hidden)]
pub mod support;
mod table;
mod value;

use std::{
    future::Future,
    thread::{Builder, Scope, ScopedJoinHandle},
};

use scrimp_core::SettingError;

use crate::{error::Result, support::stopwatch::Stopwatch};

pub use error::Error;
pub use outcome::{Line, Outcome, Scenario};
pub use table::DemoTable;
pub use value::{Goal, Value};

/// Settings of the demonstration.
#[derive(Debug, Clone)]
pub struct Demo {
    seed: u64,
    one_in: u64,
}

// === impl Demo ===

impl Default for Demo {
    fn default() -> Self {
        Self::new()
    }
}

impl Demo {
    /// Runs all traffic, with seed 1.
    #[must_use]
    pub fn new() -> Self {
        Self { seed: 1, one_in: 1 }
    }

    /// Sets the seed; another seed gives other traffic of the same kind. Default: 1.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Generates one part in `parts` of the traffic: a shorter period in the shop, fewer users of
    /// the feed, fewer records. Rates stay the same, so that reuse stays the same.
    /// Range: 1 to 1,000. Default: 1.
    #[must_use]
    pub fn one_in(mut self, parts: u64) -> Self {
        self.one_in = parts;
        self
    }

    /// Runs the scenarios, each with its own clock and on its own thread.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range, or the clock or the thread of a scenario cannot be
    /// started.
    pub fn run(&self) -> Result<Outcome, Error> {
        SettingError::within("Demo", "one_in", self.one_in, 1..=1_000)?;
        let stopwatch = Stopwatch::start();
        let (scenarios, failures) = std::thread::scope(|scope| {
            // The longest one starts first.
            let nightly = spawn(scope, || virtually(nightly::run(self))?);
            let catalogue = spawn(scope, || virtually(catalogue::run(self))?);
            let feed = spawn(scope, || virtually(feed::run(self))?);
            let dashboard = spawn(scope, || virtually(dashboard::run(self))?);
            let pages = spawn(scope, || virtually(pages::run(self))?);
            let failures = go_wrong();
            let scenarios = [catalogue, pages, feed, dashboard, nightly]
                .map(|scenario| scenario.and_then(join));
            (scenarios, failures)
        });
        Ok(Outcome {
            seed: self.seed,
            one_in: self.one_in,
            scenarios: scenarios.into_iter().collect::<Result<_>>()?,
            failures: failures?,
            elapsed: stopwatch.elapsed(),
        })
    }
}

fn go_wrong() -> Result<Vec<Scenario>> {
    Ok(vec![
        virtually(failures::stampede())??,
        virtually(failures::partial())??,
        virtually(failures::fill())??,
        virtually(failures::late())??,
        virtually(failures::timeout())??,
        virtually(failures::redis())??,
    ])
}

fn spawn<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    work: impl FnOnce() -> Result<Scenario> + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, Result<Scenario>>> {
    Builder::new()
        .spawn_scoped(scope, work)
        .map_err(|error| Error::io("cannot start a thread for a scenario", error))
}

fn join(scenario: ScopedJoinHandle<'_, Result<Scenario>>) -> Result<Scenario> {
    let panicked = |_| Err(Error::new("a scenario panicked: see above"));
    scenario.join().unwrap_or_else(panicked)
}

/// Runs a future with its own virtual clock.
fn virtually<T>(work: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| Error::io("cannot start the clock of a scenario", error))?;
    Ok(runtime.block_on(work))
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
