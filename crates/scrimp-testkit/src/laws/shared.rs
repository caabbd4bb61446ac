//! Law 3: state belongs to the layer.

use futures_util::future::join;

use super::{
    bench::{Bench, fetch, settle, whole, within},
    violation::{Verdict, ensure},
};
use crate::{Gate, Reply};

/// axum calls `layer()` once per route: state made there would exist once per route.
pub(super) async fn services_of_one_layer_share_state(bench: &Bench<'_>) -> Verdict {
    share_what_is_stored(bench).await?;
    share_what_is_in_flight(bench).await
}

async fn share_what_is_stored(bench: &Bench<'_>) -> Verdict {
    let stage = bench.stage();
    let second = stage.second_service();
    bench.served("the first service", &stage.service, 0).await?;
    settle().await;
    bench.served("the second service", &second, 0).await?;
    let calls = stage.upstream.calls();
    ensure(
        calls == 1 || !bench.subject.stores,
        "the second service did not find the response that the first had stored",
        "the state to be the layer's",
    )
}

async fn share_what_is_in_flight(bench: &Bench<'_>) -> Verdict {
    let gate = Gate::new();
    let stage = bench.stage_with({
        let gate = gate.clone();
        move |head, halves| Reply::respond(head.map(|()| whole(halves))).gate(&gate)
    });
    let call = |service| fetch(service, bench.request(0));
    let calls = join(call(stage.service.clone()), call(stage.second_service()));
    let opening = async {
        settle().await;
        gate.open();
    };
    let when = "two services called at once";
    let ((one, two), ()) = within(when, join(calls, opening)).await?;
    bench.good(when, 0, one)?;
    bench.good(when, 0, two)?;
    let calls = stage.upstream.calls();
    ensure(
        calls == 1 || !bench.subject.coalesces,
        format!("{when} with one request made {calls} upstream calls"),
        "one: both know the calls in flight",
    )
}
