//! Laws 1, 4 and 17: readiness, and the place of a refusal.

use std::{
    future::poll_fn,
    task::{Context, Poll, Waker},
};

use futures_util::future::join_all;
use scrimp_core::BoxError;
use tower::{Service, ServiceExt};

use super::{
    bench::{Bench, fetch, read, tick, within},
    violation::{Breach, Verdict, ensure},
};
use crate::{Gate, HttpService, PollCounter, Readiness, Reply};

/// Polling one instance and calling another strands the first one's permit.
pub(super) async fn no_permit_is_stranded(bench: &Bench<'_>) -> Verdict {
    let stage = bench.stage();
    stage.upstream.set_readiness(Readiness::permits(1));
    let mut service = stage.service.clone();
    for n in 0..10 {
        let when = "one of 10 calls in turn, with one permit";
        let answer = within(when, async {
            read(service.ready().await?.call(bench.request(n)).await?).await
        });
        bench.good(when, n, answer.await?)?;
    }
    let when = "100 calls at once, with one permit";
    let calls = (10..110).map(|n| fetch(stage.service.clone(), bench.request(n)));
    let answers = within(when, join_all(calls)).await?;
    for (n, answer) in (10..).zip(answers) {
        bench.good(when, n, answer)?;
    }
    Ok(())
}

/// A layer that may respond alone is ready when its inner service is not. Any other layer is ready
/// exactly when the inner service is.
pub(super) async fn readiness_is_honest(bench: &Bench<'_>) -> Verdict {
    let gate = Gate::new();
    let mut stage = bench.stage();
    stage.upstream.set_readiness(Readiness::Gate(gate.clone()));
    let ready = poll_ready(&mut stage.service);
    let (honest, expected) = if bench.subject.answers_alone {
        (
            matches!(ready, Poll::Ready(Ok(()))),
            "a layer that may answer alone to be ready",
        )
    } else {
        (ready.is_pending(), "the layer to be pending too")
    };
    ensure(
        honest,
        format!("{ready:?} while the inner service was pending"),
        expected,
    )?;
    let mut waiting = PollCounter::new(poll_fn(|cx| stage.service.poll_ready(cx)));
    if waiting.poll_now().is_pending() {
        gate.open();
        tick().await;
        ensure(
            waiting.wakes() > 0,
            "no wake when the inner service became ready",
            "one",
        )?;
        let ready = waiting.poll_now();
        ensure(
            matches!(ready, Poll::Ready(Ok(()))),
            format!("{ready:?} after the inner service became ready"),
            "the layer to be ready",
        )?;
    }
    Ok(())
}

/// The error of an inner service that does not become ready reaches the caller, and the layer works
/// again when the inner service does.
pub(super) async fn an_unready_inner_fails_the_call_not_the_layer(bench: &Bench<'_>) -> Verdict {
    let mut stage = bench.stage();
    stage
        .upstream
        .set_readiness(Readiness::Error("the backend is down"));
    if bench.subject.answers_alone {
        let ready = poll_ready(&mut stage.service);
        ensure(
            matches!(ready, Poll::Ready(Ok(()))),
            format!("{ready:?} while the inner service's readiness failed"),
            "the failure to be kept for the future",
        )?;
    }
    let when = "a call while the inner service's readiness failed";
    match within(when, fetch(stage.service.clone(), bench.request(0))).await? {
        Ok(answer) if !answer.parts.status.is_server_error() => {
            let saw = format!("{when}: {}", answer.parts.status);
            return Err(Breach::new(saw, "an error or a status of the 5xx class"));
        }
        Ok(_) | Err(_) => {}
    }
    stage.upstream.set_readiness(Readiness::Always);
    let when = "a call after the inner service had recovered";
    bench.served(when, &stage.service, 0).await?;
    Ok(())
}

/// A clone of a ready service must be polled itself.
pub(super) async fn a_clone_is_not_ready(bench: &Bench<'_>) -> Verdict {
    let mut stage = bench.stage();
    stage.upstream.set_readiness(Readiness::permits(1));
    let ready = poll_ready(&mut stage.service);
    ensure(
        ready.is_ready(),
        "a fresh service pending with a permit free",
        "it to be ready",
    )?;
    let mut clone = stage.service.clone();
    if !bench.subject.answers_alone {
        ensure(
            poll_ready(&mut clone).is_pending(),
            "a clone ready while the original held the only permit",
            "readiness not to be copied",
        )?;
    }
    drop(stage.service);
    let when = "a clone of a ready service that was dropped";
    // This same clone: if it waits for the permit, it is the next to receive it.
    let answer = within(when, fetch(clone, bench.request(0))).await?;
    bench.good(when, 0, answer)?;
    Ok(())
}

/// A failure that may be over at the next call is no reason to discard the service, and an error of
/// `poll_ready` means exactly that.
pub(super) async fn refusals_come_from_the_future(bench: &Bench<'_>) -> Verdict {
    let mut stage = bench.stage_with(|_, _| Reply::error("reset by the backend"));
    for n in 0..20 {
        let when = "one of 20 calls that the backend fails";
        let ready = within(when, poll_fn(|cx| stage.service.poll_ready(cx))).await?;
        if let Err(error) = ready {
            let saw = format!("after {n} failed calls, `poll_ready` failed with `{error}`");
            return Err(Breach::new(saw, "the future to report it"));
        }
        let call = stage.service.call(bench.request(n));
        // The layer may handle the failure in any way; law 15 checks that.
        let _ = within(when, async { read(call.await?).await }).await?;
    }
    Ok(())
}

fn poll_ready(service: &mut HttpService) -> Poll<Result<(), BoxError>> {
    service.poll_ready(&mut Context::from_waker(Waker::noop()))
}
