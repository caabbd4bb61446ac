//! Law 2: a hit is served while the backend is full or down.

use super::{
    bench::{Bench, settle},
    violation::{Verdict, ensure},
};
use crate::{Gate, Readiness};

/// Checks layers that store, and that all others call their backend for each request.
pub(super) async fn a_hit_needs_no_backend(bench: &Bench<'_>) -> Verdict {
    if !bench.subject.stores {
        return every_request_needs_the_backend(bench).await;
    }
    let stage = bench.stage();
    bench
        .served("the call that stores", &stage.service, 0)
        .await?;
    settle().await;
    let calls = stage.upstream.calls();
    for (state, readiness) in [
        ("full", Readiness::Gate(Gate::new())),
        ("down", Readiness::Error("the backend is down")),
    ] {
        stage.upstream.set_readiness(readiness);
        let when = format!("the same request while the backend was {state}");
        bench.served(&when, &stage.service, 0).await?;
        let made = stage.upstream.calls() - calls;
        ensure(
            made == 0,
            format!("{when}: {made} calls to the backend"),
            "the stored answer, and no call",
        )?;
    }
    Ok(())
}

/// Checks that a layer that is not declared to store calls its backend each time: it would pass the law
/// without being asked.
async fn every_request_needs_the_backend(bench: &Bench<'_>) -> Verdict {
    let stage = bench.stage();
    for turn in 1..=2 {
        let when = format!("call {turn} of two equal ones, in turn");
        bench.served(&when, &stage.service, 0).await?;
        settle().await;
        let made = stage.upstream.calls();
        ensure(
            made >= turn,
            format!("{when}: {made} calls to the backend in all"),
            "a call for each, or a layer that is declared to store",
        )?;
    }
    Ok(())
}
