//! The targets of logs that cost most.

mod tally;

use std::time::Duration;

use scrimp_core::Money;

use self::tally::Tally;
use crate::{
    error::{Error, Result},
    input::Input,
    intake::{self, Sink, nothing_in},
    line::Entry,
    progress::Progress,
    report::Reading,
    settings::Settings,
};

/// Longest target that is ranked.
const MAX_TARGET: usize = 8 << 10;

/// A measure that targets are ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RankBy {
    /// Calls times their price.
    #[default]
    Cost,
    /// The sum of the times that responses took. The log must state them.
    Time,
}

/// The targets of logs that cost most, and facts about reading.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ranking {
    /// Facts about reading.
    pub reading: Reading,
    /// Targets, in descending order.
    pub targets: Vec<RankedTarget>,
    /// The logs have more targets than are counted at a time: numbers are lower bounds, and the order of rare
    /// targets is uncertain.
    pub is_estimate: bool,
}

/// A target of logs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RankedTarget {
    /// The authority; empty if the log has none.
    pub host: String,
    /// Path and query.
    pub target: String,
    /// Requests for it.
    pub requests: u64,
    /// Sum of the times that its responses took, if the log states them.
    pub time: Duration,
    /// Its requests times the price.
    pub cost: Money,
}

/// Ranks the targets of logs by what they cost: of GETs that were answered with 200 or 304, at most `most`
/// targets. `settings` has the price, the format and the statuses if they are others.
///
/// Memory is bounded: of logs with very many targets, rare ones are forgotten.
///
/// # Errors
///
/// If an input cannot be read, or has no such request; by [time](RankBy::Time), if no line states one.
pub fn rank(
    inputs: Vec<Input>,
    settings: &Settings,
    by: RankBy,
    most: usize,
    progress: &mut dyn Progress,
) -> Result<Ranking> {
    let usual = settings.statuses.is_empty();
    let mut counting = Counting {
        by,
        usual,
        tally: Tally::default(),
    };
    let reading = intake::read_into(inputs, settings, &mut counting, progress)?;
    if by == RankBy::Time && reading.timed == 0 && reading.lines > 0 {
        let names = reading.names();
        return Err(Error::new(format!(
            "no line of {names} states how long a response took: rank by cost instead"
        )));
    }
    let is_estimate = counting.tally.is_pruned();
    let mut targets = counting.tally.into_targets(settings.price, most);
    if targets.is_empty() {
        let names = reading.names();
        let why = match reading.left_out {
            0 => nothing_in(&reading),
            left_out => format!("none of its {left_out} requests is a GET that was answered well"),
        };
        return Err(Error::new(format!("there is no target in {names}: {why}")));
    }
    targets.truncate(most);
    Ok(Ranking {
        reading,
        targets,
        is_estimate,
    })
}

/// Counts the requests for each target.
struct Counting {
    by: RankBy,
    /// Usual statuses count.
    usual: bool,
    tally: Tally,
}

// === impl Counting ===

impl Sink for Counting {
    fn request(&mut self, entry: &Entry) -> Result<bool> {
        let good = !self.usual || matches!(entry.status, 200 | 304);
        if entry.method != "GET" || !good || entry.target.len() > MAX_TARGET {
            return Ok(false);
        }
        let time = entry.latency.unwrap_or_default();
        let weight = match self.by {
            RankBy::Cost => 1,
            RankBy::Time => u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
        };
        self.tally.add(&entry.host, &entry.target, weight, time);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &[(&str, &str, u16, u32)]) -> Vec<Input> {
        let lines = lines.iter().map(|(method, target, status, seconds)| {
            format!(
                "{{\"time\":\"2026-01-01T00:00:00Z\",\"method\":\"{method}\",\"path\":\"{target}\",\
                 \"status\":{status},\"host\":\"shop.example\",\"duration\":\"{seconds}s\"}}\n"
            )
        });
        vec![Input::Bytes("log".into(), lines.collect::<String>().into())]
    }

    fn order(inputs: Vec<Input>, by: RankBy, most: usize) -> Vec<(String, u64, String)> {
        let ranking = rank(inputs, &Settings::new(), by, most, &mut ()).unwrap();
        let row = |t: RankedTarget| (t.target, t.requests, t.cost.to_string());
        ranking.targets.into_iter().map(row).collect()
    }

    fn lines() -> Vec<Input> {
        log(&[
            ("GET", "/often", 200, 1),
            ("GET", "/often", 304, 1),
            ("GET", "/slow", 200, 9),
            ("GET", "/often", 200, 1),
            ("POST", "/form", 200, 90),
            ("GET", "/gone", 404, 90),
        ])
    }

    #[test]
    fn targets_are_ranked_by_calls_times_price_or_by_time() {
        let row = |target: &str, requests, cost: &str| (target.into(), requests, cost.into());
        let by_cost = [row("/often", 3, "$0.03"), row("/slow", 1, "$0.01")];
        assert_eq!(order(lines(), RankBy::Cost, 10), by_cost);
        let by_time = [row("/slow", 1, "$0.01"), row("/often", 3, "$0.03")];
        assert_eq!(order(lines(), RankBy::Time, 10), by_time);
        assert_eq!(order(lines(), RankBy::Time, 1), by_time[..1]);
    }

    #[test]
    fn logs_without_a_target_or_without_times_are_refused_with_the_reason() {
        let ranked = |inputs, by| rank(inputs, &Settings::new(), by, 10, &mut ());
        let error = ranked(log(&[("POST", "/", 200, 1)]), RankBy::Cost).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("none of its 1 requests is a GET"),
            "{error}"
        );
        let line = "1.2.3.4 - - [01/Jan/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1\n";
        let inputs = vec![Input::Bytes("log".into(), line.into())];
        let error = ranked(inputs, RankBy::Time).unwrap_err();
        assert!(
            error.to_string().contains("rank by cost instead"),
            "{error}"
        );
    }

    #[test]
    fn of_a_hundred_times_too_many_targets_the_heavy_ones_are_found_in_bounded_memory() {
        let mut tally = Tally::with_limits(100, 10_000);
        for number in 0..20_000 {
            tally.add("a", &format!("/rare/{number}"), 1, Duration::ZERO);
            if number % 10 == 0 {
                tally.add("a", "/heavy", 1, Duration::ZERO);
            }
            assert!(tally.len() <= 100);
        }
        assert!(tally.is_pruned());
        let price = Settings::new().price;
        assert_eq!(tally.into_targets(price, 1)[0].target, "/heavy");
    }
}
