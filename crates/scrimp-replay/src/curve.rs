//! Hit rate by memory: the miss-ratio curve of a log, as data, and its knee.

use scrimp_demo::support::format::percent;
use serde::Serialize;

use crate::units::ratio;

/// A difference that counts: a tenth of a percent.
const LEAST: f64 = 0.001;

/// Points that are shown at least, if they were simulated.
const FEWEST: usize = 4;

/// Hit rates of the cache by its memory.
///
/// Small tables with the store's own rule of eviction are driven beside the replay, one for each
/// size. If the log has many keys, they get those of a sample and as small a part of the memory:
/// a hash of the key decides, so all requests for a key are in the sample or none
/// ([SHARDS](https://www.usenix.org/conference/fast15/technical-sessions/presentation/waldspurger),
/// FAST 2015, with [miniature
/// simulations](https://www.usenix.org/conference/atc17/technical-sessions/presentation/waldspurger),
/// ATC 2017).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Curve {
    /// Hit rates by size, the smallest first.
    pub points: Vec<Point>,
    /// Hit rate with unlimited memory, from 0 to 1.
    pub unlimited: f64,
    /// Index of the point at the knee, beyond which more memory adds little; `None` if there is
    /// no hit at all.
    pub knee: Option<usize>,
    /// Part of the keys that was simulated, from 0 to 1. 1 is exact but for the draws of the
    /// store.
    pub sampled: f64,
    /// Requests that the rates are of: all, or the first ones if the log has too many keys.
    pub requests: u64,
}

/// Hit rate at one size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Point {
    /// Limit of the cache's memory, in bytes.
    pub max_bytes: u64,
    /// Hits per request, from 0 to 1.
    pub hit_rate: f64,
}

// === impl Curve ===

impl Curve {
    pub(crate) fn new(mut points: Vec<Point>, unlimited: f64, sampled: f64, requests: u64) -> Self {
        // One size that gives all hits is enough.
        let all = |point: &Point| unlimited - point.hit_rate < LEAST;
        if let Some(at) = points.iter().position(all) {
            points.truncate((at + 2).max(FEWEST));
        }
        let rates: Vec<f64> = points.iter().map(|point| point.hit_rate).collect();
        Self {
            knee: knee(&rates).filter(|_| unlimited > 0.0),
            points,
            unlimited,
            sampled,
            requests,
        }
    }

    /// Returns the point at the knee.
    #[must_use]
    pub fn at_knee(&self) -> Option<&Point> {
        self.points.get(self.knee?)
    }

    /// Explains the knee in a sentence: "64 MiB gives 92 % of the hits that unlimited memory gives."
    pub(crate) fn explained(&self) -> Option<String> {
        let point = self.at_knee()?;
        let part = (point.hit_rate / self.unlimited).min(1.0) * 100.0;
        let size = binary(point.max_bytes);
        Some(format!(
            "{size} gives {part:.0} % of the hits that unlimited memory gives."
        ))
    }

    /// Returns how the curve was found, in words.
    pub(crate) fn basis(&self) -> String {
        let sample = match self.sampled < 1.0 {
            true => format!(", estimated from {} of the keys", percent(self.sampled)),
            false => String::new(),
        };
        format!("without the time that responses take{sample}")
    }

    /// Returns the sizes with their rates, unlimited memory last.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (String, f64, bool)> + '_ {
        let points = self.points.iter().enumerate();
        let limited = points.map(|(at, point)| {
            (
                binary(point.max_bytes),
                point.hit_rate,
                self.knee == Some(at),
            )
        });
        limited.chain([("unlimited".to_owned(), self.unlimited, false)])
    }
}

/// Returns the index at which a rising curve over equal steps bends most: where its rise so far is
/// most ahead of a straight line from the first point to the last
/// ([Kneedle](https://doi.org/10.1109/ICDCSW.2011.20), 2011). If it does not rise, that is the first.
fn knee(rates: &[f64]) -> Option<usize> {
    let (first, last) = (rates.first()?, rates.last()?);
    let rise = last - first;
    if rise < LEAST {
        return Some(0);
    }
    let steps = ratio(1, (rates.len() as u64).saturating_sub(1));
    let mut straight = -steps;
    let ahead = rates.iter().map(|rate| {
        straight += steps;
        (rate - first) / rise - straight
    });
    // The first of equals: less memory for the same.
    let best = ahead.enumerate().fold((0, f64::MIN), |best, (at, ahead)| {
        if ahead > best.1 + 1e-9 {
            (at, ahead)
        } else {
            best
        }
    });
    Some(best.0)
}

/// Writes a size that is a power of two: `64 MiB`.
fn binary(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let power = bytes.max(1).ilog2() / 10;
    format!("{} {}", bytes >> (10 * power), units[power as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_knee_is_where_the_curve_bends_most() {
        for (rates, expected) in [
            (vec![], None),
            (vec![0.4], Some(0)),
            (vec![0.4, 0.4, 0.4], Some(0)),
            (vec![0.1, 0.2, 0.5, 0.52, 0.53, 0.53], Some(2)),
            (vec![0.1, 0.5, 0.5, 0.5, 0.5], Some(1)),
            // Sampled rates may fall a little.
            (vec![0.3, 0.6, 0.59, 0.61], Some(1)),
        ] {
            assert_eq!(knee(&rates), expected, "{rates:?}");
        }
    }

    #[test]
    fn the_knee_is_explained_in_one_sentence() {
        let point = |size: u64, hit_rate| Point {
            max_bytes: size << 20,
            hit_rate,
        };
        let points = vec![
            point(16, 0.1),
            point(32, 0.2),
            point(64, 0.46),
            point(128, 0.48),
        ];
        let curve = Curve::new(points, 0.5, 1.0, 10);
        let text = "64 MiB gives 92 % of the hits that unlimited memory gives.";
        assert_eq!(curve.explained().as_deref(), Some(text));
        let none = Curve::new(vec![point(16, 0.0)], 0.0, 1.0, 10);
        assert_eq!(none.explained(), None);
    }

    #[test]
    fn sizes_are_written_in_binary_units() {
        let written = [64 << 10, 1 << 20, 512 << 20, 2 << 30].map(binary);
        assert_eq!(written, ["64 KiB", "1 MiB", "512 MiB", "2 GiB"]);
    }
}
