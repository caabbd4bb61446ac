//! Four scenarios and five failures, through the real layers, in virtual time.
//!
//! Each scenario makes its traffic by a seed, sends it through the layers that one would deploy
//! for it, over an upstream that takes its (virtual) time, its price and count of its calls,
//! and holds what it measured against a goal that was set before. A goal that honest traffic
//! does not reach is shown as not reached, with the reason.
//!
//! ```
//! use scrimp_demo::Demo;
//!
//! let outcome = Demo::new().one_in(100).run()?; // a hundredth of the traffic
//! assert_eq!(outcome.wrong(), Vec::<String>::new());
//! println!("{}", outcome.table(false));
//! # Ok::<(), scrimp_demo::DemoError>(())
//! ```
//!
//! Savings that are missed are told; [`Outcome::wrong`] holds what may never be: an old price
//! after the event that changed it, an answer that is somebody else's, books that do not agree
//! with the upstream's own count.

mod catalogue;
mod crowd;
mod dashboard;
mod error;
mod failures;
mod feed;
mod json;
mod nightly;
mod outcome;
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

pub use error::DemoError;
pub use outcome::{Line, Outcome, Scenario};
pub use table::DemoTable;
pub use value::{Goal, Value};

/// What is to be shown.
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
    /// All of it, by seed 1.
    #[must_use]
    pub fn new() -> Self {
        Self { seed: 1, one_in: 1 }
    }

    /// Another seed makes other traffic of the same kind. Default: 1.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Makes one part in that many of the traffic: a shorter time in the shop, fewer users of the
    /// feed, fewer records; never at another rate, so that what is reused stays the same.
    /// Range: 1 to 1,000. Default: 1.
    #[must_use]
    pub fn one_in(mut self, parts: u64) -> Self {
        self.one_in = parts;
        self
    }

    /// Runs it: each scenario by a clock and on a thread of its own.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range, or the clock or the thread of a scenario cannot be
    /// started.
    pub fn run(&self) -> Result<Outcome, DemoError> {
        SettingError::within("Demo", "one_in", self.one_in, 1..=1_000)?;
        let stopwatch = Stopwatch::start();
        let (scenarios, failures) = std::thread::scope(|scope| {
            // The longest first.
            let nightly = spawn(scope, || virtually(nightly::run(self))?);
            let catalogue = spawn(scope, || virtually(catalogue::run(self))?);
            let feed = spawn(scope, || virtually(feed::run(self))?);
            let dashboard = spawn(scope, || virtually(dashboard::run(self))?);
            let failures = go_wrong();
            let scenarios =
                [catalogue, feed, dashboard, nightly].map(|scenario| scenario.and_then(join));
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
    ])
}

fn spawn<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    work: impl FnOnce() -> Result<Scenario> + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, Result<Scenario>>> {
    Builder::new()
        .spawn_scoped(scope, work)
        .map_err(|error| DemoError::io("cannot start a thread for a scenario", error))
}

fn join(scenario: ScopedJoinHandle<'_, Result<Scenario>>) -> Result<Scenario> {
    let panicked = |_| Err(DemoError::new("a scenario broke down: see above"));
    scenario.join().unwrap_or_else(panicked)
}

/// Runs something by a clock of its own that does not wait.
fn virtually<T>(work: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| DemoError::io("cannot start the clock of a scenario", error))?;
    Ok(runtime.block_on(work))
}
