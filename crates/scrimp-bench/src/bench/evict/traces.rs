//! Runs each cache on each trace, and compares the best of the others with scrimp.

use std::path::Path;

use super::{
    BENCH, Options, layered,
    policies::{Policy, Request, bound, gdsf, lru, peers, s3fifo, scrimp, sieve},
    read::{self, Trace},
    sizes::{self, BESIDE},
};
use crate::{poll, report::Report};

/// Entries from which on a cell counts as one of a large cache.
const MANY: u64 = 500;

/// A cell: one trace at one size of the cache.
struct Cell {
    name: String,
    entries: u64,
    /// Points of scrimp above the best of the others.
    gap: f64,
}

/// The requests of a trace, with sizes and costs.
struct Traffic {
    name: String,
    requests: Vec<Request>,
    keys: usize,
    unique_bytes: u64,
}

pub(super) fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let runtime = poll::runtime();
    let _entered = runtime.enter();
    let mut cells = Vec::new();
    for path in &options.trace {
        if !path.exists() {
            eprintln!("skipped: there is no trace at {}", path.display());
            continue;
        }
        let traffic = Traffic::read(path, options)?;
        for percent in &options.percent {
            cells.push(traffic.compare(*percent, options, report));
        }
    }
    summarise(&cells, report);
    Ok(())
}

fn summarise(cells: &[Cell], report: &mut Report) {
    if cells.is_empty() {
        return;
    }
    let mean = cells.iter().map(|cell| cell.gap).sum::<f64>() / cells.len() as f64;
    report.add(BENCH, "mean gap", "gap", mean, "points");
    let worst = |least: u64| {
        let cells = cells.iter().filter(move |cell| cell.entries >= least);
        cells.min_by(|a, b| a.gap.total_cmp(&b.gap))
    };
    for (label, least) in [("worst", 0), ("worst with 500 entries or more", MANY)] {
        if let Some(cell) = worst(least) {
            let row = format!("{label}: {}", cell.name);
            report.add(BENCH, &row, "entries", cell.entries as f64, "");
            report.add(BENCH, &row, "gap", cell.gap, "points");
        }
    }
}

// === impl Traffic ===

impl Traffic {
    fn read(path: &Path, options: &Options) -> anyhow::Result<Self> {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = file.split('.').next().unwrap_or_default();
        let trace = read::read(path, options.key_bytes)?;
        let sizes = trace
            .sizes
            .as_ref()
            .map_or(options.sizes.name(), |_| "true sizes");
        Ok(Self::new(format!("{name}, {sizes}"), &trace, options))
    }

    fn new(name: String, trace: &Trace, options: &Options) -> Self {
        let keys = trace.keys.iter().max().map_or(0, |&key| key as usize + 1);
        let request = |key: u32| {
            let size = trace.sizes.as_ref().map(|sizes| sizes[key as usize]);
            let cost = trace.costs.as_ref().map(|costs| costs[key as usize]);
            let drawn = || if options.costs { sizes::cost(key) } else { 1.0 };
            Request {
                key,
                weight: size.unwrap_or_else(|| options.sizes.of(key)) + BESIDE,
                cost: if options.costs {
                    cost.unwrap_or_else(drawn)
                } else {
                    1.0
                },
            }
        };
        let weights = (0..keys).map(|key| request(key as u32).weight);
        Self {
            name,
            unique_bytes: weights.sum(),
            requests: trace.keys.iter().map(|&key| request(key)).collect(),
            keys,
        }
    }

    /// Returns the share of costs that a cache saves, in percent.
    fn saved(&self, mut policy: impl Policy) -> f64 {
        let mut saved = 0.0;
        for request in &self.requests {
            if policy.request(*request) {
                saved += request.cost;
            }
        }
        100.0 * saved
            / self
                .requests
                .iter()
                .map(|request| request.cost)
                .sum::<f64>()
    }

    fn compare(&self, percent: f64, options: &Options, report: &mut Report) -> Cell {
        let capacity = (self.unique_bytes as f64 * percent / 100.0) as u64;
        let keys = self.keys;
        let entries = (keys as f64 * percent / 100.0) as u64;
        let row = format!("{}, {percent} %", self.name);
        let mut add = |metric, value, unit| report.add(BENCH, &row, metric, value, unit);
        add("entries", entries as f64, "");
        let ours = self.saved(scrimp::Scrimp::new(capacity, true));
        add("scrimp", ours, "%");
        let blind = match options.costs {
            true => self.saved(scrimp::Scrimp::new(capacity, false)),
            false => ours,
        };
        if options.costs {
            add("blind to costs", blind, "%");
            add("ratio", ours / blind, "");
        }
        let part = |hits: u64| 100.0 * hits as f64 / self.requests.len() as f64;
        if options.through_layer {
            add(
                "through the layer",
                part(layered::hits(&self.requests, capacity)),
                "%",
            );
        }
        let others = [
            ("moka", self.saved(peers::Moka::new(capacity))),
            ("quick_cache", self.saved(peers::QuickCache::new(capacity))),
            ("foyer-memory", self.saved(peers::Foyer::new(capacity))),
            ("LRU", self.saved(lru::Lru::new(capacity, keys))),
            ("S3-FIFO", self.saved(s3fifo::S3Fifo::new(capacity, keys))),
            ("SIEVE", self.saved(sieve::Sieve::new(capacity, keys))),
            ("GDSF", self.saved(gdsf::Gdsf::new(capacity, keys))),
        ];
        for (name, saved) in others {
            add(name, saved, "%");
        }
        if options.costs {
            let all: f64 = self.requests.iter().map(|request| request.cost).sum();
            let most = 100.0 * bound::saved(&self.requests, keys, capacity) / all;
            add("bound", most, "%");
            // No policy that knows costs can have a higher ratio.
            add("bound / blind", most / blind, "");
        } else {
            let hits = bound::bound(&self.requests, keys, capacity);
            add("bound", part(hits), "%");
        }
        let best = others.iter().map(|&(_, saved)| saved).fold(0.0, f64::max);
        let gap = ours - best;
        add("gap", gap, "points");
        Cell {
            name: row,
            entries,
            gap,
        }
    }
}
