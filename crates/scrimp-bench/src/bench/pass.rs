//! Cost that a cache adds to requests that it does not answer, up to the head of the response.

use crate::{
    fixture::{self, Target},
    peers::{self, PEERS, SCRIMP, Setup},
    poll,
    report::Report,
    subject::{Named, Subject},
    timing::{self, BATCH, Part},
};

const BENCH: &str = "pass";

/// Responses that fit in the caches.
const ROOM: u64 = 2_000;

/// A kind of request, and the cache directives of its response.
pub(crate) struct Case {
    name: &'static str,
    target: Target,
    cache_control: &'static str,
}

pub(crate) const CASES: [Case; 4] = [
    Case {
        name: "POST",
        target: Target::Post,
        cache_control: "public, max-age=3600",
    },
    Case {
        name: "no-store",
        target: Target::Same,
        cache_control: "no-store",
    },
    Case {
        name: "miss",
        target: Target::Unique,
        cache_control: "public, max-age=3600",
    },
    Case {
        name: "no-store, new key",
        target: Target::Unique,
        cache_control: "no-store",
    },
];

// === impl Case ===

impl Case {
    pub(crate) fn setup(&self) -> Setup {
        Setup {
            target: self.target,
            cache_control: self.cache_control,
            body: fixture::BODY,
            room: ROOM,
        }
    }
}

pub(crate) fn run(rounds: usize, report: &mut Report) {
    let runtime = poll::runtime();
    let _entered = runtime.enter();
    for case in CASES {
        let setup = case.setup();
        let makes = std::iter::once(&(peers::bare as peers::Make))
            .chain(&SCRIMP[..1])
            .chain(PEERS)
            .map(|make| make(setup));
        let mut subjects: Vec<Named> = makes.collect();
        subjects.retain_mut(|named| lets_through(named, &runtime));
        let mut borrowed: Vec<&mut dyn Subject> = Vec::new();
        for named in &mut subjects {
            fill(&mut *named.subject, &runtime);
            borrowed.push(&mut *named.subject);
        }
        let between = || poll::settle(&runtime);
        let medians = timing::medians(&mut borrowed, rounds, Part::Head, &between);
        report.add(BENCH, subjects[0].name, case.name, medians[0], "ns");
        for (named, nanoseconds) in subjects.iter().zip(&medians).skip(1) {
            report.add(BENCH, named.name, case.name, nanoseconds - medians[0], "ns");
        }
    }
}

/// Fills a cache, so that new responses reuse the memory of evicted ones, as in a cache that has
/// run for a while. In a growing cache, each miss pays the kernel for new pages.
pub(crate) fn fill(subject: &mut dyn Subject, runtime: &tokio::runtime::Runtime) {
    for _ in 0..2 * ROOM / BATCH as u64 {
        subject.prepare(BATCH);
        subject.exchange();
        poll::settle(runtime);
    }
}

/// Reports whether the second of two requests reaches the origin too. Some peers answer it.
fn lets_through(named: &mut Named, runtime: &tokio::runtime::Runtime) -> bool {
    for _ in 0..2 {
        named.subject.prepare(1);
        named.subject.exchange();
        poll::settle(runtime);
    }
    (named.reached)() == 2
}
