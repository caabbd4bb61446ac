//! Outcome of a demonstration.

use std::time::Duration;

use scrimp_core::Money;
use serde::Serialize;

use super::value::{Goal, Value};

/// Outcome of a [`Demo`](super::Demo).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// The seed of all traffic.
    pub seed: u64,
    /// One part in this number of the traffic was generated.
    pub one_in: u64,
    /// Savings of the layers, by scenario.
    pub scenarios: Vec<Scenario>,
    /// Behaviour of the layers in failures.
    pub failures: Vec<Scenario>,
    /// Real time of the whole run.
    pub elapsed: Duration,
}

/// One scenario: its traffic, its measurements, and notes.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Scenario {
    /// A short name.
    pub name: &'static str,
    /// The traffic, in one sentence.
    pub traffic: String,
    /// The measurements.
    pub lines: Vec<Line>,
    /// Notes of one or two sentences each; the reason if a goal was not met.
    pub notes: Vec<String>,
}

/// One measurement, with and without layers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Line {
    /// Name of the measurement.
    pub what: String,
    /// Value without layers, if that has a meaning.
    pub without: Option<Value>,
    /// Value with them.
    pub with: Value,
    /// Goal, if one was set beforehand.
    pub goal: Option<Goal>,
    /// A goal that is not met is an error, rather than lower savings.
    pub must: bool,
}

// === impl Outcome ===

impl Outcome {
    /// Returns all required goals that are not met: `scenario: line`. Savings below their goal are
    /// not among them.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        let all = self.scenarios.iter().chain(&self.failures);
        all.flat_map(|scenario| {
            let wrong = scenario.lines.iter().filter(|line| line.is_wrong());
            wrong.map(|line| format!("{}: {}", scenario.name, line.what))
        })
        .collect()
    }
}

// === impl Scenario ===

impl Scenario {
    pub(super) fn new(name: &'static str, traffic: impl Into<String>) -> Self {
        Self {
            name,
            traffic: traffic.into(),
            lines: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn line(mut self, line: Line) -> Self {
        self.lines.push(line);
        self
    }

    pub(super) fn lines(mut self, lines: impl IntoIterator<Item = Line>) -> Self {
        self.lines.extend(lines);
        self
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Returns a line by its name.
    #[must_use]
    pub fn get(&self, what: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.what == what)
    }
}

// === impl Line ===

impl Line {
    pub(super) fn new(what: impl Into<String>, with: Value) -> Self {
        Self {
            what: what.into(),
            without: None,
            with,
            goal: None,
            must: false,
        }
    }

    pub(super) fn count(what: impl Into<String>, with: u64) -> Self {
        Self::new(what, Value::Count(with))
    }

    pub(super) fn share(what: impl Into<String>, with: f64) -> Self {
        Self::new(what, Value::Share(with))
    }

    pub(super) fn money(what: impl Into<String>, with: Money) -> Self {
        Self::new(what, Value::Money(with))
    }

    pub(super) fn time(what: impl Into<String>, with: Duration) -> Self {
        Self::new(what, Value::Time(with))
    }

    pub(super) fn without(mut self, value: Value) -> Self {
        self.without = Some(value);
        self
    }

    pub(super) fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    /// Sets a required goal.
    pub(super) fn must(mut self, goal: Goal) -> Self {
        self.must = true;
        self.goal(goal)
    }

    /// Reports whether the goal is met; `None` if there is none.
    #[must_use]
    pub fn is_met(&self) -> Option<bool> {
        Some(self.goal?.is_met_by(self.with))
    }

    /// Reports whether the goal is required and not met.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        self.must && self.is_met() == Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn savings_below_a_goal_are_reported_and_missed_required_goals_are_wrong() {
        let goal = Goal::Exactly(Value::Count(0));
        let scenario = Scenario::new("shop", "some traffic")
            .line(Line::share("saved", 0.1).goal(Goal::AtLeast(Value::Share(0.9))))
            .line(Line::count("old prices", 2).must(goal))
            .line(Line::count("lost", 0).must(goal));
        let outcome = Outcome {
            seed: 1,
            one_in: 1,
            scenarios: vec![scenario],
            failures: Vec::new(),
            elapsed: Duration::ZERO,
        };
        assert_eq!(outcome.wrong(), ["shop: old prices"]);
        let table = outcome.table(false).to_string();
        assert!(
            table.contains("not met") && table.contains("WRONG"),
            "{table}"
        );
    }
}
