//! The reuse of stored responses.

use scrimp_cache::Mode;

use super::Class;
use crate::{
    history::{Directive, History, Verb, has, remove},
    rewrite::{number, set, unlimited},
};

pub const CLASSES: &[Class] = &[
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
    Class {
        name: "CREDENTIALS_OF_STRANGERS",
        section: "RFC 9111 §3.5",
        verdict: "ours, the careful one: what was stored without credentials is not given to a caller with some, unless it says that it is for everyone; the oracle hands it out",
        rewrite: |history| {
            let for_everyone = ["public", "s-maxage", "must-revalidate"]
                .iter()
                .any(|name| has(&history.response.control, name));
            if history.mode == Mode::Private || for_everyone {
                return;
            }
            for (_, asking) in &mut history.later {
                if asking.authorization {
                    asking.control = vec![Directive::flag("no-cache")];
                    asking.verb = Verb::GetOrAsk;
                    asking.confirmed = None;
                }
            }
        },
    },
];

fn never_stale(history: &mut History) {
    for (_, asking) in &mut history.later {
        remove(&mut asking.control, "max-stale");
    }
}
