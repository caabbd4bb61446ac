//! Policies in many worlds.

use std::{num::NonZeroUsize, thread, time::Duration};

use scrimp::cost_route::engine::RouterConfig;

use crate::{
    policy::{self, Policy, Scrimp},
    run::{Oracle, run},
    world::World,
};

/// One policy over all seeds.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) standard: Vec<f64>,
    pub(crate) random: Vec<f64>,
    pub(crate) paid: f64,
    pub(crate) p95: f64,
    pub(crate) failed: f64,
}

/// Selection of worlds.
#[derive(Clone, Copy)]
pub(crate) struct Worlds {
    pub(crate) first: u64,
    pub(crate) seeds: u64,
    /// Runs of each world, with other requests and random numbers.
    pub(crate) repeats: u64,
    pub(crate) seconds: f64,
}

/// Policies for a world, with its initial providers.
pub(crate) type Line = fn(&World, u64) -> Vec<(&'static str, Box<dyn Policy>)>;

// === impl Worlds ===

impl Worlds {
    /// Returns a row for each policy.
    pub(crate) fn rows(self, line: Line) -> Vec<Row> {
        let parallel = thread::available_parallelism().map_or(1, NonZeroUsize::get) as u64;
        let per_seed = thread::scope(|scope| {
            let share = |n| (self.first + n..self.first + self.seeds).step_by(parallel as usize);
            let threads: Vec<_> = (0..parallel)
                .map(|n| {
                    scope
                        .spawn(move || share(n).map(|seed| (seed, self.seed(line, seed))).collect())
                })
                .collect();
            let mut all = Vec::new();
            for thread in threads {
                let done: Vec<_> = thread.join().expect("a policy panicked");
                all.extend(done);
            }
            all.sort_by_key(|(seed, _)| *seed);
            all
        });
        let mut rows: Vec<Row> = Vec::new();
        for row in per_seed.into_iter().flat_map(|(_, rows)| rows) {
            match rows.iter_mut().find(|other| other.name == row.name) {
                Some(other) => other.add(row),
                None => rows.push(row),
            }
        }
        for row in &mut rows {
            row.divide(self.seeds);
        }
        rows
    }

    /// Runs the two worlds of a seed as often as requested, each time with other requests.
    fn seed(self, line: Line, seed: u64) -> Vec<Row> {
        let [standard, random] = [
            World::standard(seed, self.seconds),
            World::random(seed, self.seconds),
        ];
        let mut rows: Vec<Row> = Vec::new();
        for time in 0..self.repeats {
            let worlds = [&standard, &random].map(|world| world.again(seed, time, self.seconds));
            for (index, row) in once(line, seed, &worlds).into_iter().enumerate() {
                match rows.get_mut(index) {
                    Some(other) => other.add(row),
                    None => rows.push(row),
                }
            }
        }
        for row in &mut rows {
            row.standard = vec![mean(&row.standard)];
            row.random = vec![mean(&row.random)];
            row.divide(self.repeats);
        }
        rows
    }
}

fn once(line: Line, seed: u64, [standard, random]: &[World; 2]) -> Vec<Row> {
    let oracles = [standard, random].map(|world| run(world, &mut Oracle));
    let pairs = line(standard, seed).into_iter().zip(line(random, seed));
    pairs
        .map(|((name, mut policy), (_, mut again))| {
            let outcome = run(standard, &mut *policy);
            let regret = run(random, &mut *again).regret(&oracles[1]);
            Row {
                name,
                standard: vec![outcome.regret(&oracles[0])],
                random: vec![regret],
                paid: 1_000.0 * outcome.paid / outcome.requests as f64,
                p95: outcome.p95(),
                failed: 10_000.0 * outcome.failed as f64 / outcome.requests as f64,
            }
        })
        .collect()
}

// === impl Row ===

impl Row {
    fn add(&mut self, other: Self) {
        self.standard.extend(other.standard);
        self.random.extend(other.random);
        self.paid += other.paid;
        self.p95 += other.p95;
        self.failed += other.failed;
    }

    fn divide(&mut self, by: u64) {
        self.paid /= by as f64;
        self.p95 /= by as f64;
        self.failed /= by as f64;
    }
}

/// Returns all policies.
pub(crate) fn policies(world: &World, seed: u64) -> Vec<(&'static str, Box<dyn Policy>)> {
    let all = policy::all(&world.base, seed).into_iter();
    all.map(|policy| (policy.name(), policy)).collect()
}

/// Returns scrimp and its variants.
pub(crate) fn ablations(world: &World, _: u64) -> Vec<(&'static str, Box<dyn Policy>)> {
    type Change = fn(&mut RouterConfig);
    let changes: [(&str, Change); 8] = [
        ("as it is", |_| {}),
        ("no exploration", |config| config.explore = false),
        ("hysteresis 0", |config| config.hysteresis = 0.0),
        ("hysteresis 20 %", |config| config.hysteresis = 0.2),
        ("half-lives 15 s, 15 s", |config| {
            config.quality_half_life = Duration::from_secs(15);
        }),
        ("half-lives 60 s, 60 s", |config| {
            config.half_life = Duration::from_secs(60);
        }),
        ("half-lives 240 s, 240 s", |config| {
            let four_minutes = Duration::from_secs(240);
            (config.half_life, config.quality_half_life) = (four_minutes, four_minutes);
        }),
        ("no ejection", |config| config.eject = false),
    ];
    let changed = changes.into_iter().map(|(name, change)| {
        let mut config = RouterConfig::default();
        change(&mut config);
        let policy: Box<dyn Policy> = Box::new(Scrimp::new(&world.base, config));
        (name, policy)
    });
    changed.collect()
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

pub(crate) fn worst(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}
