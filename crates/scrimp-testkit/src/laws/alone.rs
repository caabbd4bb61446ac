//! Law 2: a hit is served while the backend is full or down.

use super::{
    bench::{Bench, settle},
    violation::{Verdict, ensure},
};
use crate::{Gate, Readiness};

/// Checks layers that store.
pub(super) async fn a_hit_needs_no_backend(bench: &Bench<'_>) -> Verdict {
    if !bench.subject.stores {
        return Ok(());
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
