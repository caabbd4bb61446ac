//! The reading of dates, ages and validators.

use super::Class;
use crate::history::{Answering, Directive, When};

const DAY: i64 = 86_400;

pub const CLASSES: &[Class] = &[
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
        name: "INVALID_AGE",
        section: "RFC 9111 §1.2.2, §5.1",
        verdict: "ours: an empty line is no member, the first member counts, what is no number is ignored, and what is too large means 2³¹; the oracle takes the first line, and too large for none",
        rewrite: |history| {
            let ages = &mut history.response.age;
            ages.retain(|age| !age.is_empty());
            ages.truncate(1);
            let number = |age: &String| age.parse::<u64>().ok();
            *ages = ages
                .iter()
                .filter_map(number)
                .map(|seconds| seconds.min(1 << 31).to_string())
                .collect();
        },
    },
    Class {
        name: "REPEATED_FIELDS",
        section: "RFC 9110 §5.3, RFC 9111 §4.2.1",
        verdict: "ours: which of two is meant nobody knows, so there is no Date, Last-Modified or ETag, and Expires means stale; the oracle takes the first",
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
            if response.status != 200 || response.vary.is_empty() || response.etag != ["\"a\""] {
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
];

fn each_date(response: &mut Answering, change: impl Fn(&mut Vec<When>)) {
    change(&mut response.date);
    change(&mut response.expires);
    change(&mut response.last_modified);
}
