//! The price table's loader against LiteLLM's own calculator.
//!
//! `scripts/prices.sh` installs the wheel, asks its calculator, and runs this.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, UNIX_EPOCH},
};

use scrimp_cost_route::{
    Price, TokenClass, Usage,
    litellm::{LeftOut, PriceTable, ServiceTier},
};
use serde::Deserialize;
use serde_json::Value;

/// The output of `tests/prices/costs.py`.
#[derive(Deserialize)]
struct Answers {
    table: String,
    vectors: Vec<[u64; 8]>,
    unix: f64,
    costs: HashMap<String, BTreeMap<String, Vec<[Value; 2]>>>,
}

const CLASSES: [TokenClass; 8] = [
    TokenClass::Input,
    TokenClass::CacheRead,
    TokenClass::CacheWrite,
    TokenClass::InputAudio,
    TokenClass::Output,
    TokenClass::Reasoning,
    TokenClass::OutputAudio,
    TokenClass::InputImage,
];

fn usage(vector: [u64; 8]) -> Usage {
    let classes = CLASSES.into_iter().zip(vector);
    classes.fold(Usage::default(), |usage, (class, n)| usage.with(class, n))
}

/// Compares floats of fifteen digits. The amounts here are at most a few dollars.
fn equal(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1e-9) + 1e-12
}

#[test]
#[ignore = "needs LiteLLM's answers: scripts/prices.sh"]
fn every_token_priced_row_costs_what_litellms_own_calculator_says() {
    let path = std::env::var("SCRIMP_LITELLM_ANSWERS").expect("scripts/prices.sh sets it");
    let answers: Answers = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let json = std::fs::read(&answers.table).unwrap();
    let now = UNIX_EPOCH + Duration::from_secs_f64(answers.unix);
    let mut report = Report::default();
    for (name, tier) in [
        ("standard", ServiceTier::Standard),
        ("flex", ServiceTier::Flex),
        ("priority", ServiceTier::Priority),
    ] {
        let table = PriceTable::parse(&json, tier).unwrap();
        for (model, reason) in table.left_out() {
            report.left_out(name, model, reason);
        }
        for (model, price) in table.priced() {
            let theirs = &answers.costs[name][model];
            for (vector, theirs) in answers.vectors.iter().zip(theirs) {
                let ours = price
                    .cost(&usage(*vector), now, 0)
                    .map(scrimp_core::Money::as_f64);
                report.compare(&format!("{name} {model} {vector:?}"), price, ours, theirs);
            }
        }
    }
    report.finish();
}

#[derive(Default)]
struct Report {
    by_name: usize,
    by_row: BTreeMap<String, usize>,
    differ: Vec<String>,
    unpriced: BTreeMap<String, usize>,
    reasons: BTreeMap<String, usize>,
}

impl Report {
    fn left_out(&mut self, tier: &str, model: &str, reason: &LeftOut) {
        if tier == "standard" {
            println!("left out: {model}: {reason}");
            let kind = format!("{reason:?}");
            let kind = kind.split('(').next().unwrap_or_default().to_owned();
            *self.reasons.entry(kind).or_default() += 1;
        }
    }

    /// Compares two costs. `theirs` holds the cost by name, then the cost by row.
    fn compare(&mut self, what: &str, price: &Price, ours: Option<f64>, theirs: &[Value; 2]) {
        let model = what.split(' ').nth(1).unwrap_or_default().to_owned();
        let [by_name, by_row] = [theirs[0].as_f64(), theirs[1].as_f64()];
        let is = |theirs: Option<f64>| ours.zip(theirs).is_some_and(|(a, b)| equal(a, b));
        if ours.is_none() {
            *self.unpriced.entry(model).or_default() += 1;
        } else if is(by_name) {
            self.by_name += 1;
        } else if is(by_row) {
            *self.by_row.entry(model).or_default() += 1;
        } else {
            self.differ
                .push(format!("{what}: {ours:?} and not {theirs:?} by {price:?}"));
        }
    }

    fn finish(&self) {
        for (model, vectors) in &self.unpriced {
            println!("unknown here, as a price is missing: {model}, {vectors} usages");
        }
        for (model, vectors) in &self.by_row {
            println!("as LiteLLM prices the row, not the name: {model}, {vectors} usages");
        }
        println!("left out, by reason: {:?}", self.reasons);
        let by_row: usize = self.by_row.values().sum();
        println!(
            "{} costs equal by name, {by_row} by row, {} differ; {} models with a price missing",
            self.by_name,
            self.differ.len(),
            self.unpriced.len(),
        );
        let some: Vec<_> = self.differ.iter().take(40).collect();
        assert!(self.differ.is_empty(), "{some:#?}");
        assert!(
            self.by_name > 50_000,
            "too few to be the table: {}",
            self.by_name
        );
    }
}
