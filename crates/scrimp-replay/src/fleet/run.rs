//! Both sides of a fleet, each in a thread with a virtual time of its own: look-ups in the shared
//! tier take time, which must not move the time of the replay.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use scrimp_core::{Clock, TimeSource};
use tokio::time::{Instant, sleep_until};

use super::{side::Side, store::SharedTier};
use crate::{
    error::{Error, Result},
    line::Entry,
    nodes::{FleetReport, FleetSettings, FleetSide, SharedTierReport},
    settings::Settings,
    simulated::{anchored, micros, virtual_time},
};

/// Requests that are handed over together, and the most of such parts that wait.
const PART: usize = 256;
const WAITING: usize = 4;

type Part = Arc<Vec<Entry>>;

/// The fleets that are driven beside a replay.
pub(crate) struct FleetRun {
    settings: FleetSettings,
    node_bytes: u64,
    without: Driver,
    with: Option<(Driver, SharedTier, u64)>,
    part: Vec<Entry>,
    requests: u64,
    clients_known: u64,
}

/// A thread that drives one side.
struct Driver {
    parts: SyncSender<Part>,
    thread: JoinHandle<Result<FleetSide>>,
}

// === impl FleetRun ===

impl FleetRun {
    /// Starts the sides. `first` is the time of the first request.
    pub(crate) fn start(settings: &Settings, fleet: FleetSettings, first: i64) -> Result<Self> {
        let with = match fleet.shared_bytes {
            None => None,
            Some(max_bytes) => {
                let tier = SharedTier::new(max_bytes, fleet.shared_latency);
                let driver = Driver::start(settings, fleet, Some(tier.clone()), first)?;
                Some((driver, tier, max_bytes))
            }
        };
        Ok(Self {
            settings: fleet,
            node_bytes: settings.max_bytes,
            without: Driver::start(settings, fleet, None, first)?,
            with,
            part: Vec::with_capacity(PART),
            requests: 0,
            clients_known: 0,
        })
    }

    /// Makes a request in each fleet.
    pub(crate) fn call(&mut self, entry: &Entry) {
        self.requests += 1;
        self.clients_known += u64::from(entry.client != 0);
        self.part.push(entry.clone());
        if self.part.len() == PART {
            self.hand_over();
        }
    }

    /// Waits for the end of both, and returns the results.
    pub(crate) fn finish(mut self) -> Result<FleetReport> {
        self.hand_over();
        let without = self.without.finish()?;
        let with = match self.with {
            None => None,
            Some((driver, tier, max_bytes)) => {
                let side = driver.finish()?;
                let (reads, writes) = tier.counts();
                let (peak_bytes, evicted) = tier.used();
                let latency = self.settings.shared_latency;
                let added = side.saved.checked_sub(without.saved);
                Some(SharedTierReport {
                    side,
                    max_bytes,
                    peak_bytes,
                    evicted,
                    reads,
                    writes,
                    latency,
                    waited: times(latency, reads),
                    added: added.expect("a replay uses the currency of its price only"),
                })
            }
        };
        Ok(FleetReport {
            nodes: self.settings.nodes,
            spread: self.settings.spread,
            clients_known: self.clients_known,
            node_bytes: self.node_bytes,
            without,
            with,
            requests: self.requests,
        })
    }

    fn hand_over(&mut self) {
        let part = Arc::new(mem::replace(&mut self.part, Vec::with_capacity(PART)));
        self.without.hand_over(&part);
        if let Some((driver, ..)) = &self.with {
            driver.hand_over(&part);
        }
    }
}

fn times(time: Duration, count: u64) -> Duration {
    let micros = time.as_micros().saturating_mul(u128::from(count));
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

// === impl Driver ===

impl Driver {
    fn start(
        settings: &Settings,
        fleet: FleetSettings,
        shared: Option<SharedTier>,
        first: i64,
    ) -> Result<Self> {
        let (parts, received) = sync_channel(WAITING);
        let settings = settings.clone();
        let drive = move || {
            let driving = drive(&settings, fleet, shared.as_ref(), first, &received);
            virtual_time()?.block_on(driving)
        };
        let thread = thread::Builder::new().name("fleet".to_owned()).spawn(drive);
        let thread = thread.map_err(|error| Error::io("cannot start a thread", error))?;
        Ok(Self { parts, thread })
    }

    fn hand_over(&self, part: &Part) {
        // A thread that has ended reports its error when it is waited for.
        let _ = self.parts.send(Arc::clone(part));
    }

    fn finish(self) -> Result<FleetSide> {
        drop(self.parts);
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| Err(Error::new("the simulation of the fleet broke off")))
    }
}

/// Drives one side for as long as requests come.
async fn drive(
    settings: &Settings,
    fleet: FleetSettings,
    shared: Option<&SharedTier>,
    first: i64,
    parts: &Receiver<Part>,
) -> Result<FleetSide> {
    let start = Instant::now();
    let time = LogTime::new(first, start);
    let clock = match settings.overlaps() {
        true => anchored(first),
        false => Clock::new(time.clone()),
    };
    let mut side = Side::new(settings, fleet, shared, &clock)?;
    // Nothing else runs in this thread, so that waiting for a part stops the virtual time.
    while let Ok(part) = parts.recv() {
        for entry in &*part {
            let passed = entry.time.abs_diff(first);
            time.passed.store(passed, Relaxed);
            sleep_until(start + micros(passed)).await;
            side.call(entry).await?;
        }
    }
    Ok(side.finish().await)
}

/// The time in the log. Look-ups in a shared tier do not move it: where requests are made one after the
/// other, they would add up, and move the ends of lifetimes.
#[derive(Debug, Clone)]
struct LogTime {
    start: Instant,
    wall: SystemTime,
    passed: Arc<AtomicU64>,
}

// === impl LogTime ===

impl LogTime {
    fn new(first: i64, start: Instant) -> Self {
        Self {
            start,
            wall: UNIX_EPOCH + micros(first.unsigned_abs()),
            passed: Arc::default(),
        }
    }
}

impl TimeSource for LogTime {
    fn instant(&self) -> Instant {
        self.start + micros(self.passed.load(Relaxed))
    }

    fn wall(&self) -> SystemTime {
        self.wall + micros(self.passed.load(Relaxed))
    }
}
