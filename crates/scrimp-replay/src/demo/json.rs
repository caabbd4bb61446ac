//! The outcome as JSON.

use serde_json::{Value as Json, json};

use super::{
    outcome::{Line, Outcome, Scenario},
    value::{Goal, Value},
};

// === impl Outcome ===

impl Outcome {
    /// Returns the outcome as one JSON object.
    ///
    /// | field | what it is |
    /// |---|---|
    /// | `seed` | seed of all traffic |
    /// | `one_in` | one part in this number of the traffic was generated |
    /// | `elapsed_seconds` | real time of the run |
    /// | `wrong` | required goals that were not met: `scenario: line` |
    /// | `scenarios`, `failures` | a list each of `name`, `traffic`, `notes` and `lines` |
    /// | `lines` | `what` was measured, its `unit` (`count`, `share` of 1, `money` in dollars, `seconds`), `without` the layers and `with` them; `goal` (a number or `null`) and its comparison `meant`: `at least`, `at most`, `exactly`; `met` (or `null`); `must`: a goal that is not met is an error |
    #[must_use]
    pub fn to_json(&self) -> Json {
        json!({
            "seed": self.seed,
            "one_in": self.one_in,
            "elapsed_seconds": self.elapsed.as_secs_f64(),
            "wrong": self.wrong(),
            "scenarios": self.scenarios.iter().map(scenario).collect::<Vec<_>>(),
            "failures": self.failures.iter().map(scenario).collect::<Vec<_>>(),
        })
    }
}

fn scenario(scenario: &Scenario) -> Json {
    json!({
        "name": scenario.name,
        "traffic": scenario.traffic,
        "lines": scenario.lines.iter().map(line).collect::<Vec<_>>(),
        "notes": scenario.notes,
    })
}

fn line(line: &Line) -> Json {
    json!({
        "what": line.what,
        "unit": line.with.unit(),
        "without": line.without.map(Value::to_json),
        "with": line.with.to_json(),
        "goal": line.goal.map(|goal| goal.value().to_json()),
        "meant": line.goal.map(Goal::word),
        "met": line.is_met(),
        "must": line.must,
    })
}
