//! Answers that are not read to their end, or say only a part.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

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

/// A call of [`costs`].
#[derive(Clone)]
struct Play {
    data: String,
    /// Time before the first data.
    silence: Duration,
    /// True if the caller reads no further than the first data; false if it reads to the end.
    is_cut: bool,
}

impl Play {
    fn whole(data: impl Into<String>) -> Self {
        Self {
            data: data.into(),
            silence: Duration::ZERO,
            is_cut: false,
        }
    }

    fn cut(data: impl Into<String>) -> Self {
        Self {
            is_cut: true,
            ..Self::whole(data)
        }
    }
}

/// Makes calls one after the other, and returns what the last one costs.
async fn costs(provider: Provider, plays: Vec<Play>) -> f64 {
    let ledger = Ledger::new();
    let layer = CostRouteLayer::builder([provider])
        .ledger(ledger.clone())
        .drain(0.0)
        .build()
        .unwrap();
    let (gate, next) = (Gate::new(), AtomicUsize::new(0));
    let answers = plays.clone();
    let rig = Rig::new(&layer, move |_| {
        let play = &answers[next.fetch_add(1, Relaxed)];
        let mut body = ScriptedBody::new()
            .delay(play.silence)
            .data(play.data.clone());
        if play.is_cut {
            body = body.gate(&gate).data("");
        }
        let mut response = Response::new(body);
        let kind = "text/event-stream".parse().unwrap();
        response.headers_mut().insert("content-type", kind);
        Reply::respond(response)
    });
    let mut before = Money::ZERO;
    for play in &plays {
        before = ledger.totals().spent.get(Currency::USD);
        let response = rig.open(post("{\"model\":\"m\"}")).await.unwrap();
        let mut body = response.into_body();
        if !play.is_cut {
            body.collect().await.unwrap();
        } else if play.data.is_empty() {
            // Its caller leaves before any data.
            tokio::time::advance(play.silence).await;
        } else {
            body.frame().await.unwrap().unwrap();
        }
    }
    let spent = ledger.totals().spent.get(Currency::USD);
    spent.as_f64() - before.as_f64()
}

/// Returns the events of a whole answer of twenty words, with these tokens, of which some are thoughts.
fn told(tokens: u32, thoughts: u32) -> String {
    let usage = format!(
        ",\"usage\":{{\"prompt_tokens\":100,\"completion_tokens\":{tokens},\
         \"completion_tokens_details\":{{\"reasoning_tokens\":{thoughts}}}}}"
    );
    words() + &event("", &usage, "\"stop\"")
}

fn words() -> String {
    event(&"word ".repeat(20), "", "null")
}

#[tokio::test(start_paused = true)]
async fn thoughts_that_are_not_shown_are_billed_once_in_a_cut_answer() {
    let mut plays = vec![Play::whole(told(70, 50)); 40];
    plays.push(Play::cut(words()));
    let cost = costs(llm(), plays).await;
    assert!((0.000_6..0.001).contains(&cost), "{cost}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_provider_thinks_as_long_as_its_caller_waits() {
    let second = Duration::from_secs(1);
    let thinking = Play {
        silence: second,
        ..Play::whole(told(70, 50))
    };
    let mut plays = vec![thinking; 40];
    plays.push(Play {
        silence: 4 * second,
        ..Play::cut("")
    });
    let cost = costs(llm(), plays).await;
    assert!((0.001_8..0.002_5).contains(&cost), "200 tokens: {cost}");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_goes_on_bills_the_rest_of_a_usual_answer() {
    let cost = |to_end: bool| {
        let mut plays = vec![Play::whole(told(100, 0)); 40];
        plays.push(Play::cut(event("word ", "", "null")));
        costs(llm().bills_to_end(to_end), plays)
    };
    let (to_end, cut) = (cost(true).await, cost(false).await);
    assert!(cut < 0.000_3, "{cut}");
    assert!((0.000_9..0.001_3).contains(&to_end), "{to_end}");
}

#[tokio::test(start_paused = true)]
async fn a_cut_answer_that_has_told_all_teaches_as_a_whole_one_does() {
    let [taught, untaught] = [40, 0].map(|count| {
        let mut plays = vec![Play::cut(told(200, 0)); count];
        plays.push(Play::cut(words()));
        costs(llm(), plays)
    });
    let (taught, untaught) = (taught.await, untaught.await);
    assert!(untaught < 0.000_5, "{untaught}");
    assert!(
        (0.001_9..0.002_3).contains(&taught),
        "ten tokens a word: {taught}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cut_answer_with_a_running_count_does_not_teach_how_long_answers_are() {
    let usage = |tokens: u32| {
        format!(",\"usage\":{{\"prompt_tokens\":100,\"completion_tokens\":{tokens}}}")
    };
    let short = event("word word word word word", "", "null") + &event("", &usage(5), "null");
    let mut plays = vec![Play::whole(told(100, 0)); 40];
    plays.extend(vec![Play::cut(short); 120]);
    plays.push(Play::cut(event("w", "", "null")));
    let cost = costs(llm().bills_to_end(true), plays).await;
    assert!(cost > 0.000_8, "a usual answer has 100 tokens: {cost}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_has_told_one_side_is_read_on_for_the_other() {
    let ledger = Ledger::new();
    let layer = CostRouteLayer::builder([llm()]).ledger(ledger.clone());
    let layer = layer.build().unwrap();
    let gate = Gate::new();
    let rig = Rig::new(&layer, {
        let gate = gate.clone();
        let usage = |sides: &str| format!(",\"usage\":{{{sides}}}");
        move |_| {
            let first = words() + &event("", &usage("\"completion_tokens\":70"), "\"stop\"");
            let all = usage("\"prompt_tokens\":1000,\"completion_tokens\":70");
            let body = ScriptedBody::new().data(first).gate(&gate);
            let mut response = Response::new(body.data(event("", &all, "null")));
            let kind = "text/event-stream".parse().unwrap();
            response.headers_mut().insert("content-type", kind);
            Reply::respond(response)
        }
    });
    let response = rig.open(post("{\"model\":\"m\"}")).await.unwrap();
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    gate.open();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(layer.stats().drained, 1);
    assert_eq!(ledger.totals().spent.get(Currency::USD), money("0.0017"));
}
