//! Responses that the quality gate judges.

use crate::common;

use common::{Rig, cents, get, ok, provider, two};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use scrimp_cost_route::{CostRouteLayer, Filters, MinLength, Miss, QualityVerdict, RequiredFields};
use scrimp_testkit::{Gate, Reply, ScriptedBody};

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_good_enough_goes_to_the_next_and_both_are_paid() {
    let ledger = scrimp_core::Ledger::new();
    let layer = two()
        .quality_gate(RequiredFields::new(["/answer"]))
        .ledger(ledger.clone())
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |host| match host {
        "cheap" => ok("{\"answer\":\"\"}"),
        _ => ok("{\"answer\":42}"),
    });
    let request = Request::post("/ask").body(Full::from("what?")).unwrap();
    let answer = rig.send(request).await;
    assert_eq!(
        (answer.from(), &*answer.body),
        ("dear", &b"{\"answer\":42}"[..])
    );
    assert_eq!(answer.decision.unwrap().tried[0].miss, Miss::Quality);
    assert_eq!(
        (ledger.lines()[0].calls_made, ledger.lines()[0].spent),
        (2, cents(6))
    );
}

#[tokio::test(start_paused = true)]
async fn if_no_answer_is_good_enough_the_caller_gets_the_last_and_is_told() {
    let rig = Rig::new(&two().quality_gate(MinLength(100)).build().unwrap(), ok);
    let answer = rig.get().await;
    assert_eq!(&*answer.body, b"dear");
    assert!(!answer.decision.unwrap().accepted);
}

#[tokio::test(start_paused = true)]
async fn quality_is_learnt_from_what_is_judged() {
    let layer = CostRouteLayer::builder([provider("cheap", 1), provider("dear", 2)])
        .explore(false)
        .filters(Filters::new().min_quality(0.6))
        .quality_gate(|_: &_, _: &_, body: &[u8]| {
            QualityVerdict::accept(if body == b"cheap" { 0.1 } else { 1.0 })
        })
        .build()
        .unwrap();
    let rig = Rig::new(&layer, ok);
    for _ in 0..10 {
        rig.get().await;
    }
    assert_eq!(rig.get().await.from(), "dear");
}

#[tokio::test(start_paused = true)]
async fn a_stream_passes_the_gate_as_it_comes() {
    for kind in ["text/event-stream", "application/x-ndjson"] {
        let shut = Gate::new();
        let layer = two().quality_gate(MinLength(100)).build().unwrap();
        let rig = Rig::new(&layer, move |_| {
            let body = ScriptedBody::new().data("data: a\n\n").gate(&shut);
            let response = Response::builder().header("content-type", kind);
            Reply::respond(response.body(body).unwrap())
        });
        let response = rig.open(get()).await.expect("an answer");
        let frame = response.into_body().frame().await.expect("an event");
        assert_eq!(frame.unwrap().into_data().unwrap(), "data: a\n\n");
        assert_eq!(rig.asked(), ["cheap"], "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_learnt_from_a_quality_out_of_its_range() {
    for quality in [7.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
        let layer = CostRouteLayer::builder([provider("a", 1).quality(0.5)])
            .quality_gate(move |_: &_, _: &_, _: &[u8]| QualityVerdict::accept(quality))
            .build()
            .unwrap();
        let rig = Rig::new(&layer, |_| ok("fine"));
        assert_eq!(rig.get().await.status, StatusCode::OK);
        assert_eq!(layer.figures().json()["providers"][0]["quality"], 0.5);
    }
}
