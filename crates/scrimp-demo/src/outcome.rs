//! What came of a demonstration.

use std::time::Duration;

use scrimp_core::Money;
use serde::Serialize;

use super::value::{Goal, Value};

/// What came of a [`Demo`](super::Demo).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// The seed of all traffic.
    pub seed: u64,
    /// One part in so many of the traffic was made.
    pub one_in: u64,
    /// What layers save, scenario by scenario.
    pub scenarios: Vec<Scenario>,
    /// What they do when something goes wrong.
    pub failures: Vec<Scenario>,
    /// How long it all took, in real time.
    pub elapsed: Duration,
}

/// One scenario: its traffic, what was measured, and what to know about it.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Scenario {
    /// A word or two.
    pub name: &'static str,
    /// The traffic, in one sentence.
    pub traffic: String,
    /// What was measured.
    pub lines: Vec<Line>,
    /// What to know about it, a sentence or two each; why a goal was not met, if one was not.
    pub notes: Vec<String>,
}

/// One thing measured, without layers and with them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Line {
    /// What it is.
    pub what: String,
    /// Without layers, where that means anything.
    pub without: Option<Value>,
    /// With them.
    pub with: Value,
    /// What it should be, if that was said beforehand.
    pub goal: Option<Goal>,
    /// Whether missing the goal is an error, rather than less saved than hoped for.
    pub must: bool,
}

// === impl Outcome ===

impl Outcome {
    /// Everything that is wrong: `scenario: line`. Savings below their goal are not.
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

    /// A line, by what it is.
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

    /// What it has to be, or something is wrong.
    pub(super) fn must(mut self, goal: Goal) -> Self {
        self.must = true;
        self.goal(goal)
    }

    /// Whether its goal is met; `None` if it has none.
    #[must_use]
    pub fn is_met(&self) -> Option<bool> {
        Some(self.goal?.is_met_by(self.with))
    }

    /// Whether it has to be met, and is not.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        self.must && self.is_met() == Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn savings_below_a_goal_are_told_and_broken_promises_are_wrong() {
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
