//! Law 14: extensions survive.

use super::{
    bench::{Bench, fetch, last_request, whole, within},
    violation::{Verdict, ensure},
};
use crate::Reply;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Mark(u32);

/// Extensions of the request reach the inner service, and extensions of the response reach the
/// caller.
pub(super) async fn extensions_survive(bench: &Bench<'_>) -> Verdict {
    let stage = bench.stage_with(|mut head, halves| {
        head.extensions_mut().insert(Mark(2));
        Reply::respond(head.map(|()| whole(halves)))
    });
    let mut request = bench.request(0);
    request.extensions_mut().insert(Mark(1));
    let when = "a call with extensions";
    let answer = within(when, fetch(stage.service.clone(), request)).await?;
    let answer = bench.good(when, 0, answer)?;
    let inner = last_request(&stage.upstream);
    let mark = inner
        .as_ref()
        .and_then(|parts| parts.extensions.get::<Mark>());
    ensure(
        mark == Some(&Mark(1)),
        format!("the request's extension was {mark:?} at the inner service"),
        "as the caller had set it",
    )?;
    let mark = answer.parts.extensions.get::<Mark>();
    ensure(
        mark == Some(&Mark(2)),
        format!("the response's extension was {mark:?} at the caller"),
        "as the inner service had set it",
    )
}
