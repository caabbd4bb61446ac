//! Law 8: one wake, one poll.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
};

use http_body::Body;

use super::{
    bench::{Bench, Stage, fetch, head, tick, whole, within},
    violation::{Breach, Verdict, ensure},
};
use crate::{Gate, PollCounter, Readiness, Reply, ScriptedBody};

const POLLS: usize = 20;

/// While the inner service waits (for readiness, for its response, in its body), polling the layer
/// without a wake causes no wake, and polls the inner future at most once per poll.
pub(super) async fn no_poll_without_a_wake(bench: &Bench<'_>) -> Verdict {
    let gate = Gate::new();
    let stage = bench.stage();
    stage.upstream.set_readiness(Readiness::Gate(gate.clone()));
    let mut call = PollCounter::new(fetch(stage.service.clone(), bench.request(0)));
    quiet(
        "while the inner service was not ready",
        &mut call,
        &stage,
        &gate,
    )
    .await?;

    let gate = Gate::new();
    let stage = bench.stage_with({
        let gate = gate.clone();
        move |head, halves| Reply::respond(head.map(|()| whole(halves))).gate(&gate)
    });
    let mut call = PollCounter::new(fetch(stage.service.clone(), bench.request(0)));
    quiet(
        "while the inner future was pending",
        &mut call,
        &stage,
        &gate,
    )
    .await?;

    let gate = Gate::new();
    let stage = bench.stage_with({
        let gate = gate.clone();
        move |head, halves| Reply::respond(head.map(|()| gated(&gate, halves)))
    });
    let response = head(
        "a response with a slow body",
        &stage.service,
        bench.request(0),
    )
    .await?;
    let mut body = response.into_body();
    let mut frame = PollCounter::new(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)));
    quiet("while the body was pending", &mut frame, &stage, &gate).await
}

fn gated(gate: &Gate, [first, second]: [bytes::Bytes; 2]) -> ScriptedBody {
    ScriptedBody::new().gate(gate).data(first).data(second)
}

async fn quiet<F: Future>(
    when: &str,
    call: &mut PollCounter<F>,
    stage: &Stage,
    gate: &Gate,
) -> Verdict {
    // Tasks of the layer may wake it when they have made progress.
    for _ in 0..3 {
        pending(when, call).await?;
    }
    let (wakes, inner) = (call.wakes(), stage.upstream.polls());
    for _ in 0..POLLS {
        pending(when, call).await?;
    }
    let wakes_seen = call.wakes() - wakes;
    ensure(
        wakes_seen == 0,
        format!("{when}: {POLLS} polls caused {wakes_seen} wakes"),
        "none: nothing had happened",
    )?;
    let inner = stage.upstream.polls() - inner;
    ensure(
        inner <= POLLS,
        format!("{when}: {POLLS} polls polled the inner future {inner} times"),
        "at most once per poll",
    )?;
    gate.open();
    tick().await;
    ensure(
        call.wakes() > wakes,
        format!("{when}: no wake when the wait was over"),
        "one",
    )?;
    within(when, call).await?;
    Ok(())
}

async fn pending<F: Future>(when: &str, call: &mut PollCounter<F>) -> Verdict {
    if call.poll_now().is_ready() {
        let saw = format!("{when}: the layer had completed");
        return Err(Breach::new(saw, "it to wait too"));
    }
    tick().await;
    Ok(())
}
