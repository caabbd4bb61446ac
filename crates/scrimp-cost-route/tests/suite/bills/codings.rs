//! Answers in a content coding.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::Response;
use scrimp_testkit::{Reply, ScriptedBody};

use super::*;

fn gzip(text: &str) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap().into()
}

fn coded(text: &str) -> Reply {
    // Cut in two, as it comes over a network.
    let body = gzip(text);
    let (head, tail) = (body.slice(..body.len() / 2), body.slice(body.len() / 2..));
    let mut response = Response::new(ScriptedBody::new().data(head).data(tail));
    let fields = response.headers_mut();
    fields.insert("content-encoding", "gzip".parse().unwrap());
    fields.insert("content-type", "application/json".parse().unwrap());
    Reply::respond(response)
}

#[tokio::test(start_paused = true)]
async fn answers_in_a_content_coding_are_judged_and_paid_by_what_they_say() {
    let answer = r#"{"text":"good","usage":{"prompt_tokens":1000,"completion_tokens":100}}"#;
    let ledger = Ledger::new();
    let layer = CostRouteLayer::builder([llm()])
        .quality_gate(
            |_: &http::request::Parts, head: &http::response::Parts, body: &[u8]| {
                let is_plain = !head.headers.contains_key("content-encoding");
                if is_plain && body.starts_with(b"{\"text\":\"good\"") {
                    QualityVerdict::accept(1.0)
                } else {
                    QualityVerdict::reject(0.0)
                }
            },
        )
        .ledger(ledger.clone())
        .build()
        .unwrap();
    let rig = Rig::new(&layer, move |_| coded(answer));
    let mut request = post("{}");
    let accepts = "gzip, br".parse().unwrap();
    request.headers_mut().insert("accept-encoding", accepts);
    let got = rig.send(request).await;
    assert!(got.decision.as_ref().unwrap().accepted);
    assert_eq!(
        got.body,
        gzip(answer),
        "the caller gets the bytes as they came"
    );
    assert_eq!(ledger.totals().spent.get(Currency::USD), money("0.002"));
    let asked = &rig.upstream.requests()[0].headers["accept-encoding"];
    assert_eq!(asked, "identity");
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_not_read_here_keep_their_content_coding() {
    let layer = CostRouteLayer::builder([provider("a", 1)]).build().unwrap();
    let rig = Rig::new(&layer, |_| ok("fine"));
    let mut request = get();
    request
        .headers_mut()
        .insert("accept-encoding", "gzip".parse().unwrap());
    rig.send(request).await;
    assert_eq!(
        rig.upstream.requests()[0].headers["accept-encoding"],
        "gzip"
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_an_unknown_coding_is_estimated_by_its_size() {
    let ledger = Ledger::new();
    let layer = CostRouteLayer::builder([llm()]).ledger(ledger.clone());
    let rig = Rig::new(&layer.build().unwrap(), |_| {
        let mut response = Response::new(ScriptedBody::new().data(vec![b'x'; 400]));
        let fields = response.headers_mut();
        fields.insert("content-encoding", "dcz".parse().unwrap());
        Reply::respond(response)
    });
    rig.send(post("1234")).await;
    assert_eq!(ledger.totals().spent.get(Currency::USD), money("0.001001"));
}
