//! Judges the activity predictor on the access log of a real site, hour by hour, before it learns of each hour.
//!
//! ```sh
//! cargo run --release -p scrimp-prefetch --example activity
//! ```
//!
//! Input: `../shared/traces/semicomplete-2015-05.log.gz`. If it is absent, that is said.

#[path = "../tests/traces/mod.rs"]
mod traces;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
    time::{Duration, UNIX_EPOCH},
};

use flate2::read::GzDecoder;
use scrimp_prefetch::ActivityPredictor;
use tokio::time::Instant;

/// Ranges of equal width for the calibration error.
const BINS: usize = 15;

/// Hours whose users are known.
type Hours = BTreeMap<u64, BTreeSet<String>>;

/// Sums of predictions and outcomes.
#[derive(Default)]
struct Score {
    events: u32,
    came: u32,
    bins: [(f64, f64); BINS],
    /// Squared errors: of the model, and of the share of all users.
    squares: (f64, f64),
    /// Expected users and those of them who came, by threshold.
    expected: [(u32, u32); THRESHOLDS.len()],
}

const THRESHOLDS: [f64; 5] = [0.2, 0.3, 0.5, 0.8, 0.95];

/// Returns the number of an hour in May 2015, and the address with the user agent.
fn visit(line: &str) -> Option<(u64, String)> {
    let (address, rest) = line.split_once(' ')?;
    let time = rest.split_once('[')?.1.split_once(']')?.0;
    let day: u64 = time.get(..2)?.parse().ok()?;
    let hour: u64 = time.get(12..14)?.parse().ok()?;
    let agent = line.rsplit('"').nth(1)?;
    Some((24 * day + hour, format!("{address} {agent}")))
}

fn hours() -> Option<Hours> {
    let file = fs::File::open(traces::trace("semicomplete-2015-05.log.gz")?).ok()?;
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut hours = Hours::new();
    for (hour, user) in text.lines().filter_map(visit) {
        hours.entry(hour).or_default().insert(user);
    }
    Some(hours)
}

// === impl Score ===

impl Score {
    fn add(&mut self, probability: f64, share: f64, came: bool) {
        let outcome = f64::from(u8::from(came));
        self.events += 1;
        self.came += u32::from(came);
        let bin = ((probability * BINS as f64) as usize).min(BINS - 1);
        self.bins[bin].0 += probability;
        self.bins[bin].1 += outcome;
        self.squares.0 += (probability - outcome).powi(2);
        self.squares.1 += (share - outcome).powi(2);
        for (threshold, (expected, right)) in THRESHOLDS.iter().zip(&mut self.expected) {
            if probability >= *threshold {
                *expected += 1;
                *right += u32::from(came);
            }
        }
    }

    fn print(&self) {
        let events = f64::from(self.events.max(1));
        let error: f64 = self
            .bins
            .iter()
            .map(|(said, right)| (said - right).abs())
            .sum();
        println!(
            "{} users and hours, {} visits; calibration error {:.4}; squared error {:.5}, of the share of all users {:.5}",
            self.events,
            self.came,
            error / events,
            self.squares.0 / events,
            self.squares.1 / events,
        );
        for (threshold, (expected, right)) in THRESHOLDS.iter().zip(&self.expected) {
            let share = f64::from(*right) / f64::from(self.came.max(1));
            println!(
                "  at least {threshold:.2}: {expected} expected, {right} came, {share:.4} of all visits of known users",
            );
        }
    }
}

fn main() {
    let Some(hours) = hours() else { return };
    let (Some(first), Some(last)) = (hours.keys().next(), hours.keys().last()) else {
        return;
    };
    let mut model = ActivityPredictor::new();
    let (mut score, mut second) = (Score::default(), Score::default());
    let (mut seen, mut known) = (0.0, 0.0);
    let mut took = Duration::ZERO;
    let none = BTreeSet::new();
    for hour in *first..=*last {
        let at = UNIX_EPOCH + Duration::from_secs(3_600 * hour);
        let start = Instant::now();
        model.advance(at);
        let all = model.likely(0.0);
        took += start.elapsed();
        let there = hours.get(&hour).unwrap_or(&none);
        for (user, probability) in &all {
            let came = there.contains(&**user);
            let share = if known > 0.0 { seen / known } else { 0.0 };
            score.add(*probability, share, came);
            if hour >= (first + last) / 2 {
                second.add(*probability, share, came);
            }
            known += 1.0;
            seen += f64::from(u8::from(came));
        }
        there.iter().for_each(|user| model.observe(user, at));
    }
    println!("{} hours, {} users", last - first + 1, model.users());
    score.print();
    println!("the second half");
    second.print();
    let each = took.as_nanos() as f64 / f64::from(score.events.max(1));
    println!("{each:.0} ns a user and hour");
}
