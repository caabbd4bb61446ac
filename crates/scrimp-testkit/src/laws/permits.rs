//! Law 9: a call holds its permit until the end of its body.

use http_body_util::BodyExt;

use super::{
    bench::{Bench, fetch, head, settle, tick, within},
    violation::{Breach, Verdict, ensure},
};
use crate::{Gate, PollCounter, Readiness, Reply, ScriptedBody};

/// With one permit, a second call waits until the first one's body is read or dropped. The first
/// byte does not wait for the last.
pub(super) async fn a_permit_lives_as_long_as_the_body(bench: &Bench<'_>) -> Verdict {
    for (end, by_reading) in [("read to its end", true), ("dropped", false)] {
        let gate = Gate::new();
        let stage = bench.stage_with({
            let gate = gate.clone();
            move |head, [first, second]| {
                let body = ScriptedBody::new().data(first).gate(&gate).data(second);
                Reply::respond(head.map(|()| body))
            }
        });
        stage.upstream.set_readiness(Readiness::permits(1));
        let when = "a response whose body is halted after the first frame";
        let mut response = head(when, &stage.service, bench.request(0)).await?;
        let frame = within(when, response.frame()).await?;
        ensure(
            matches!(frame, Some(Ok(_))),
            format!("{when}: {frame:?}"),
            "the first frame as soon as it arrives",
        )?;
        let mut second = PollCounter::new(fetch(stage.service.clone(), bench.request(1)));
        for _ in 0..3 {
            ensure(
                second.poll_now().is_pending(),
                "a second response with one permit",
                "none",
            )?;
            tick().await;
        }
        let flying = stage.upstream.in_flight();
        ensure(
            flying == 1 && stage.upstream.calls() == 1,
            format!("{flying} calls in flight during the first body"),
            "only that one, until its body ends",
        )?;
        if by_reading {
            gate.open();
            while let Some(frame) = within(when, response.frame()).await? {
                frame.map_err(|error| Breach::new(format!("`{error}`"), "a good body"))?;
            }
        } else {
            drop(response);
            settle().await;
            // Work that the layer finishes without a caller comes first.
            if bench.subject.finishes_abandoned {
                gate.open();
            }
            settle().await;
            let flying = stage.upstream.max_in_flight();
            ensure(
                flying == 1,
                format!("{flying} calls in flight"),
                "at most one",
            )?;
            gate.open();
        }
        let when = format!("the second call, after the first one's body was {end}");
        let second = within(&when, second).await?;
        bench.good(&when, 1, second)?;
    }
    Ok(())
}
