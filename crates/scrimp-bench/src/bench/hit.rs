//! Cost of a hit.

use crate::{
    alloc, fixture,
    peers::{FLOORS, PEERS, SCRIMP, Setup},
    poll,
    report::Report,
    subject::{Named, Subject},
    timing::{self, BATCH, Part},
};

const BENCH: &str = "hit";

/// Larger bodies: they must not make a hit more expensive.
const LARGER: [(usize, &str); 2] = [(64 << 10, "scrimp, 64 KiB"), (1 << 20, "scrimp, 1 MiB")];

pub(crate) fn run(rounds: usize, report: &mut Report) {
    let runtime = poll::runtime();
    let _entered = runtime.enter();
    let makes = FLOORS.iter().chain(SCRIMP).chain(PEERS);
    let mut subjects: Vec<Named> = makes.map(|make| make(Setup::hit(fixture::BODY))).collect();
    subjects.extend(LARGER.map(|(size, name)| Named {
        name,
        ..SCRIMP[0](Setup::hit(size))
    }));

    let filled: Vec<_> = subjects.iter().map(|named| (named.reached)()).collect();
    let mut borrowed: Vec<&mut dyn Subject> = Vec::new();
    for named in &mut subjects {
        borrowed.push(&mut *named.subject);
    }
    let between = || poll::settle(&runtime);
    let medians = timing::medians(&mut borrowed, rounds, Part::Whole, &between);
    for ((named, nanoseconds), filled) in subjects.iter_mut().zip(&medians).zip(filled) {
        report.add(BENCH, named.name, "time", *nanoseconds, "ns");
        report.add(BENCH, named.name, "ratio", nanoseconds / medians[0], "");
        if cfg!(feature = "count") {
            report.add(BENCH, named.name, "allocations", allocations(named), "");
        }
        check(named, filled);
    }
}

/// Returns the allocations per exchange.
pub(super) fn allocations(named: &mut Named) -> f64 {
    const BATCHES: usize = 16;
    let mut count = 0;
    for _ in 0..BATCHES {
        named.subject.prepare(BATCH);
        count += alloc::measure(|| named.subject.exchange()).count_total;
    }
    count as f64 / (BATCHES * BATCH) as f64
}

/// Checks that the subject hits; otherwise it is not in the table. Its origin was asked `filled` times
/// when it was made.
pub(super) fn check(named: &Named, filled: u64) {
    let reached = (named.reached)() - filled;
    assert!(
        reached <= 1,
        "{} asked its origin {reached} times",
        named.name
    );
}
