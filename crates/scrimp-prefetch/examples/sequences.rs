//! Compares predictors on real sequences, by items that are new to their session.
//!
//! ```sh
//! cargo run --release -p scrimp-prefetch --example sequences
//! ```
//!
//! `--work bms learn` does one kind of work only (`read`, `learn` or `predict`) for each request of one trace:
//! `scripts/observe.sh` counts its instructions. `--time` prints only what they take on this machine.
//!
//! Inputs: `../shared/traces/msnbc990928.zip`, `../shared/traces/bms.dat.gz`. Those that are absent are named.

#[path = "../tests/traces/mod.rs"]
mod traces;

use std::{collections::HashMap, time::Duration};

use http::Uri;

use scrimp_prefetch::{
    Calibration, ItemId, MarkovPredictor, Next, Prediction, Predictor, Trail, Visit,
};
use tokio::time::Instant;
use traces::{Sessions, bms, id, judge, learn, msnbc};

/// A simple predictor to compare with: the most frequent new items, after the last item or at all.
#[derive(Debug)]
struct Frequent {
    by_last: bool,
    counts: HashMap<Option<ItemId>, HashMap<ItemId, u32>>,
}

/// Predicts the last item again.
#[derive(Debug)]
struct Last;

// === impl Frequent ===

impl Frequent {
    fn new(by_last: bool) -> Self {
        Self {
            by_last,
            counts: HashMap::new(),
        }
    }

    fn context(&self, trail: &Trail) -> Option<ItemId> {
        trail.recent(0).filter(|_| self.by_last)
    }
}

impl Predictor for Frequent {
    fn observe(&mut self, trail: &Trail, next: &Visit<'_>) {
        if trail.recent(0).is_some() && !trail.has_seen(next.item) {
            let context = self.context(trail);
            let counts = self.counts.entry(context).or_default();
            *counts.entry(next.item).or_default() += 1;
        }
    }

    fn predict(&mut self, trail: &Trail, _: &Visit<'_>, predictions: &mut Vec<Prediction>) {
        let Some(counts) = self.counts.get(&self.context(trail)) else {
            return;
        };
        let total: u32 = counts.values().sum();
        let new = counts.iter().filter(|(item, _)| !trail.has_seen(**item));
        let mut new: Vec<_> = new.map(|(item, count)| (*count, *item)).collect();
        new.sort_unstable_by(|a, b| b.cmp(a));
        for (count, item) in new.into_iter().take(8) {
            let confidence = f64::from(count) / f64::from(total);
            predictions.push(Prediction::new(
                Next::Item(item),
                confidence,
                Duration::ZERO,
            ));
        }
    }
}

impl Predictor for Last {
    fn observe(&mut self, _: &Trail, _: &Visit<'_>) {}

    fn predict(&mut self, _: &Trail, last: &Visit<'_>, predictions: &mut Vec<Prediction>) {
        predictions.push(Prediction::new(Next::Item(last.item), 1.0, Duration::ZERO));
    }
}

/// Makes a predictor that knows nothing.
type Make = fn() -> Box<dyn Predictor>;

fn compare(name: &str, train: &Sessions, test: &[Vec<u32>]) {
    let all: [(&str, Make); 4] = [
        ("the last again", || Box::new(Last)),
        ("the most popular", || Box::new(Frequent::new(false))),
        ("order 1", || Box::new(Frequent::new(true))),
        ("MarkovPredictor", || Box::new(MarkovPredictor::new())),
    ];
    println!("{name}");
    for (title, make) in all {
        for learns in [false, true] {
            let (mut predictor, mut calibration) = (make(), Calibration::new());
            for session in train {
                learn(&mut *predictor, session);
            }
            let score = judge(&mut *predictor, &mut calibration, test, learns);
            let (said, calibrated) = score.errors();
            println!(
                "  {title:18} {:12} {:.4} {:.4}   error {said:.4}, calibrated {calibrated:.4}   of {}",
                if learns { "learns on" } else { "frozen" },
                score.first(),
                score.third(),
                score.events,
            );
        }
    }
}

/// Work that is done for each request.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Work {
    /// Only the trail is kept.
    Read,
    /// The model learns.
    Learn,
    /// It learns, and predicts what comes next.
    Predict,
}

