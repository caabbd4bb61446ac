//! Laws 8, 11 and 19, for a response that several callers share: it costs each of them a few polls,
//! an incomplete body is complete for no caller, and a private response goes to one caller only.

use futures_util::future::{join, join_all};
use http::{Response, header::CACHE_CONTROL};

use super::{
    bench::{Answer, Bench, Halves, Stage, fetch, settle, whole, within},
    violation::{Verdict, ensure},
};
use crate::{Gate, PollCounter, Reply, ScriptedBody};

/// Equal requests at the same time.
const CROWD: usize = 200;

/// Polls of each, on average: one for the call, one or two for the response, and one in reserve.
const POLLS: usize = 4;

/// The way in which an upstream sends a body.
type Shape = fn(Halves) -> ScriptedBody;

/// A crowd makes one call, and no caller in it is polled for the progress of another.
pub(super) async fn a_crowd_makes_one_call_and_is_polled_for_its_answer(
    bench: &Bench<'_>,
) -> Verdict {
    let when = format!("{CROWD} equal requests at once");
    let gate = Gate::new();
    let stage = bench.stage_with({
        let gate = gate.clone();
        move |head, halves| Reply::respond(head.map(|()| whole(halves))).gate(&gate)
    });
    let call = |_| PollCounter::new(fetch(stage.service.clone(), bench.request(0)));
    let calls: Vec<_> = (0..CROWD).map(call).collect();
    let polls: Vec<_> = calls.iter().map(PollCounter::handle).collect();
    let tasks = calls.into_iter().map(tokio::spawn).collect::<Vec<_>>();
    let opening = async {
        settle().await;
        gate.open();
    };
    let (answers, ()) = within(&when, join(join_all(tasks), opening)).await?;
    for answer in answers {
        let answer = answer.unwrap_or_else(|panic| Err(panic.into()));
        bench.good(&when, 0, answer)?;
    }
    if !bench.subject.coalesces {
        return Ok(());
    }
    let made = stage.upstream.calls();
    ensure(
        made == 1,
        format!("{when} made {made} upstream calls"),
        "one",
    )?;
    let polls: usize = polls.iter().map(crate::Polls::polls).sum();
    ensure(
        polls <= POLLS * CROWD,
        format!("{when} were polled {polls} times"),
        format!("at most {POLLS} times each"),
    )
}

/// An incomplete body is an error for each of its readers.
pub(super) async fn an_incomplete_body_is_no_callers_response(bench: &Bench<'_>) -> Verdict {
    let breaks: [(&str, Shape); 2] = [
        ("after its first frame", |[first, _]| {
            ScriptedBody::new().wake().data(first).error("reset")
        }),
        ("before its first frame", |_| {
            ScriptedBody::new().wake().error("reset")
        }),
    ];
    for (place, shape) in breaks {
        let when = format!("two equal requests whose response broke off {place}");
        let (_, answers) = pair(bench, &when, move |head, halves| {
            Reply::respond(head.map(|()| shape(halves)))
        })
        .await?;
        for answer in answers {
            let good = answer.is_ok_and(|answer| answer.parts.status.is_success());
            ensure(
                !good,
                format!("{when}: a response as if it were complete"),
                "an error, in the body or instead of the response",
            )?;
        }
    }
    Ok(())
}

/// A response marked `private` goes only to the caller of its request.
pub(super) async fn a_private_response_goes_to_one_caller(bench: &Bench<'_>) -> Verdict {
    let when = "two equal requests at once whose response was private";
    let (stage, answers) = pair(bench, when, |mut head, halves| {
        let private = http::HeaderValue::from_static("private");
        head.headers_mut().insert(CACHE_CONTROL, private);
        Reply::respond(head.map(|()| whole(halves)))
    })
    .await?;
    for answer in answers {
        bench.good(when, 0, answer)?;
    }
    let calls = stage.upstream.calls();
    // Fewer calls without sharing are right in a batch: each request has its own item.
    ensure(
        calls == 2 || !bench.subject.coalesces,
        format!("{when} made {calls} upstream calls"),
        "two: each belongs to another user",
    )
}

/// Sends two equal requests, which wait for an upstream that responds in this way.
async fn pair(
    bench: &Bench<'_>,
    when: &str,
    shape: impl Fn(Response<()>, Halves) -> Reply + Send + Sync + 'static,
) -> Verdict<(Stage, [Result<Answer, scrimp_core::BoxError>; 2])> {
    let gate = Gate::new();
    let stage = bench.stage_with({
        let gate = gate.clone();
        move |head, halves| shape(head, halves).gate(&gate)
    });
    let call = || fetch(stage.service.clone(), bench.request(0));
    let opening = async {
        settle().await;
        gate.open();
    };
    let calls = join(join(call(), call()), opening);
    let ((one, two), ()) = within(when, calls).await?;
    Ok((stage, [one, two]))
}
