//! All sides of the comparison, each in a thread with a virtual time of its own.

use std::time::Duration;

use scrimp_core::Money;
use scrimp_prefetch::PrefetchStats;

use super::side::Plan;
use crate::{
    ahead::{PrefetchReport, PrefetchSettings, PrefetchSide, Waited},
    beside::Beside,
    error::Result,
    line::Entry,
    settings::{Settings, USUAL_LATENCY},
    simulated::virtual_time,
    upstream::Latency,
};

type Driver = Beside<Entry, (Waited, Option<PrefetchStats>)>;

/// The comparison that runs beside a replay.
pub(crate) struct PrefetchRun {
    settings: PrefetchSettings,
    price: Money,
    latency: Duration,
    without: Driver,
    with: Vec<(Money, Driver)>,
    clients_known: u64,
}

// === impl PrefetchRun ===

impl PrefetchRun {
    /// Starts the sides. `span` has the times of the first and the last request.
    pub(crate) fn start(
        settings: &Settings,
        prefetch: &PrefetchSettings,
        span: (i64, i64),
    ) -> Result<Self> {
        let latency = match settings.overlaps() {
            true => settings.upstream_latency(),
            false => Latency::Logged(USUAL_LATENCY),
        };
        let mean = match latency {
            Latency::Fixed(time) => time,
            Latency::Logged(otherwise) => settings.mean_logged.unwrap_or(otherwise),
        };
        let plan = |value| Plan {
            settings: settings.clone(),
            prefetch: prefetch.clone(),
            value,
            latency,
            span,
        };
        let with = prefetch.values(settings.price).into_iter().map(|value| {
            let plan = plan(Some(worth(value, mean.as_secs_f64())));
            Ok((value, start(plan)?))
        });
        Ok(Self {
            settings: prefetch.clone(),
            price: settings.price,
            latency: mean,
            without: start(plan(None))?,
            with: with.collect::<Result<_>>()?,
            clients_known: 0,
        })
    }

    /// Makes a request on each side.
    pub(crate) fn call(&mut self, entry: &Entry) {
        self.clients_known += u64::from(entry.client != 0);
        let bytes = entry.target.len() + entry.user_agent.len();
        for driver in self.with.iter_mut().map(|(_, driver)| driver) {
            driver.send(entry.clone(), bytes);
        }
        self.without.send(entry.clone(), bytes);
    }

    /// Waits for the end of all sides, and returns the results.
    pub(crate) fn finish(self) -> Result<PrefetchReport> {
        let (without, _) = self.without.finish()?;
        let with = self.with.into_iter().map(|(value, driver)| {
            let (waited, stats) = driver.finish()?;
            let stats = stats.expect("the sides with a value of waiting have a layer");
            Ok(side(&without, waited, &stats, (value, self.price)))
        });
        let with = with.collect::<Result<_>>()?;
        Ok(PrefetchReport {
            clients_known: self.clients_known,
            latency: self.latency,
            lead: self.settings.lead,
            min_confidence: self.settings.min_confidence,
            budget_per_hour: self.settings.per_hour,
            without,
            with,
        })
    }
}

fn start(plan: Plan) -> Result<Driver> {
    Beside::start("prefetch", |entries| {
        virtual_time()?.block_on(plan.drive(entries))
    })
}

/// Compares a side with the one that prefetches nothing.
fn side(
    without: &Waited,
    waited: Waited,
    stats: &PrefetchStats,
    (value, price): (Money, Money),
) -> PrefetchSide {
    let spared_seconds = without.waited.as_secs_f64() - waited.waited.as_secs_f64();
    let spared = worth(value, spared_seconds);
    let (before, after) = (without.upstream_calls, waited.upstream_calls);
    let spent = match after.checked_sub(before) {
        Some(added) => price * added,
        None => -(price * (before - after)),
    };
    let net = spared.checked_sub(spent);
    PrefetchSide {
        value_per_second: value,
        prefetches: stats.calls - stats.already_fresh,
        useful: stats.useful,
        late: stats.late,
        wasted: stats.wasted,
        failed: stats.failed + stats.not_stored,
        shut_offs: stats.shut_offs,
        spared_seconds,
        spared,
        spent,
        net: net.expect("the settings have one currency"),
        waited,
    }
}

/// Returns the value of a time at this value of a second.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "an amount for people to read"
)]
fn worth(per_second: Money, seconds: f64) -> Money {
    let pico = per_second.pico() as f64 * seconds;
    Money::from_pico(pico.round() as i128, per_second.currency())
}
