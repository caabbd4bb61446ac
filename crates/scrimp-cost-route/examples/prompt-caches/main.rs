//! Bills of prompt caches on a trace of conversations, by routing policy.
//!
//!     cargo run -p scrimp-cost-route --features engine --example prompt-caches -- TRACE.jsonl.gz
//!
//! Prints the tables of docs/prompt-caches.md. Each line of the trace has `timestamp` (ms),
//! `input_length`, `output_length` (tokens) and `hash_ids` (one per 512 tokens of the prompt).

mod bills;
mod policies;
mod trace;

use std::{env, process::ExitCode};

use bills::{Bill, oracle};
use policies::{Caching, Policy, Route};
use trace::{Part, Trace};

/// Accounts, besides the one that all else is compared with.
const ACCOUNTS: usize = 8;

fn main() -> ExitCode {
    let Some(path) = env::args().nth(1) else {
        eprintln!("usage: prompt-caches TRACE.jsonl.gz");
        return ExitCode::FAILURE;
    };
    let trace = match Trace::load(path.as_ref()) {
        Ok(trace) => trace,
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    for (name, part) in [
        ("the conversations that it was tuned on", Part::Tuned),
        ("the others", Part::Other),
        ("all", Part::All),
        ("all, without anything in common", Part::Apart),
    ] {
        table(name, &trace.part(part));
    }
    speed(&trace);
    ExitCode::SUCCESS
}

fn table(name: &str, trace: &Trace) {
    let ideal = oracle(trace);
    println!("\n{} requests of {name}\n", trace.requests.len());
    println!("| policy | one account | {ACCOUNTS} accounts | of the oracle | of one account |");
    println!("|---|--:|--:|--:|--:|");
    println!("| oracle | ${ideal:.2} | | 100.0 % | |");
    for (label, route, caching) in [
        ("**scrimp**", Route::Money, Caching::Learned),
        (
            "scrimp, told how long the answer may be",
            Route::Money,
            Caching::Told,
        ),
        (
            "scrimp's features, known in advance",
            Route::Money,
            Caching::Hindsight,
        ),
        (
            "affinity by prefix, every prompt written",
            Route::Money,
            Caching::Always,
        ),
        (
            "sticky by the first block, every prompt written",
            Route::Sticky,
            Caching::Always,
        ),
        (
            "random, every prompt written",
            Route::Random,
            Caching::Always,
        ),
        ("no cache", Route::Random, Caching::Never),
    ] {
        let bill = |accounts| -> f64 {
            let Bill { dollars, .. } = Policy::new(route, caching, accounts, trace).run(trace);
            dollars
        };
        let (one, all) = (bill(1), bill(ACCOUNTS));
        println!(
            "| {label} | ${one:.2} | ${all:.2} | {:.1} % | {:.1} % |",
            100.0 * all / ideal,
            100.0 * all / one,
        );
    }
}

/// Prints the time of a decision beside that of hashing the prompt, as a ratio in one run.
fn speed(trace: &Trace) {
    let Bill {
        decisions,
        hashing,
        runs,
        ..
    } = Policy::new(Route::Money, Caching::Learned, ACCOUNTS, trace).run(trace);
    let count = trace.requests.len() as f64;
    println!(
        "\n{:.2} µs per request for {ACCOUNTS} accounts, of which {:.2} µs before the choice; {:.2} µs to hash \
         a prompt of {:.0} tokens; {runs:.1} runs per prompt",
        1e6 * decisions.0.as_secs_f64() / count,
        1e6 * decisions.1.as_secs_f64() / count,
        1e6 * hashing.as_secs_f64() / count,
        trace.tokens() / count,
    );
}
