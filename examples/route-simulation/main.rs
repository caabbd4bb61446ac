//! How well policies choose, against an oracle that knows the true means.
//!
//!     cargo run --release --example route-simulation -- [--seeds 20] [--svg docs/routing-regret.svg]
//!
//! Prints the table of docs/routing.md.

mod chart;
mod policy;
mod run;
mod why;
mod world;

use std::path::PathBuf;

use clap::Parser;

use crate::{run::Oracle, world::World};

#[derive(Parser)]
#[command(about = "How well policies choose, against an oracle that knows the true means")]
struct Args {
    /// Runs per kind of world.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Seconds per run; 20 requests a second.
    #[arg(long, default_value_t = 1_000.0)]
    seconds: f64,
    /// Instead: where scrimp lost in the random world of this seed.
    #[arg(long)]
    why: Option<u64>,
    /// Draws the regrets into this file.
    #[arg(long)]
    svg: Option<PathBuf>,
}

/// One policy over all seeds.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) standard: Vec<f64>,
    pub(crate) random: Vec<f64>,
    paid: f64,
    p95: f64,
    failed: f64,
}

fn rows(first: u64, seeds: u64, seconds: f64) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for seed in first..first + seeds {
        for (random, world) in [
            (false, World::standard(seed, seconds)),
            (true, World::random(seed, seconds)),
        ] {
            let oracle = run::run(&world, &mut Oracle);
            for (index, mut policy) in policy::all(&world.base, seed).into_iter().enumerate() {
                let outcome = run::run(&world, &mut *policy);
                if rows.len() <= index {
                    rows.push(Row::new(policy.name()));
                }
                let row = &mut rows[index];
                let regret = outcome.regret(&oracle);
                if random {
                    row.random.push(regret);
                } else {
                    row.standard.push(regret);
                    row.paid += 1_000.0 * outcome.paid / outcome.requests as f64 / seeds as f64;
                    row.p95 += outcome.p95() / seeds as f64;
                    row.failed +=
                        10_000.0 * outcome.failed as f64 / outcome.requests as f64 / seeds as f64;
                }
            }
        }
    }
    rows
}

impl Row {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            standard: Vec::new(),
            random: Vec::new(),
            paid: 0.0,
            p95: 0.0,
            failed: 0.0,
        }
    }
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

pub(crate) fn worst(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

type Pick = fn(&Row) -> &Vec<f64>;

fn standard(row: &Row) -> &Vec<f64> {
    &row.standard
}

fn random(row: &Row) -> &Vec<f64> {
    &row.random
}

fn main() -> std::io::Result<()> {
    let args = Args::parse();
    if let Some(seed) = args.why {
        let world = World::random(seed, args.seconds);
        let config = scrimp::cost_route::engine::RouterConfig::default();
        print!(
            "{}",
            why::text(&world, &mut policy::Scrimp::new(&world.base, config))
        );
        return Ok(());
    }
    let rows = rows(args.first, args.seeds, args.seconds);
    println!(
        "| policy | regret | worst seed | random worlds | worst | $ / 1k requests | p95 s | failed / 10k |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for row in &rows {
        println!(
            "| {} | {:.1} % | {:.1} % | {:.1} % | {:.1} % | {:.3} | {:.1} | {:.1} |",
            row.name,
            100.0 * mean(&row.standard),
            100.0 * worst(&row.standard),
            100.0 * mean(&row.random),
            100.0 * worst(&row.random),
            row.paid,
            row.p95,
            row.failed,
        );
    }
    let mut best = 0;
    for (kind, pick) in [("standard", standard as Pick), ("random", random)] {
        for (seed, ours) in pick(&rows[0]).iter().enumerate() {
            let better = rows[1..].iter().find(|row| pick(row)[seed] <= *ours);
            best += u64::from(better.is_none());
            if let Some(row) = better {
                let (theirs, ours) = (100.0 * pick(row)[seed], 100.0 * ours);
                println!(
                    "{kind} world {seed}: {} {theirs:.2} %, scrimp {ours:.2} %",
                    row.name
                );
            }
        }
    }
    println!(
        "scrimp's is the lowest regret in {best} of {} worlds",
        2 * args.seeds
    );
    for event in World::standard(0, args.seconds).events {
        println!("from {:.0} s: {}", event.from, event.name);
    }
    match args.svg {
        Some(path) => std::fs::write(path, chart::svg(&rows)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
