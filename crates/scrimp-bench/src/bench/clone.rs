//! Cost of cloning a service and dropping the clone: axum does it for every request.

use std::{hint::black_box, sync::Arc};

use crate::{
    alloc, fixture,
    peers::{self, PEERS, SCRIMP, Setup},
    poll,
    report::Report,
    timing,
};

const BENCH: &str = "clone";
const BATCH: usize = 1024;

type Clone = (&'static str, Box<dyn Fn()>);

pub(crate) fn run(rounds: usize, report: &mut Report) {
    let runtime = poll::runtime();
    let _entered = runtime.enter();
    let mut subjects = vec![one_arc()];
    let makes = std::iter::once(&(peers::bare as peers::Make))
        .chain(&SCRIMP[..1])
        .chain(PEERS);
    subjects.extend(makes.map(|make| {
        let named = make(Setup::hit(fixture::BODY));
        (named.name, named.clone)
    }));

    let mut samples = vec![Vec::with_capacity(rounds); subjects.len()];
    for _ in 0..rounds {
        for ((_, clone), samples) in subjects.iter().zip(&mut samples) {
            samples.push(batch(clone));
        }
    }
    for ((name, clone), samples) in subjects.iter().zip(samples) {
        report.add(BENCH, *name, "time", timing::median(samples), "ns");
        if cfg!(feature = "count") {
            let count = alloc::measure(clone).count_total;
            report.add(BENCH, *name, "allocations", count as f64, "");
        }
    }
}

/// Returns the lowest cost of any shared value.
fn one_arc() -> Clone {
    let arc = Arc::new(0_u64);
    let clone = move || drop(black_box(Arc::clone(&arc)));
    ("one Arc", Box::new(clone))
}

/// Returns the median nanoseconds of one clone.
pub(super) fn time(clone: &dyn Fn(), rounds: usize) -> f64 {
    timing::median((0..rounds).map(|_| batch(clone)).collect())
}

/// Returns the nanoseconds of one clone.
fn batch(clone: &dyn Fn()) -> f64 {
    let mut spent = 0.0;
    alloc::opt_out(|| {
        let start = timing::cpu_time();
        for _ in 0..BATCH {
            clone();
        }
        spent = timing::cpu_time() - start;
    });
    spent / BATCH as f64
}
