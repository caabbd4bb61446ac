//! Warming over the network: the work of `scrimp warm`.

mod client;
mod plan;
mod show;
mod source;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Empty;
use indicatif::ProgressBar;
use scrimp_core::Clock;
use scrimp_warm::{Targets, WarmReport};
use tokio::{runtime::Runtime, signal::ctrl_c};

use self::client::Client;
pub(crate) use self::{
    plan::{Plan, site_of},
    show::Warmed,
    source::Kind,
};
use crate::error::{Error, Result};

/// Time for connections that are closing.
const CLOSE: Duration = Duration::from_millis(100);

/// Reads the sources, and warms them: once, or at the times of the schedule until the process is stopped.
/// `show` receives the result of each run.
pub(crate) fn warm(plan: &Plan, mut show: impl FnMut(&Warmed) -> Result<()>) -> Result<()> {
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let client = Client::new(&plan.to)?;
        let Some(schedule) = &plan.schedule else {
            return show(&round(plan, &client).await?);
        };
        let clock = Clock::system();
        loop {
            let Some(next) = schedule.next(clock.wall()) else {
                return Err(Error::new("the schedule has no further time"));
            };
            plan.say(&format!("waiting until {}", schedule.show(next)));
            tokio::select! {
                _ = schedule.wait(&clock) => {}
                _ = ctrl_c() => return Ok(()),
            }
            match round(plan, &client).await {
                Ok(warmed) => {
                    show(&warmed)?;
                    if warmed.is_interrupted() {
                        return Ok(());
                    }
                }
                // A sitemap that cannot be read now may be there the next time.
                Err(error) => plan.say(&error.to_string()),
            }
        }
    });
    runtime.shutdown_timeout(CLOSE);
    done
}

/// Returns the URIs that would be warmed.
pub(crate) fn list(plan: &Plan) -> Result<Targets> {
    let runtime = runtime()?;
    let targets = runtime.block_on(async {
        let client = Client::new(&plan.to)?;
        Ok(source::read(plan, &client).await?.0)
    });
    runtime.shutdown_timeout(CLOSE);
    targets
}

fn runtime() -> Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build();
    runtime.map_err(|error| Error::io("cannot start", error))
}

/// Reads the sources, and warms them once.
async fn round(plan: &Plan, client: &Client) -> Result<Warmed> {
    let (targets, mut notes) = source::read(plan, client).await?;
    notes.extend(source::hint(plan, &targets));
    if targets.uris().is_empty() {
        return Err(Error::new(source::nothing(plan, &targets)));
    }
    let bar = Arc::new(show::bar(plan.quiet));
    let report = run(plan, client, &targets, &bar).await;
    bar.finish_and_clear();
    Ok(Warmed::new(report?, &targets, notes))
}

async fn run(
    plan: &Plan,
    client: &Client,
    targets: &Targets,
    bar: &Arc<ProgressBar>,
) -> Result<WarmReport> {
    let shown = Arc::clone(bar);
    let builder = plan
        .builder()
        .on_event(move |event| show::event(&shown, event));
    let warmer = builder.build()?;
    let first = async {
        // Without a handler, the process ends at once, as it does for other commands.
        let _ = ctrl_c().await;
    };
    let second = async {
        let _ = ctrl_c().await;
        let _ = ctrl_c().await;
    };
    let run = warmer.run_until::<_, Empty<Bytes>>(client.clone(), targets, first);
    tokio::select! {
        report = run => report.map_err(|error| Error::new(error.to_string())),
        () = second => Err(Error::new("interrupted; with --resume, the next run goes on")),
    }
}
