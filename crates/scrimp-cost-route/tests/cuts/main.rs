//! Bills of streams whose callers leave half-way, over all answers and for each model.

mod corpus;
mod drains;
mod forms;
mod play;

use corpus::{Corpus, Lengths};
use forms::Form;
use play::{Bills, Plan, play};

/// Returns the number of streams of each form that are cut: 2,000 in the long form of the test.
fn cuts() -> usize {
    let cuts = std::env::var("SCRIMP_CUTS").ok();
    cuts.map_or(200, |cuts| cuts.parse().expect("a number"))
}

/// Most that bills may be off, in parts in a hundred: those of all streams together, those of each form, and the
/// tokens of the answers of each. The fewer, the less single streams are made up for by others.
fn bounds() -> [f64; 3] {
    if cuts() >= 2_000 {
        [1.0, 1.0, 2.0]
    } else {
        [2.0, 4.0, 8.0]
    }
}

/// Bills of cut streams of each form. `None` if the traces are absent.
fn bills(plan: Plan) -> Option<Vec<(Form, Bills)>> {
    let Some(lengths) = corpus::lengths() else {
        println!("the shared traces are absent: nothing is measured");
        return None;
    };
    let each = Form::ALL.into_iter().map(|form| {
        let tokenizer = match form {
            Form::OpenAi | Form::Thinking => tiktoken_rs::o200k_base_singleton(),
            // Those of others are not public: these stand for them.
            Form::Anthropic | Form::Compatible => tiktoken_rs::cl100k_base_singleton(),
            Form::Gemini => tiktoken_rs::r50k_base_singleton(),
        };
        let texts = Corpus::all(tokenizer);
        (form, play(form, &plan, &texts, &lengths))
    });
    Some(each.collect())
}

#[track_caller]
fn check(name: &str, bills: &[(Form, Bills)], [all, each, answers]: [f64; 3]) {
    let mut sum = Bills::default();
    for (form, bills) in bills {
        println!("{name}: {form:?}: {bills}");
        sum.add(bills);
    }
    println!("{name}: all: {sum}");
    for (form, bills) in bills {
        assert!(bills.error().abs() <= each, "{form:?}: {bills}");
        assert!(
            bills.error_of_answers().abs() <= answers,
            "{form:?}: {bills}"
        );
    }
    assert!(sum.error().abs() <= all, "{sum}");
    assert!(sum.error_of_answers().abs() <= answers / 2.0, "{sum}");
}

#[test]
fn cut_streams_are_billed_truly() {
    let plan = Plan::default();
    if let Some(bills) = bills(plan) {
        check("drained where it pays", &bills, bounds());
    }
}

#[test]
fn streams_that_are_not_read_on_are_billed_truly_too() {
    let plan = Plan {
        drain: 0.0,
        ..Plan::default()
    };
    if let Some(bills) = bills(plan) {
        check("never drained", &bills, bounds());
    }
}

#[test]
fn providers_that_bill_to_the_end_are_billed_so() {
    let plan = Plan {
        bills_to_end: true,
        ..Plan::default()
    };
    if let Some(bills) = bills(plan) {
        check("billed to the end", &bills, [0.01; 3]);
    }
}
