//! Answers that are not read to their end, or say only a part.

use scrimp_testkit::Gate;

use super::*;

/// Returns what a call costs whose caller reads the first data of an answer, and leaves.
async fn cut(provider: Provider, data: &str) -> Money {
    let ledger = Ledger::new();
    let layer = CostRouteLayer::builder([provider]).ledger(ledger.clone());
    let (data, gate) = (data.to_owned(), Gate::new());
    let rig = Rig::new(&layer.build().unwrap(), {
        let gate = gate.clone();
        move |_| {
            let body = ScriptedBody::new().data(data.clone()).gate(&gate).data("");
            let mut response = Response::new(body);
            let kind = "text/event-stream".parse().unwrap();
            response.headers_mut().insert("content-type", kind);
            Reply::respond(response)
        }
    });
    let mut body = rig
        .open(post("{\"model\":\"m\"}"))
        .await
        .unwrap()
        .into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    ledger.totals().spent.get(Currency::USD)
}

/// Returns an event with this text of an answer, which says why it ends, if it does.
fn event(text: &str, usage: &str, end: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":{end}}}]{usage}}}\n\n"
    )
}

#[tokio::test(start_paused = true)]
async fn a_cut_answer_that_has_told_all_costs_that_and_another_one_what_was_seen() {
    let text = "word ".repeat(80);
    let told = ",\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":1}";
    let whole = event(&text, "", "null") + &event("", told, "\"stop\"");
    assert_eq!(cut(llm(), &whole).await, money("0.00101"));

    // A count says nothing of the text after it.
    let after = event("", told, "null") + &event(&text, "", "null");
    let cost = cut(llm(), &after).await;
    assert!(cost > money("0.0015") && cost < money("0.0025"), "{cost}");
}

#[tokio::test(start_paused = true)]
async fn thoughts_of_a_cut_answer_are_no_text_besides() {
    let half = "word ".repeat(40);
    let text =
        |name: &str| format!("data: {{\"choices\":[{{\"delta\":{{\"{name}\":\"{half}\"}}}}]}}\n\n");
    let answer = cut(llm(), &(text("content") + &text("content"))).await;
    let thoughts = cut(llm(), &(text("reasoning_content") + &text("content"))).await;
    let apart = thoughts.as_f64() / answer.as_f64();
    assert!(
        (0.9..1.1).contains(&apart),
        "both have one price: {thoughts} beside {answer}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_is_paid_only_if_it_says_that_tokens_were_used() {
    for (code, answer, dollars) in [
        (501, "not here", "0"),
        (
            501,
            "{\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}}",
            "0",
        ),
        (
            500,
            "{\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":5}}",
            "0.00005",
        ),
        (
            500,
            "{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":0}}",
            "0.000007",
        ),
        (
            429,
            "{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}}",
            "0",
        ),
    ] {
        let ledger = Ledger::new();
        let layer = CostRouteLayer::builder([llm()])
            .attempts(1)
            .ledger(ledger.clone());
        let rig = Rig::new(&layer.build().unwrap(), move |_| {
            let mut response = Response::new(ScriptedBody::new().data(answer));
            *response.status_mut() = StatusCode::from_u16(code).unwrap();
            Reply::respond(response)
        });
        rig.send(post("{\"model\":\"m\"}")).await;
        let spent = ledger.totals().spent.get(Currency::USD);
        assert_eq!(spent, money(dollars), "{code} {answer}");
    }
}
