//! Cost of giving a stack of layers a type with a name: a service alone, and all layers around it,
//! each unboxed and in a `scrimp::Stack`.

use scrimp::{
    Body, ServiceBuilderExt, Stack,
    batch::{Batch, BatchLayer, RestJson},
    cache::{Cache, CacheLayer, MemoryStore},
    coalesce::{Coalesce, CoalesceLayer},
    cost_route::{CostRoute, CostRouteLayer, Price, Provider},
    stampede::{Stampede, StampedeLayer},
};
use tower::ServiceBuilder;

use crate::{
    alloc,
    bench::{
        clone, hit,
        instructions::{self, Case},
        pass,
    },
    fixture,
    origin::Origin,
    peers::{OriginBody, Setup},
    poll,
    report::Report,
    subject::{Named, Subject},
    timing::{self, Part},
};

const BENCH: &str = "stack";

type Inner = Origin<OriginBody>;
type All = Stampede<Cache<Coalesce<Batch<CostRoute<Inner>, RestJson>>>>;

/// Applies all layers, each with little work: stored responses are returned, other requests pass
/// through to the only provider.
fn all(origin: Inner) -> All {
    let provider = Provider::new("provider").price(Price::Free);
    ServiceBuilder::new()
        .stampede(StampedeLayer::new())
        .cache(CacheLayer::new(MemoryStore::new(64 << 20)))
        .coalesce(CoalesceLayer::new())
        .batch(
            BatchLayer::builder(RestJson::new("/batch").base("/elsewhere"))
                .build()
                .unwrap(),
        )
        .cost_route(
            CostRouteLayer::builder([provider])
                .attempts(1)
                .build()
                .unwrap(),
        )
        .service(origin)
}

/// Returns the subjects, each unboxed and boxed.
pub(super) fn subjects() -> Vec<Named> {
    let hit = Setup::hit(fixture::BODY);
    let post = pass::CASES[0].setup();
    let (alone, hits, posts): (Inner, Inner, Inner) = (hit.origin(), hit.origin(), post.origin());
    vec![
        hit.calls::<_, Body, _, _>("a service", alone, alone),
        hit.calls::<_, Body, _, _>("a service, boxed", alone, Stack::new(alone)),
        hit.calls::<_, Body, _, _>("all layers, a hit", hits, all(hits)),
        hit.calls::<_, Body, _, _>("all layers, a hit, boxed", hits, Stack::new(all(hits))),
        post.calls::<_, Body, _, _>("all layers, a POST", posts, all(posts)),
        post.calls::<_, Body, _, _>("all layers, a POST, boxed", posts, Stack::new(all(posts))),
    ]
}

pub(crate) fn run(rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let runtime = poll::runtime();
    let _entered = runtime.enter();
    let mut subjects = subjects();
    let mut borrowed: Vec<&mut dyn Subject> = Vec::new();
    for named in &mut subjects {
        borrowed.push(&mut *named.subject);
    }
    let between = || poll::settle(&runtime);
    let medians = timing::medians(&mut borrowed, rounds, Part::Whole, &between);
    let scratch = tempfile::tempdir()?;
    for (index, named) in subjects.iter_mut().enumerate() {
        let name = named.name;
        report.add(BENCH, name, "time", medians[index], "ns");
        if index % 2 == 1 {
            let added = medians[index] - medians[index - 1];
            report.add(BENCH, name, "added", added, "ns");
        }
        let count = instructions::count(Case::Stack, name, scratch.path())?;
        report.add(BENCH, name, "instructions", count, "");
        if cfg!(feature = "count") {
            report.add(BENCH, name, "allocations", hit::allocations(named), "");
        }
        report.add(
            BENCH,
            name,
            "clone",
            clone::time(&*named.clone, rounds),
            "ns",
        );
        if cfg!(feature = "count") {
            let count = alloc::measure(&*named.clone).count_total;
            report.add(BENCH, name, "clone allocations", count as f64, "");
        }
    }
    Ok(())
}
