//! Every way in which the two are known to disagree.
//!
//! A class is a rewriting: it says in words the oracle understands what a history means.
//! With all of them applied the oracle has to come to the layer's own decisions, for every
//! history: so a class can neither hide another disagreement nor outlive its reason.

use scrimp_cache::Mode;

use super::{
    history::{Answering, Argument, Directive, History, Spelling, When, has, remove},
    rewrite::{
        duplicates, invalid_numbers, number, quoted, selecting_lists, selecting_preferences, set,
        understood, unlimited,
    },
};

pub struct Class {
    pub name: &'static str,
    /// What decides.
    pub section: &'static str,
    /// Who is right, and why.
    pub verdict: &'static str,
    pub rewrite: fn(&mut History),
}

const DAY: i64 = 86_400;

/// In the order in which they have to be applied.
pub const CLASSES: &[Class] = &[
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
    Class {
        name: "MUST_UNDERSTAND",
        section: "RFC 9111 §5.2.2.3",
        verdict: "ours: it overrules no-store where the status is understood, and forbids storing where it is not; the oracle ignores it",
        rewrite: |history| {
            let response = &mut history.response;
            if has(&response.control, "must-understand") {
                remove(&mut response.control, "no-store");
                if !understood(response.status) {
                    response.control.push(Directive::flag("no-store"));
                }
            }
        },
    },
    Class {
        name: "STATUS_CODES",
        section: "RFC 9111 §3",
        verdict: "ours: any final status with explicit freshness is storable; the oracle has a list. To it they are all 302",
        rewrite: |history| {
            const KNOWN: [u16; 14] = [
                200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501,
            ];
            // What no cache may store (RFC 6585), and what answers a Range: 302 is neither.
            const NEVER: [u16; 7] = [206, 304, 416, 428, 429, 431, 511];
            let status = history.response.status;
            if !KNOWN.contains(&status) && !NEVER.contains(&status) {
                history.response.status = 302;
            }
        },
    },
    Class {
        name: "SET_COOKIE",
        section: "RFC 9111 §7.3",
        verdict: "neither, it is a choice: both want `public`; ours also takes s-maxage, the oracle stores and never serves",
        rewrite: |history| {
            let response = &mut history.response;
            if history.mode == Mode::Shared && response.set_cookie {
                response.set_cookie = false;
                if !has(&response.control, "public") && !has(&response.control, "s-maxage") {
                    response.control.push(Directive::flag("no-store"));
                }
            }
        },
    },
    Class {
        name: "VARY_STAR",
        section: "RFC 9111 §4.1",
        verdict: "either: what never matches need not be stored",
        rewrite: |history| {
            if history.response.vary.contains(&"*") {
                history.response.control.push(Directive::flag("no-store"));
            }
        },
    },
    Class {
        name: "VARY_FIRST_VALUE",
        section: "RFC 9111 §4.1",
        verdict: "ours: lines are joined and white space in lists does not count; the oracle compares the first line as it stands",
        rewrite: |history| each_asking(history, selecting_lists),
    },
    Class {
        name: "VARY_PREFERENCES",
        section: "RFC 9111 §4.1",
        verdict: "either: normalising what is known not to change the meaning, such as order and case in Accept-Language, is allowed",
        rewrite: |history| {
            if history.response.vary == ["accept-language"] {
                each_asking(history, selecting_preferences);
            }
        },
    },
    Class {
        name: "NOTHING_TO_KEEP_IT_FOR",
        section: "RFC 9111 §3",
        verdict: "either: the RFC allows storing what has neither lifetime nor validator, and it is of no use",
        rewrite: |history| {
            let shared = history.mode == Mode::Shared;
            let response = &mut history.response;
            let control = &response.control;
            let explicit = has(control, "max-age")
                || (shared && has(control, "s-maxage"))
                || has(control, "public")
                || has(control, "no-cache")
                || !response.expires.is_empty();
            if !explicit && response.etag.is_empty() && response.last_modified.is_empty() {
                response.control.push(Directive::flag("no-store"));
            }
        },
    },
    Class {
        name: "RFC850_DATES",
        section: "RFC 9110 §5.6.7",
        verdict: "ours: three formats are to be read; the oracle reads one",
        rewrite: |history| {
            each_date(&mut history.response, |lines| {
                for when in lines {
                    if let Some(at) = when.seconds() {
                        *when = When::Fixdate(at);
                    }
                }
            });
        },
    },
    Class {
        name: "INVALID_AGE_IS_STALE",
        section: "RFC 9111 §4.2.1, §5.1",
        verdict: "ours, the careful one: §5.1 lets an invalid Age be ignored, as the oracle does; stale is never wrong",
        rewrite: |history| {
            for age in &mut history.response.age {
                *age = match age.parse::<u64>() {
                    Ok(seconds) => seconds.min(1 << 31).to_string(),
                    Err(_) => u32::MAX.to_string(),
                };
            }
        },
    },
    Class {
        name: "REPEATED_FIELDS",
        section: "RFC 9110 §5.3, RFC 9111 §4.2.1",
        verdict: "ours: which of two is meant nobody knows, so there is no Date, Last-Modified or ETag, and Expires and Age mean stale; the oracle takes the first",
        rewrite: |history| {
            let response = &mut history.response;
            for lines in [&mut response.date, &mut response.last_modified] {
                if lines.len() > 1 {
                    lines.clear();
                }
            }
            if response.etag.len() > 1 {
                response.etag.clear();
            }
            if response.expires.len() > 1 {
                response.expires = vec![When::Text("0")];
            }
            if response.age.len() > 1 {
                response.age = vec![u32::MAX.to_string()];
            }
        },
    },
    Class {
        name: "NO_VALIDATOR",
        section: "RFC 9110 §8.8.2, §8.8.3",
        verdict: "ours: an empty ETag and a Last-Modified that is no date validate nothing; the oracle sends them",
        rewrite: |history| {
            history.response.etag.retain(|etag| !etag.is_empty());
            history
                .response
                .last_modified
                .retain(|when| when.seconds().is_some());
        },
    },
    Class {
        name: "VARY_MISS_IS_ASKED",
        section: "RFC 9111 §4.1, RFC 9110 §13.1.2",
        verdict: "ours: what no stored variant matches may be one of them, and the upstream is asked with a strong tag; the oracle fetches",
        rewrite: |history| {
            let response = &history.response;
            if response.vary.is_empty() || response.etag != ["\"a\""] {
                return;
            }
            for (_, asking) in &mut history.later {
                if asking.selecting != history.first.selecting {
                    asking.selecting.clone_from(&history.first.selecting);
                    asking.control = vec![Directive::flag("no-cache")];
                }
            }
        },
    },
    Class {
        name: "APPARENT_AGE",
        section: "RFC 9111 §4.2.3",
        verdict: "ours: a response is at least as old as its Date says; the oracle only reads Age",
        rewrite: |history| {
            let response = &mut history.response;
            let date = response.date.first().and_then(|when| when.seconds());
            let Some(apparent) = date.filter(|at| *at < 0).map(i64::unsigned_abs) else {
                return;
            };
            let reported: u64 = response
                .age
                .first()
                .map_or(0, |age| age.parse().unwrap_or(0));
            response.age = vec![apparent.max(reported).to_string()];
        },
    },
    Class {
        name: "HEURISTIC_CAP",
        section: "RFC 9111 §4.2.2",
        verdict: "ours, by choice: no guess is longer than a day; the oracle's have no limit",
        rewrite: |history| {
            let response = &mut history.response;
            let date = response.date.first().and_then(|when| when.seconds());
            let floor = date.unwrap_or(0) - 10 * DAY;
            for when in &mut response.last_modified {
                if when.seconds().is_some_and(|at| at < floor) {
                    *when = When::Fixdate(floor);
                }
            }
        },
    },
    Class {
        name: "STALE_WHILE_REVALIDATE",
        section: "RFC 5861 §3",
        verdict: "ours; the oracle does not know it. To it the request allows as much",
        rewrite: |history| {
            let Some(window) = number(&history.response.control, "stale-while-revalidate") else {
                return;
            };
            for (_, asking) in &mut history.later {
                let unlimited = unlimited(&asking.control);
                let reload = number(&asking.control, "max-age") == Some(0);
                if window == 0 || unlimited || reload {
                    continue;
                }
                // As a limit on age, `max-stale` is the client's own; see the next class.
                let own = number(&asking.control, "max-stale");
                if let (Some(limit), Some(more)) = (number(&asking.control, "max-age"), own) {
                    set(&mut asking.control, "max-age", limit + more);
                }
                let wider = own.map_or(window - 1, |own| own.max(window - 1));
                set(&mut asking.control, "max-stale", wider);
                asking.control.push(Directive::flag("x-raised"));
            }
        },
    },
    Class {
        name: "MAX_STALE_RAISES_MAX_AGE",
        section: "RFC 9111 §5.2.1.1, §5.2.1.2",
        verdict: "either, requests only advise: ours lets a client that takes 10 s of staleness have what is 10 s past its max-age",
        rewrite: |history| {
            for (_, asking) in &mut history.later {
                if has(&asking.control, "x-raised") {
                    continue;
                }
                if unlimited(&asking.control) {
                    remove(&mut asking.control, "max-age");
                } else if let (Some(limit), Some(more)) = (
                    number(&asking.control, "max-age"),
                    number(&asking.control, "max-stale"),
                ) {
                    set(&mut asking.control, "max-age", limit + more);
                }
            }
        },
    },
    Class {
        name: "IMMUTABLE",
        section: "RFC 8246 §2",
        verdict: "ours: it spares a reload, and is no lifetime; to the oracle it is one of a day",
        rewrite: |history| {
            if has(&history.response.control, "immutable") {
                remove(&mut history.response.control, "immutable");
                for (_, asking) in &mut history.later {
                    if number(&asking.control, "max-age") == Some(0) {
                        remove(&mut asking.control, "max-age");
                    }
                }
            }
        },
    },
    Class {
        name: "MAX_AGE_ZERO",
        section: "RFC 9111 §5.2.1.1",
        verdict: "either: `max-age=0` is how a reload asks for validation; the oracle serves what came in this very second",
        rewrite: |history| {
            for (_, asking) in &mut history.later {
                let zero = number(&asking.control, "max-age") == Some(0);
                if zero && !has(&asking.control, "max-stale") {
                    asking.control.push(Directive::flag("no-cache"));
                }
            }
        },
    },
    Class {
        name: "MAX_STALE_BOUNDARY",
        section: "RFC 9111 §5.2.1.2",
        verdict: "ours: `no more than` includes the limit; the oracle leaves it out",
        rewrite: |history| {
            for (_, asking) in &mut history.later {
                if let Some(limit) = number(&asking.control, "max-stale") {
                    set(&mut asking.control, "max-stale", limit + 1);
                }
            }
        },
    },
    Class {
        name: "MIN_FRESH_AND_MAX_STALE",
        section: "RFC 9111 §5.2.1.3",
        verdict: "ours: who wants it fresh for some time does not want it stale; the oracle serves stale to `min-fresh=0`",
        rewrite: |history| {
            for (_, asking) in &mut history.later {
                if has(&asking.control, "min-fresh") {
                    remove(&mut asking.control, "max-stale");
                }
            }
        },
    },
    Class {
        name: "PROXY_REVALIDATE",
        section: "RFC 9111 §5.2.2.8",
        verdict: "ours: it forbids staleness; the oracle forbids reuse",
        rewrite: |history| {
            if history.mode == Mode::Shared && has(&history.response.control, "proxy-revalidate") {
                remove(&mut history.response.control, "proxy-revalidate");
                never_stale(history);
            }
        },
    },
    Class {
        name: "S_MAXAGE_FORBIDS_STALENESS",
        section: "RFC 9111 §5.2.2.10",
        verdict: "ours: s-maxage implies proxy-revalidate; the oracle serves stale",
        rewrite: |history| {
            if history.mode == Mode::Shared && has(&history.response.control, "s-maxage") {
                never_stale(history);
            }
        },
    },
    Class {
        name: "NO_CACHE_FORBIDS_STALENESS",
        section: "RFC 9111 §5.2.2.4, §4.2.4",
        verdict: "ours: not without validation; the oracle serves it to max-stale",
        rewrite: |history| {
            if has(&history.response.control, "no-cache") {
                never_stale(history);
            }
        },
    },
];

fn never_stale(history: &mut History) {
    for (_, asking) in &mut history.later {
        remove(&mut asking.control, "max-stale");
    }
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

fn each_date(response: &mut Answering, change: impl Fn(&mut Vec<When>)) {
    change(&mut response.date);
    change(&mut response.expires);
    change(&mut response.last_modified);
}
