//! The load: readers and writers.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use http::Method;
use http_body_util::BodyExt;
use parking_lot::Mutex;
use scrimp::{Body, Stack, cache::Invalidation, core::BoxError};
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;

use crate::{
    ask::{Ask, Manners},
    dice::Scripted,
    judge::{Answer, Verdict, judge},
    origin::VERSION,
    site::Site,
    tally::Kind,
    thing::{Area, Edition, NUMBERS, Thing},
};

/// End of a request that brought no whole answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The caller left, as it had planned.
    Left,
    /// No response came.
    Failed,
    /// The body broke off.
    Broken,
    /// A closure panicked in the caller's task.
    Panicked,
    /// Nothing came in time.
    Hung,
}

/// The parts of an answer that have come, for the report on a request that hangs.
#[derive(Debug, Default)]
struct Progress(Mutex<String>);

impl Progress {
    fn note(&self, text: String) {
        *self.0.lock() = text;
    }
}

async fn exchange(
    client: Stack<BoxError>,
    request: http::Request<Body>,
    manners: Manners,
    progress: Arc<Progress>,
) -> Result<Answer, NoAnswer> {
    let response = client
        .oneshot(request)
        .await
        .map_err(|_| NoAnswer::Failed)?;
    let (head, mut body) = response.into_parts();
    progress.note(format!("{} {:?}", head.status, head.headers));
    let mut read = Vec::new();
    let mut frames = 0;
    loop {
        match manners {
            Manners::LeavesWithin(most) if frames == most => return Err(NoAnswer::Left),
            Manners::ReadsSlowly(pause) => sleep(pause).await,
            _ => {}
        }
        frames += 1;
        match body.frame().await {
            None => break,
            Some(Err(_)) => return Err(NoAnswer::Broken),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    read.extend_from_slice(&data);
                }
                progress.note(format!("{} bytes {:?}", read.len(), head.headers));
            }
        }
    }
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body: read.into(),
    })
}

// === impl Site ===

