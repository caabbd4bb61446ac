//! Cost that stampede protection adds to a hit.

use crate::{
    bench::{
        hit,
        instructions::{self, Case},
    },
    fixture,
    peers::{STAMPEDE, Setup},
    poll,
    report::Report,
    subject::{Named, Subject},
    timing::{self, Part},
};

const BENCH: &str = "stampede";

pub(crate) fn run(rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let runtime = poll::runtime();
    let _entered = runtime.enter();
    let makes = STAMPEDE.iter();
    let mut subjects: Vec<Named> = makes.map(|make| make(Setup::hit(fixture::BODY))).collect();

    let mut borrowed: Vec<&mut dyn Subject> = Vec::new();
    for named in &mut subjects {
        borrowed.push(&mut *named.subject);
    }
    let between = || poll::settle(&runtime);
    let medians = timing::medians(&mut borrowed, rounds, Part::Whole, &between);
    let scratch = tempfile::tempdir()?;
    for (named, nanoseconds) in subjects.iter_mut().zip(&medians) {
        let name = named.name;
        report.add(BENCH, name, "time", *nanoseconds, "ns");
        report.add(BENCH, name, "added", nanoseconds - medians[0], "ns");
        report.add(BENCH, name, "ratio", nanoseconds / medians[0], "");
        let count = instructions::count(Case::Stampede, name, scratch.path())?;
        report.add(BENCH, name, "instructions", count, "");
        if cfg!(feature = "count") {
            report.add(BENCH, name, "allocations", hit::allocations(named), "");
        }
        hit::check(named, 0);
    }
    Ok(())
}
