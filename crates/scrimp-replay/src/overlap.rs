//! Requests in flight at the same time.

use std::{future::Future, pin::Pin, time::Duration};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{drive::Tally, error::Result, line::Entry, stack::Verdict, upstream::Meter};

/// The requests in flight, and the start of the replay.
///
/// The clock stands still while any of them can proceed, and then jumps to the next event: the end
/// of a wait, or the next request.
pub(crate) struct Crowd {
    start: Instant,
    /// Time of the log at the start, in microseconds.
    first: i64,
    under_way: FuturesUnordered<Pin<Box<dyn Future<Output = Landed>>>>,
}

/// A request with its response.
struct Landed {
    entry: Entry,
    verdict: Verdict,
    meter: Meter,
}

// === impl Crowd ===

impl Crowd {
    /// Makes an empty crowd at this time of the log.
    pub(crate) fn new(first: i64) -> Self {
        Self {
            start: Instant::now(),
            first,
            under_way: FuturesUnordered::new(),
        }
    }

    pub(crate) fn begin(
        &self,
        entry: Entry,
        meter: Meter,
        answer: impl Future<Output = Verdict> + 'static,
    ) {
        self.under_way.push(Box::pin(async move {
            let verdict = answer.await;
            Landed {
                entry,
                verdict,
                meter,
            }
        }));
    }

    /// Lets time pass until this time of the log.
    pub(crate) async fn until(&mut self, time: i64, tally: &mut Tally) -> Result<()> {
        let since = Duration::from_micros(time.saturating_sub(self.first).unsigned_abs());
        let deadline = self.start + since;
        if deadline <= Instant::now() {
            return Ok(());
        }
        while let Ok(next) = timeout_at(deadline, self.under_way.next()).await {
            let Some(landed) = next else {
                sleep_until(deadline).await;
                break;
            };
            landed.note(tally)?;
        }
        Ok(())
    }

    /// Waits for all requests.
    pub(crate) async fn finish(&mut self, tally: &mut Tally) -> Result<()> {
        while let Some(landed) = self.under_way.next().await {
            landed.note(tally)?;
        }
        Ok(())
    }
}

// === impl Landed ===

impl Landed {
    fn note(&self, tally: &mut Tally) -> Result<()> {
        tally.note(&self.entry, &self.verdict, self.meter.calls())
    }
}
