//! The reading of directives.

use scrimp_cache::Mode;
use scrimp_http::list::is_token;

use super::{Class, each_control};
use crate::{
    history::{Argument, Spelling, When, has},
    rewrite::{duplicates, invalid_numbers, quoted},
};

pub const CLASSES: &[Class] = &[
    Class {
        name: "MALFORMED_MEMBER",
        section: "RFC 9111 §4.2.2, §5.2",
        verdict: "ours, the careful one: a member that is not `token[=value]` may have been one that forbids, so no lifetime is guessed; the oracle guesses",
        rewrite: |history| {
            let response = &mut history.response;
            let malformed = |argument: &Argument| match argument {
                Argument::Text(text) => !text.starts_with('"') && !is_token(text.as_bytes()),
                Argument::None | Argument::Number(_) => false,
            };
            if response.control.iter().any(|d| malformed(&d.argument)) {
                // There is no basis for a heuristic: it was modified when it was made.
                let made = response.date.first().and_then(|date| date.seconds());
                for when in &mut response.last_modified {
                    if when.seconds().is_some() {
                        *when = When::Fixdate(made.unwrap_or(0));
                    }
                }
                let explicit = has(&response.control, "max-age")
                    || history.mode == Mode::Shared && has(&response.control, "s-maxage")
                    || !response.expires.is_empty();
                // The same holds on confirmation, with a later Date.
                for (_, asking) in history.later.iter_mut().filter(|_| !explicit) {
                    asking.confirmed = None;
                }
            }
        },
    },
    Class {
        name: "CASE_INSENSITIVE_DIRECTIVES",
        section: "RFC 9111 §5.2",
        verdict: "ours: directive names are case-insensitive; the oracle knows lower case only",
        rewrite: |history| {
            each_control(history, |control, _| {
                control
                    .iter_mut()
                    .for_each(|d| d.spelling = Spelling::Lower);
            });
        },
    },
    Class {
        name: "QUALIFIED_DIRECTIVES",
        section: "RFC 9111 §5.2.2.4, §5.2.2.7",
        verdict: "ours: `private=\"field\"` is about that field; taking it for the whole, as the oracle does, is allowed",
        rewrite: |history| {
            history
                .response
                .control
                .retain(|d| d.argument != Argument::Text("\"x-field\""));
        },
    },
    Class {
        name: "QUOTED_ARGUMENTS",
        section: "RFC 9111 §5.2",
        verdict: "ours: both forms are to be accepted; the oracle strips quotes, but finds `\"60\"` unequal to itself when it is repeated",
        rewrite: |history| each_control(history, |control, _| quoted(control)),
    },
    Class {
        name: "INVALID_NUMBERS",
        section: "RFC 9111 §1.2.2, §4.2.1",
        verdict: "ours: invalid freshness means stale and what is too large means 2³¹; the oracle looks past a lifetime without a value, reads `max-stale=x` as unlimited, and too large as 0",
        rewrite: |history| each_control(history, invalid_numbers),
    },
    Class {
        name: "REPEATED_DIRECTIVES",
        section: "RFC 9111 §4.2.1",
        verdict: "either: the first or stale; ours takes the shorter, the oracle the first and adds must-revalidate",
        rewrite: |history| each_control(history, |control, _| duplicates(control)),
    },
    Class {
        name: "PRAGMA",
        section: "RFC 9111 §5.4",
        verdict: "ours: deprecated; the oracle obeys it, in requests even against Cache-Control",
        rewrite: |history| {
            history.first.pragma = false;
            history.response.pragma = false;
            history
                .later
                .iter_mut()
                .for_each(|(_, asking)| asking.pragma = false);
        },
    },
];
