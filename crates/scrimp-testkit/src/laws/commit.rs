//! Law 11: only a body that ended cleanly is committed.

use http::{Response, header::CONTENT_LENGTH};
use http_body_util::BodyExt;

use super::{
    bench::{Bench, Halves, fetch, head, settle, whole, within},
    violation::{Verdict, ensure},
};
use crate::{Gate, Reply, ScriptedBody};

/// After an incomplete response, whether the upstream or the reader ended it, the next caller gets
/// a complete one from the upstream.
pub(super) async fn only_a_clean_end_is_committed(bench: &Bench<'_>) -> Verdict {
    let length = bench.answer(0).body().len();
    breaks_off(bench, "failed after the first frame", |[first, _]| {
        ScriptedBody::new()
            .data(first)
            .error("reset by the backend")
    })
    .await?;
    breaks_off(bench, "failed after the last frame", |halves| {
        whole(halves).error("reset by the backend")
    })
    .await?;
    lies(bench, "was shorter than its content-length", length + 3).await?;
    lies(bench, "was longer than its content-length", length - 1).await?;
    for frames in 0..=1 {
        leaves(bench, frames).await?;
    }
    committed(bench).await
}

/// Checks a body that ends with an error.
async fn breaks_off(
    bench: &Bench<'_>,
    how: &str,
    shape: impl FnOnce(Halves) -> ScriptedBody,
) -> Verdict {
    let reply = bench.reply(0, shape);
    goes_upstream_again(bench, how, reply).await
}

/// Checks a body that ends cleanly but does not have the length in the head.
async fn lies(bench: &Bench<'_>, how: &str, length: usize) -> Verdict {
    let mut reply = Response::new(whole(halves(bench)));
    *reply.headers_mut() = bench.answer(0).headers().clone();
    reply.headers_mut().insert(CONTENT_LENGTH, length.into());
    goes_upstream_again(bench, how, Reply::respond(reply)).await
}

async fn goes_upstream_again(bench: &Bench<'_>, how: &str, reply: Reply) -> Verdict {
    let stage = bench.stage();
    stage.upstream.next(reply);
    let when = format!("a response that {how}");
    // The layer may pass it on, or turn it into an error.
    let _ = within(&when, fetch(stage.service.clone(), bench.request(0))).await?;
    settle().await;
    again(bench, &when, &stage).await
}

/// Checks a reader that drops the body before its end.
async fn leaves(bench: &Bench<'_>, frames: usize) -> Verdict {
    let gate = Gate::new();
    let stage = bench.stage();
    stage.upstream.next(bench.reply(0, |[first, second]| {
        ScriptedBody::new().data(first).gate(&gate).data(second)
    }));
    let when = format!("a response dropped by its reader after {frames} frames");
    let mut response = head(&when, &stage.service, bench.request(0)).await?;
    for _ in 0..frames {
        let _ = within(&when, response.frame()).await?;
    }
    drop(response);
    settle().await;
    if bench.subject.finishes_abandoned {
        gate.open();
        settle().await;
        bench.served(&when, &stage.service, 0).await?;
        return Ok(());
    }
    again(bench, &when, &stage).await
}

async fn again(bench: &Bench<'_>, when: &str, stage: &super::bench::Stage) -> Verdict {
    let calls = stage.upstream.calls();
    let when = format!("the same request after {when}");
    bench.served(&when, &stage.service, 0).await?;
    ensure(
        stage.upstream.calls() > calls,
        format!("{when}: answered without an upstream call"),
        "a response from the upstream, as none had ended cleanly",
    )
}

/// Checks that a response that ended cleanly is stored.
async fn committed(bench: &Bench<'_>) -> Verdict {
    if !bench.subject.stores {
        return Ok(());
    }
    let stage = bench.stage();
    bench
        .served("the call that stores", &stage.service, 0)
        .await?;
    settle().await;
    bench
        .served(
            "the same request after a correct response",
            &stage.service,
            0,
        )
        .await?;
    let calls = stage.upstream.calls();
    ensure(
        calls == 1,
        format!("{calls} upstream calls for two requests"),
        "one: the first response was complete",
    )
}

fn halves(bench: &Bench<'_>) -> Halves {
    let mut body = bench.answer(0).into_body();
    let first = body.split_to(body.len() / 2);
    [first, body]
}
