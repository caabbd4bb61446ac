//! The outcome for machines.

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::{
    outcome::{Line, Outcome, Scenario},
    value::{Goal, Value},
};

#[derive(Serialize)]
struct OutcomeJson<'a> {
    seed: u64,
    one_in: u64,
    elapsed_seconds: f64,
    wrong: Vec<String>,
    scenarios: &'a [Scenario],
    failures: &'a [Scenario],
}

#[derive(Serialize)]
struct LineJson<'a> {
    what: &'a str,
    unit: &'static str,
    without: Option<Value>,
    with: Value,
    goal: Option<Value>,
    meant: Option<&'static str>,
    met: Option<bool>,
    must: bool,
}

// === impl Outcome ===

impl Outcome {
    /// Returns the outcome as one JSON object, as [`Serialize`] writes it.
    ///
    /// | field | what it is |
    /// |---|---|
    /// | `seed` | of all traffic |
    /// | `one_in` | one part in that many of the traffic was made |
    /// | `elapsed_seconds` | real time it took |
    /// | `wrong` | what must never be and was: `scenario: line` |
    /// | `scenarios`, `failures` | a list each of `name`, `traffic`, `notes` and `lines` |
    /// | `lines` | `what` was measured, its `unit` (`count`, `share` of 1, `money` in dollars, `seconds`), `without` the layers and `with` them; `goal` (a number or `null`) and how it is meant: `at least`, `at most`, `exactly`; `met` (or `null`); `must`: whether missing it is an error |
    #[must_use]
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("maps with text for keys and finite numbers")
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let outcome = OutcomeJson {
            seed: self.seed,
            one_in: self.one_in,
            elapsed_seconds: self.elapsed.as_secs_f64(),
            wrong: self.wrong(),
            scenarios: &self.scenarios,
            failures: &self.failures,
        };
        outcome.serialize(serializer)
    }
}

// === impl Line ===

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let line = LineJson {
            what: &self.what,
            unit: self.with.unit(),
            without: self.without,
            with: self.with,
            goal: self.goal.map(Goal::value),
            meant: self.goal.map(Goal::word),
            met: self.is_met(),
            must: self.must,
        };
        line.serialize(serializer)
    }
}
