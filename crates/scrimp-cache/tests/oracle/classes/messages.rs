//! Messages that the oracle does not support: other methods, fields and responses.

use super::Class;
use crate::history::{Spelling, Verb};

pub const CLASSES: &[Class] = &[
    Class {
        name: "TARGETED_FIELD",
        section: "RFC 9213 §2.2",
        verdict: "ours; the oracle does not know it. If it is well formed, it stands in the place of Cache-Control and Expires",
        rewrite: |history| {
            let response = &mut history.response;
            let targeted = std::mem::take(&mut response.targeted);
            let valid = targeted.iter().all(|d| d.spelling == Spelling::Lower);
            if valid && !targeted.is_empty() {
                response.control = targeted;
                response.expires.clear();
            }
        },
    },
    Class {
        name: "HEAD",
        section: "RFC 9110 §9.3.2, RFC 9111 §4.3.5",
        verdict: "ours: what is stored for GET answers HEAD too, and a HEAD goes out as it is, as its answer updates what is stored by itself; the oracle always asks, with a condition",
        rewrite: |history| {
            for (_, asking) in &mut history.later {
                if asking.verb == Verb::Head {
                    asking.verb = Verb::GetOrAsk;
                }
            }
        },
    },
    Class {
        name: "CONFIRMED_LINES",
        section: "RFC 9111 §3.2",
        verdict: "ours: a 304 replaces all lines of a field by all of its own; the oracle keeps one of either",
        rewrite: |history| {
            for directive in &mut history.response.control {
                directive.new_line = false;
            }
        },
    },
    Class {
        name: "CONFIRMED_IS_NEW",
        section: "RFC 9111 §4.3.4, §4.2.3",
        verdict: "ours: a 304 without Age is as old as its Date says; the oracle keeps the Age of the answer before",
        rewrite: |history| {
            for (_, asking) in &mut history.later {
                if let Some(confirmed) = &mut asking.confirmed {
                    confirmed.age = true;
                }
            }
        },
    },
];