/// Lets a model do this work for each request of some sessions, in the order of a layer.
fn work(work: Work, model: &mut MarkovPredictor, sessions: &[Vec<u32>]) {
    let (uri, mut predictions) = (Uri::from_static("/"), Vec::with_capacity(16));
    for session in sessions {
        let mut trail = Trail::new();
        for item in session {
            let visit = Visit::new(id(*item), &uri, None);
            if work >= Work::Learn {
                model.observe(&trail, &visit);
            }
            trail.push(visit.item);
            if work >= Work::Predict {
                predictions.clear();
                model.predict(&trail, &visit, &mut predictions);
            }
        }
        std::hint::black_box(&trail);
    }
}

/// Runs of a measurement of time, of which the shortest counts: others were disturbed.
const RUNS: usize = 7;

/// Prints the time that the model takes to learn from a request and to predict after it, beside the time for
/// counting the same requests in a map.
fn time(name: &str, sessions: &[Vec<u32>]) {
    let requests = sessions.iter().map(Vec::len).sum::<usize>() as f64;
    let shortest = |run: &dyn Fn() -> Duration| {
        let times = (0..RUNS).map(|_| run()).min();
        times.unwrap_or_default().as_nanos() as f64 / requests
    };
    let timed = |kind: Work| {
        shortest(&|| {
            let mut model = MarkovPredictor::new();
            let start = Instant::now();
            work(kind, &mut model, sessions);
            start.elapsed()
        })
    };
    let [read, learned, predicted] = [Work::Read, Work::Learn, Work::Predict].map(timed);
    let counted = shortest(&|| {
        let mut counts = HashMap::<ItemId, u32>::new();
        let start = Instant::now();
        for item in sessions.iter().flatten() {
            *counts.entry(id(*item)).or_default() += 1;
        }
        start.elapsed()
    });
    println!(
        "{name}: {:.0} ns to learn, {:.0} ns to predict, {counted:.0} ns to count in a map, each request",
        learned - read,
        predicted - learned,
    );
}

/// Returns the sessions for training.
fn training(sessions: &[Vec<u32>]) -> &[Vec<u32>] {
    &sessions[..100_000.min(sessions.len() * 2 / 3)]
}

/// Does what the arguments say: the name of a trace, and the kind of work.
fn work_only(arguments: &[String]) -> Result<(), String> {
    let [trace, kind] = arguments else {
        return Err("--work TRACE read|learn|predict".into());
    };
    let kind = match &**kind {
        "read" => Work::Read,
        "learn" => Work::Learn,
        "predict" => Work::Predict,
        other => return Err(format!("no work: {other}")),
    };
    let sessions = match &**trace {
        "msnbc" => msnbc(),
        "bms" => bms(),
        other => return Err(format!("no trace: {other}")),
    };
    let sessions = sessions.ok_or("no file")?;
    let train = training(&sessions);
    println!("{}", train.iter().map(Vec::len).sum::<usize>());
    work(kind, &mut MarkovPredictor::new(), train);
    Ok(())
}

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("--work", rest)) = arguments
        .split_first()
        .map(|(first, rest)| (&**first, rest))
    {
        return work_only(rest);
    }
    let is_timed = arguments.first().is_some_and(|first| first == "--time");
    if is_timed {
        let sessions = [("MSNBC", msnbc()), ("BMS", bms())];
        for (name, sessions) in sessions {
            if let Some(sessions) = sessions {
                time(name, training(&sessions));
            }
        }
        return Ok(());
    }
    println!("share of new items that were predicted first, and among three");
    if let Some(mut train) = msnbc() {
        let test = train.split_off(100_000);
        time("MSNBC", &train);
        compare(
            "MSNBC: 100,000 sessions, then 50,000 others",
            &train,
            &test[..50_000],
        );
    }
    if let Some(sessions) = bms() {
        let (train, test) = sessions.split_at(sessions.len() * 2 / 3);
        time("BMS", train);
        compare(
            "BMS: the first two thirds of sessions, then the rest",
            &train.to_vec(),
            test,
        );
        let third = |rest: usize, is: bool| {
            let all = sessions.iter().enumerate();
            let own = all.filter(move |(n, _)| (n % 3 == rest) == is);
            own.map(|(_, session)| session.clone()).collect::<Vec<_>>()
        };
        compare(
            "BMS: two of three sessions, then each third",
            &third(2, false),
            &third(2, true),
        );
    }
    Ok(())
}
