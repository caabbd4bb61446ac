//! scrimp side by side with its peers. See the README beside this crate.

mod alloc;
mod batchers;
mod bench;
mod call;
mod fixture;
mod origin;
mod peers;
mod poll;
mod popularity;
mod report;
mod subject;
mod timing;

use clap::{Parser, Subcommand};

use report::Report;

#[derive(Parser)]
#[command(about, long_about = None)]
struct Args {
    #[command(subcommand)]
    bench: Bench,
    /// Prints one JSON object a line instead of a table.
    #[arg(long, global = true)]
    json: bool,
    /// Rounds per subject; the median over them counts.
    #[arg(long, global = true, default_value_t = 101)]
    rounds: usize,
}

#[derive(Subcommand)]
enum Bench {
    /// Cost of a hit: time, allocations, ratio to the floor.
    Hit,
    /// Instructions of a hit, counted by callgrind.
    Instructions(bench::instructions::Options),
    /// Cost added to requests that the cache does not answer.
    Pass,
    /// Cost of purging a tag of a million entries, and of hits before and after it.
    Purge,
    /// Cost of cloning a service.
    Clone,
    /// Cost of sharing calls, alone and in a crowd.
    Coalesce,
    /// Hits by two threads at once.
    Threads,
    /// Hits of a full store, beside other caches: on traces, or on independent draws.
    Evict(bench::evict::Options),
    /// Bytes that a store reports, against allocated bytes.
    Memory,
    /// Cost that batching adds to a request.
    Batch(bench::batch::Options),
    /// Cost of a window, in calls and waiting.
    Window,
    /// Cost of a hit in Redis, beside a bare GET and two peers.
    Redis,
    /// CPU time of Redis for the delivery of an invalidation to 10, 100 and 1,000 nodes.
    Deliveries,
    /// Cost of choosing a provider, beside tower's balancers.
    Route,
    /// Cost of boxing a service, and all layers.
    Stack,
    /// Cost that stampede protection adds to a hit: time, instructions, allocations.
    Stampede,
    /// A server for load generators, with and without a cache.
    Serve(bench::serve::Options),
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let rounds = args.rounds.max(1);
    let mut report = Report::default();
    match args.bench {
        Bench::Hit => bench::hit::run(rounds, &mut report),
        Bench::Instructions(options) => bench::instructions::run(&options, &mut report)?,
        Bench::Pass => bench::pass::run(rounds, &mut report),
        Bench::Purge => bench::purge::run(rounds, &mut report),
        Bench::Clone => bench::clone::run(rounds, &mut report),
        Bench::Coalesce => bench::coalesce::run(rounds, &mut report),
        Bench::Threads => bench::threads::run(rounds, &mut report),
        Bench::Evict(options) => bench::evict::run(&options, &mut report)?,
        Bench::Memory => bench::memory::run(&mut report),
        Bench::Batch(options) => bench::batch::run(&options, rounds, &mut report),
        Bench::Window => bench::window::run(rounds, &mut report),
        Bench::Redis => bench::redis::run(rounds, &mut report)?,
        Bench::Deliveries => bench::redis::deliveries::run(rounds, &mut report)?,
        Bench::Route => bench::route::run(rounds, &mut report),
        Bench::Stack => bench::stack::run(rounds, &mut report)?,
        Bench::Stampede => bench::stampede::run(rounds, &mut report)?,
        Bench::Serve(options) => return bench::serve::run(&options),
    }
    report.print(args.json)
}
