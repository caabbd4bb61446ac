//! Hits by two threads at once, on pages of very unequal popularity.
//!
//! Time is wall time here, since waiting for a lock is part of it. It includes other work on the
//! machine, so the best tenth of the rounds counts: those without such work.

use std::{sync::Barrier, thread, time::Duration};

use tokio::time::Instant;

use crate::{
    alloc, fixture,
    fixture::Target,
    peers::{FLOORS, PEERS, SCRIMP, Setup},
    poll,
    popularity::PAGES,
    report::Report,
    subject::{Named, Subject},
};

const BENCH: &str = "threads";
const THREADS: usize = 2;
/// Requests of a thread in a round.
const BATCH: usize = 2_000;

pub(crate) fn run(rounds: usize, report: &mut Report) {
    let setup = Setup {
        target: Target::Popular,
        ..Setup::hit(fixture::BODY)
    };
    let runtime = poll::runtime();
    let entered = runtime.enter();
    let mut subjects: Vec<(Named, [Box<dyn Subject + Send>; THREADS])> = FLOORS
        .iter()
        .chain(&SCRIMP[..1])
        .chain(PEERS)
        .map(|make| {
            let mut named = make(setup);
            named.subject.prepare(PAGES);
            named.subject.exchange();
            poll::settle(&runtime);
            let threads = std::array::from_fn(|index| (named.fork)(PAGES + index * 50_000));
            (named, threads)
        })
        .collect();
    drop(entered);

    let mut samples = vec![Vec::with_capacity(rounds); subjects.len()];
    for _ in 0..rounds {
        for ((_, threads), samples) in subjects.iter_mut().zip(&mut samples) {
            samples.push(rate(threads));
        }
    }
    let rates: Vec<f64> = samples.into_iter().map(best).collect();
    for ((named, _), rate) in subjects.iter().zip(&rates) {
        report.add(BENCH, named.name, "rate", *rate, "1/s");
        report.add(BENCH, named.name, "ratio", rate / rates[0], "");
        // Only hits are measured: a subject whose origin receives more than one request per page
        // evicts entries, or stores responses for too short a time.
        report.add(
            BENCH,
            named.name,
            "reached origin",
            (named.reached)() as f64,
            "",
        );
    }
}

/// Returns the rate that a tenth of the rounds reaches.
fn best(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(|a, b| b.total_cmp(a));
    rates[rates.len() / 10]
}

/// Returns the requests per second of all threads together, by wall time.
fn rate(threads: &mut [Box<dyn Subject + Send>; THREADS]) -> f64 {
    for subject in threads.iter_mut() {
        subject.prepare(BATCH);
    }
    let start = Barrier::new(THREADS);
    let slowest = thread::scope(|scope| {
        let workers = threads.each_mut().map(|subject| {
            let start = &start;
            scope.spawn(move || one(&mut **subject, start))
        });
        let times = workers.map(|worker| worker.join().expect("no subject panics"));
        times.into_iter().max().unwrap_or_default()
    });
    (THREADS * BATCH) as f64 / slowest.as_secs_f64()
}

fn one(subject: &mut dyn Subject, start: &Barrier) -> Duration {
    let runtime = poll::runtime();
    let _entered = runtime.enter();
    start.wait();
    let begun = Instant::now();
    alloc::opt_out(|| subject.exchange());
    begun.elapsed()
}
