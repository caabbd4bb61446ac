//! Every way in which the two are known to disagree.
//!
//! A class is a rewriting: it says in words the oracle understands what a history means.
//! With all of them applied the oracle has to come to the layer's own decisions, for every
//! history: so a class can neither hide another disagreement nor outlive its reason.

mod directives;
mod fields;
mod messages;
mod reuse;
mod storing;

use crate::history::{Directive, History};

pub struct Class {
    pub name: &'static str,
    /// What decides.
    pub section: &'static str,
    /// Who is right, and why.
    pub verdict: &'static str,
    pub rewrite: fn(&mut History),
}

/// All of them, in the order in which they have to be applied.
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

/// Every Cache-Control, and whether it is a response's.
fn each_control(history: &mut History, change: impl Fn(&mut Vec<Directive>, bool)) {
    change(&mut history.first.control, false);
    change(&mut history.response.control, true);
    for (_, asking) in &mut history.later {
        change(&mut asking.control, false);
    }
}
