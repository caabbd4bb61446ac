//! Laws 5 and 7: callers may be dropped at any time.

use tower::{Service, ServiceExt};

use super::{
    bench::{Bench, Stage, fetch, settle, tick, whole, within},
    violation::{Breach, Verdict, ensure},
};
use crate::{Gate, PollCounter, Readiness, Reply, ScriptedBody};

/// Polls after which a call that is woken each time counts as stuck.
const MOST_POLLS: usize = 200;

/// Drops a call after its first poll, after its second, and so on until it completes.
pub(super) async fn a_call_may_be_dropped_at_every_await(bench: &Bench<'_>) -> Verdict {
    for polls in 0..MOST_POLLS {
        let gate = Gate::new();
        let stage = bench.stage_with(|head, [first, second]| {
            let body = ScriptedBody::new()
                .wake()
                .data(first)
                .wake()
                .data(second)
                .wake();
            Reply::respond(head.map(|()| body)).wake().wake()
        });
        stage.upstream.set_readiness(Readiness::Gate(gate.clone()));
        let mut call = PollCounter::new(fetch(stage.service.clone(), bench.request(0)));
        let mut done = false;
        while !done && call.polls() < polls {
            done = call.poll_now().is_ready();
            tick().await;
            if call.polls() == 1 {
                gate.open();
            }
        }
        drop(call);
        gate.open();
        let when = format!("after a caller was dropped at its poll {polls}");
        nothing_left(&when, &stage).await?;
        bench.served(&when, &stage.service, 0).await?;
        if done {
            return Ok(());
        }
    }
    Err(Breach::new(
        format!("a call not complete after {MOST_POLLS} polls, without anything to wait for"),
        "its completion",
    ))
}

/// Makes 100 calls, half of them equal to another, and drops all while the backend works.
pub(super) async fn a_hundred_cancelled_calls_leave_nothing(bench: &Bench<'_>) -> Verdict {
    let gate = Gate::new();
    let stage = bench.stage_with({
        let gate = gate.clone();
        move |head, halves| Reply::respond(head.map(|()| whole(halves))).gate(&gate)
    });
    let mut calls: Vec<_> = (0..100)
        .map(|n| PollCounter::new(fetch(stage.service.clone(), bench.request(n / 2))))
        .collect();
    for _ in 0..2 {
        for call in &mut calls {
            ensure(
                call.poll_now().is_pending(),
                "an answer before the upstream's",
                "none",
            )?;
        }
        tick().await;
    }
    drop(calls);
    let when = "100 cancelled calls";
    if bench.subject.finishes_abandoned {
        gate.open();
    }
    nothing_left(when, &stage).await?;
    gate.open();
    for n in 0..50 {
        bench
            .served("after 100 cancelled calls", &stage.service, n)
            .await?;
    }
    Ok(())
}

/// A dropped leader fails no follower, and a dropped follower fails no other caller, before the
/// response and within the body.
pub(super) async fn a_dropped_caller_does_not_disturb_the_others(bench: &Bench<'_>) -> Verdict {
    for (place, in_body) in [("before the response", false), ("within the body", true)] {
        for (who, leaver) in [("first", 0), ("second", 1)] {
            let gate = Gate::new();
            let stage = bench.stage_with({
                let gate = gate.clone();
                move |head, [first, second]| {
                    if in_body {
                        let body = ScriptedBody::new().data(first).gate(&gate).data(second);
                        return Reply::respond(head.map(|()| body));
                    }
                    Reply::respond(head.map(|()| whole([first, second]))).gate(&gate)
                }
            });
            let call = || PollCounter::new(fetch(stage.service.clone(), bench.request(0)));
            let mut calls = vec![call(), call()];
            for _ in 0..3 {
                for call in &mut calls {
                    ensure(call.poll_now().is_pending(), "an early response", "none")?;
                    tick().await;
                }
            }
            drop(calls.remove(leaver));
            tick().await;
            gate.open();
            let when = format!("two equal calls of which the {who} was dropped {place}");
            let stayed = within(&when, calls.remove(0)).await?;
            bench.good(&when, 0, stayed)?;
            nothing_left(&when, &stage).await?;
        }
    }
    Ok(())
}

/// A call that was not polled yet causes no cost.
pub(super) async fn an_unpolled_call_is_not_dispatched(bench: &Bench<'_>) -> Verdict {
    let mut stage = bench.stage();
    let ready = within("getting ready", stage.service.ready()).await?;
    let call = ready
        .map_err(|error| Breach::new(format!("not ready: {error}"), "a ready service"))?
        .call(bench.request(0));
    tick().await;
    drop(call);
    settle().await;
    // A layer that always calls its inner service does so in `call`; the work starts with the
    // first poll of the inner future.
    let dispatched = if bench.subject.answers_alone {
        stage.upstream.calls()
    } else {
        stage.upstream.started()
    };
    ensure(
        dispatched == 0,
        "a call reached the inner service, though its future was dropped unpolled",
        "the work to start with the first poll",
    )
}

async fn nothing_left(when: &str, stage: &Stage) -> Verdict {
    settle().await;
    let left = stage.upstream.in_flight();
    ensure(
        left == 0,
        format!("{when}: {left} upstream calls or bodies left in flight"),
        "none",
    )
}
