//! All known differences between the two.
//!
//! A class is a rewriting: it expresses the meaning of a history in terms that the oracle
//! supports. With all classes applied, the oracle must reach the layer's own decisions for every
//! history: so a class can neither hide another difference nor outlive its reason.

mod directives;
mod fields;
mod messages;
mod reuse;
mod storing;

use crate::history::{Directive, History};

pub struct Class {
    pub name: &'static str,
    /// The section that decides.
    pub section: &'static str,
    /// The side that is right, and the reason.
    pub verdict: &'static str,
    pub rewrite: fn(&mut History),
}

/// Iterates over all classes, in the order in which they are applied.
pub fn classes() -> impl Iterator<Item = &'static Class> {
    [
        messages::CLASSES,
        directives::CLASSES,
        storing::CLASSES,
        fields::CLASSES,
        reuse::CLASSES,
    ]
    .into_iter()
    .flatten()
}

fn each_asking(history: &mut History, change: fn(&mut Vec<String>)) {
    change(&mut history.first.selecting);
    for (_, asking) in &mut history.later {
        change(&mut asking.selecting);
    }
}

/// Applies a change to every Cache-Control, with a flag for a response's.
fn each_control(history: &mut History, change: impl Fn(&mut Vec<Directive>, bool)) {
    change(&mut history.first.control, false);
    change(&mut history.response.control, true);
    for (_, asking) in &mut history.later {
        change(&mut asking.control, false);
    }
}
