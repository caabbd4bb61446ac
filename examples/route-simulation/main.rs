//! Regret of routing policies, against an oracle that knows the true means.
//!
//!     cargo run --release --example route-simulation -- [--seeds 20] [--svg docs/routing-regret.svg]
//!
//!     cargo run --release --example route-simulation -- --market ../shared/traces --first 9000 --seeds 10
//!
//! Prints the tables of docs/routing.md. With `--market`, the worlds have prompt caches, quotas, lines, stalls and
//! batch prices, and their requests are those of public traces.

mod chart;
mod market;
mod policy;
mod run;
mod table;
mod why;
mod world;

use std::path::PathBuf;

use clap::Parser;
use scrimp::cost_route::engine::RouterConfig;

use crate::{
    policy::Scrimp,
    table::{Row, Worlds, mean, worst},
    world::World,
};

#[derive(Parser)]
#[command(about = "Regret of routing policies, against an oracle that knows the true means")]
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
    /// Runs of each world, with other requests and random numbers; its regret is the mean.
    #[arg(long, default_value_t = 1)]
    repeats: u64,
    /// Compares scrimp with variants of itself instead of other policies.
    #[arg(long)]
    ablations: bool,
    /// Prints only where scrimp lost in the random world of this seed.
    #[arg(long)]
    why: Option<u64>,
    /// Compares the layer with other routers on the traces in this folder.
    #[arg(long)]
    market: Option<PathBuf>,
    /// Compares them in one kind of world: caches, quotas, lines, stalls, batch or random.
    #[arg(long, requires = "market")]
    only: Option<String>,
    /// Draws the regrets into this file.
    #[arg(long)]
    svg: Option<PathBuf>,
}

fn main() -> std::io::Result<()> {
    let args = Args::parse();
    if let Some(seed) = args.why {
        let world = World::random(seed, args.seconds);
        let mut scrimp = Scrimp::new(&world.base, RouterConfig::default());
        print!("{}", why::text(&world, &mut scrimp));
        return Ok(());
    }
    if let Some(folder) = &args.market {
        return market::print(folder, args.first, args.seeds, args.only.as_deref());
    }
    let worlds = Worlds {
        first: args.first,
        seeds: args.seeds,
        repeats: args.repeats,
        seconds: args.seconds,
    };
    let line = if args.ablations {
        table::ablations
    } else {
        table::policies
    };
    let rows = worlds.rows(line);
    print(&rows);
    if !args.ablations {
        compare(&rows, worlds);
    }
    match args.svg {
        Some(path) => std::fs::write(path, chart::svg(&rows)),
        None => Ok(()),
    }
}

fn print(rows: &[Row]) {
    println!(
        "| policy | regret | worst seed | random worlds | worst | $ / 1k requests | p95 s | failed / 10k |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for row in rows {
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
}

/// Prints the worlds in which another policy's regret is at most scrimp's, and those in which
/// scrimp's is above 6 %.
fn compare(rows: &[Row], worlds: Worlds) {
    type Pick = fn(&Row) -> &Vec<f64>;
    let kinds: [(&str, Pick); 2] = [
        ("standard", |row| &row.standard),
        ("random", |row| &row.random),
    ];
    for (kind, pick) in kinds {
        let mut best = 0;
        for (index, ours) in pick(&rows[0]).iter().enumerate() {
            let theirs = |row: &&Row| pick(row)[index];
            let other = rows[1..]
                .iter()
                .min_by(|a, b| theirs(a).total_cmp(&theirs(b)));
            let other = other.expect("there are others");
            let (theirs, ours) = (100.0 * theirs(&other), 100.0 * ours);
            best += u64::from(ours < theirs);
            if ours >= theirs || ours > 6.0 {
                let seed = worlds.first + index as u64;
                println!(
                    "{kind} world {seed}: {} {theirs:.2} %, scrimp {ours:.2} %",
                    other.name
                );
            }
        }
        println!(
            "scrimp's is the lowest regret in {best} of {} {kind} worlds",
            worlds.seeds
        );
    }
}

#[cfg(test)]
mod tests;
