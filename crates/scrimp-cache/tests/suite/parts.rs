//! A part of the key that a function of the operator's has for a request.

use crate::common;

use common::{Rig, layer, reply, request};
use scrimp_core::KeyBy;

/// Starts a cache whose responses are told apart by the plan of their caller.
fn rig() -> Rig {
    let by = KeyBy::new(|request| {
        let plan = request.headers.get("x-plan")?;
        plan.to_str().ok().map(str::to_owned)
    });
    Rig::answering(layer().key_by(by), |parts| {
        let plan = parts.headers.get("x-plan");
        let plan = plan.map_or("none", |plan| plan.to_str().expect("text"));
        reply(200, &[("cache-control", "max-age=60")], plan)
    })
}

#[tokio::test]
async fn requests_with_other_parts_have_responses_of_their_own() {
    let rig = rig();
    for hit in [false, true] {
        for plan in ["free", "paid"] {
            let answer = rig.get_with("/", &[("x-plan", plan)]).await;
            assert_eq!((answer.is_hit(), answer.text()), (hit, plan));
        }
        let answer = rig.get("/").await;
        assert_eq!((answer.is_hit(), answer.text()), (hit, "none"));
    }
    assert_eq!(rig.upstream.calls(), 3);
}

#[tokio::test]
async fn an_invalidation_of_a_request_reaches_the_response_of_its_part() {
    let rig = rig();
    let free = [("x-plan", "free")];
    let uri = "http://api.example/x";
    for _ in 0..2 {
        assert!(!rig.get_with(uri, &free).await.is_hit());
        assert!(rig.get_with(uri, &free).await.is_hit());
        let invalidator = rig.layer.invalidator();
        invalidator.invalidate_request(&request("GET", uri, &free));
    }
}
