//! Law 6: a panic blocks no key.

use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt, future::join};

use super::{
    bench::{Bench, fetch, settle, within},
    violation::Verdict,
};
use crate::{Reply, ScriptedBody};

/// Panics in the inner `call`, in its future and in its body, while a second caller has the same
/// request.
pub(super) async fn a_panic_leaves_no_key_wedged(bench: &Bench<'_>) -> Verdict {
    let body = |[first, _]: [_; 2]| {
        ScriptedBody::new()
            .data(first)
            .wake()
            .panic("scripted panic in the body")
    };
    let replies: [(&str, &dyn Fn() -> Reply); 4] = [
        ("in `call`", &Reply::panic_in_call),
        ("at the first poll", &Reply::panic),
        ("at the second poll", &|| Reply::panic().wake()),
        ("in the body", &|| bench.reply(0, body)),
    ];
    for (place, reply) in replies {
        let stage = bench.stage();
        stage.upstream.next(reply());
        let call =
            || AssertUnwindSafe(fetch(stage.service.clone(), bench.request(0))).catch_unwind();
        let when = format!("two equal calls of which the first panicked {place}");
        // Each may panic, fail or succeed, but must end.
        let _ = within(&when, join(call(), call())).await?;
        settle().await;
        let when = format!("the same request after a panic {place}");
        bench.served(&when, &stage.service, 0).await?;
    }
    Ok(())
}