impl Site {
    /// Sends a request in a task of its own, and waits for its end.
    pub(crate) async fn send(&self, ask: &Ask) -> Result<Answer, NoAnswer> {
        let tally = &self.origin.dice.tally;
        tally.one("callers", "requests");
        let request = ask.request(&self.base, self.place == crate::plan::Place::Client);
        let progress = Arc::new(Progress::default());
        let mut task = tokio::spawn(exchange(
            self.client.clone(),
            request,
            ask.manners,
            Arc::clone(&progress),
        ));
        let limit = match ask.manners {
            Manners::Leaves(time) => time,
            _ => self.patience,
        };
        let answer = match timeout(limit, &mut task).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                if !error.into_panic().is::<Scripted>() {
                    tally.fault(Kind::Panic, format!("{}: {ask}", self.name));
                }
                Err(NoAnswer::Panicked)
            }
            Err(_) => {
                task.abort();
                let _ = task.await;
                match ask.manners {
                    Manners::Leaves(_) => Err(NoAnswer::Left),
                    manners => {
                        let text = format!("{}: {ask} {manners:?}", self.name);
                        let came = progress.0.lock();
                        tally.fault(Kind::Hung, format!("{text}, of which has come: {came}"));
                        Err(NoAnswer::Hung)
                    }
                }
            }
        };
        self.count(ask, &answer);
        answer
    }

    fn count(&self, ask: &Ask, answer: &Result<Answer, NoAnswer>) {
        let tally = &self.origin.dice.tally;
        if let Manners::ReadsSlowly(_) = ask.manners {
            tally.one("chaos", "callers: slow readers");
        }
        match answer {
            Ok(answer) => tally.one("answers", answer.status.as_str()),
            Err(NoAnswer::Left) => tally.one("chaos", "callers: cancelled"),
            Err(NoAnswer::Failed) => tally.one("answers", "none: the call failed"),
            Err(NoAnswer::Broken) => tally.one("answers", "none: the body broke off"),
            Err(NoAnswer::Panicked) => tally.one("answers", "none: a closure panicked"),
            Err(NoAnswer::Hung) => {}
        }
    }

    /// Sends a request and judges the answer.
    pub(crate) async fn ask(&self, ask: &Ask) -> Option<Edition> {
        let truth = &self.origin.truth;
        let before = truth.before(ask.thing);
        let answer = self.send(ask).await.ok()?;
        match judge(truth, ask, before, &answer) {
            Verdict::Right(edition) => {
                self.origin.dice.tally.one("verdicts", "right");
                Some(edition)
            }
            Verdict::Failure => {
                self.origin
                    .dice
                    .tally
                    .one("verdicts", "an error that says so");
                None
            }
            Verdict::Fault(kind, text) => {
                let tally = &self.origin.dice.tally;
                tally.fault(kind, format!("{}: {text}", self.name));
                None
            }
        }
    }

    /// Reads at random, with pauses.
    pub(crate) async fn read(self: Arc<Self>, seed: u64, until: Instant) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut known: Option<Edition> = None;
        while Instant::now() < until {
            let chaos = self.origin.dice.is_on();
            let mut ask = Ask::random(&mut random, chaos);
            if let Some(known) = known.take().filter(|_| random.u8(..8) == 0) {
                ask = Ask::of(known.thing, &known.audience);
                ask.unless(&known);
            }
            known = match random.u8(..16) {
                // A crowd asks for the same at the same time.
                0 => join_all((0..8).map(|_| self.ask(&ask)))
                    .await
                    .pop()
                    .flatten(),
                _ => self.ask(&ask).await,
            };
            sleep(Duration::from_millis(random.u64(..30))).await;
        }
    }

    /// Writes at random, and invalidates in every way that the layers have.
    pub(crate) async fn write(self: Arc<Self>, seed: u64, until: Instant) {
        let mut random = fastrand::Rng::with_seed(seed);
        while Instant::now() < until {
            let thing = Thing::random(&mut random);
            match random.u8(..4) {
                0 => self.write_by_request(thing, &mut random).await,
                _ => self.write_and_invalidate(thing, &mut random),
            }
            if random.bool() {
                // A writer looks at once, while calls from before are still under way.
                self.ask(&Ask::get(thing, random.usize(..12))).await;
            }
            sleep(Duration::from_millis(random.u64(..80))).await;
        }
    }

    async fn write_by_request(&self, thing: Thing, random: &mut fastrand::Rng) {
        let mut ask = Ask::get(thing, random.usize(..12));
        ask.method = [Method::POST, Method::PUT, Method::DELETE][random.usize(..3)].clone();
        if ask.method != Method::DELETE {
            ask.body = "{}".into();
        }
        if self.origin.dice.is_on() && random.u8(..10) == 0 {
            ask.manners = Manners::Leaves(Duration::from_millis(random.u64(..20)));
        }
        let Ok(answer) = self.send(&ask).await else {
            return;
        };
        let version = answer.header(VERSION).parse();
        if let Ok(version) = version
            && answer.status.is_success()
        {
            let tally = &self.origin.dice.tally;
            tally.one("writes", "by an unsafe request");
            self.origin.truth.settle(thing, version);
        }
    }

    fn write_and_invalidate(&self, thing: Thing, random: &mut fastrand::Rng) {
        let truth = &self.origin.truth;
        let version = truth.write(thing);
        let invalidator = self.layers.cache.invalidator();
        let authority = self.base.trim_start_matches("http://");
        let area = thing.area.name();
        let uri = || {
            format!("{}{}", self.base, thing.path())
                .parse()
                .expect("a URI")
        };
        let (way, whole_area, invalidation) = match random.u8(..40) {
            0..8 => ("by tag", false, Invalidation::tag(thing.tag())),
            8..16 => {
                let by_version = Invalidation::version(thing.entity(), version);
                ("by version", false, by_version)
            }
            16..22 => ("by URI", false, Invalidation::uri(uri())),
            22..28 if thing.area.never_stale() => {
                ("by tag, soft", false, Invalidation::tag(thing.tag()).soft())
            }
            22..30 => {
                let glob = Invalidation::glob(format!("item:*:{}", thing.number));
                ("by pattern", false, glob)
            }
            30..34 => {
                let prefix = Invalidation::prefix(format!("item:{area}:"));
                ("by prefix", true, prefix)
            }
            34..37 => ("by group", true, Invalidation::group(authority, area)),
            37 => ("by authority", true, Invalidation::authority(authority)),
            38 => ("everything", true, Invalidation::everything()),
            _ => ("not at all", false, Invalidation::tag("no such tag")),
        };
        // What is current now is what everything older is invalidated for.
        let settled: Vec<_> = match (whole_area, way) {
            (_, "not at all") => Vec::new(),
            (true, _) => self.currents(thing.area),
            (false, _) => vec![(thing, version)],
        };
        invalidator.invalidate(&invalidation);
        for (thing, version) in settled {
            truth.settle(thing, version);
        }
        self.origin.dice.tally.one("writes", way);
    }

    fn currents(&self, area: Area) -> Vec<(Thing, u64)> {
        let things = (0..NUMBERS).map(|number| Thing { area, number });
        let truth = &self.origin.truth;
        things.map(|thing| (thing, truth.current(thing))).collect()
    }
}
