//! Why the two disagree: who is right, and by which section.

use scrimp_cache::Mode;

use super::{
    common::date,
    history::{History, field},
};

/// A predicate over histories, with the answer it accounts for.
struct Class {
    name: &'static str,
    /// Whether it is this cache that serves from store.
    ours: bool,
    applies: fn(Mode, &History) -> bool,
}

/// The class that explains a disagreement.
pub fn explain(mode: Mode, history: &History, ours: bool) -> Option<&'static str> {
    CLASSES
        .iter()
        .find(|class| class.ours == ours && (class.applies)(mode, history))
        .map(|class| class.name)
}

const CLASSES: &[Class] = &[
    Class {
        name: "a min-fresh too large is 2^31 (9111 §1.2.2; scrimp)",
        ours: false,
        applies: |_, h| any(&h.second_control, |d| d.ends_with("99999")),
    },
    Class {
        name: "a min-fresh that is no number is none (9111 §5.2.1.3, grammar; both may)",
        ours: true,
        applies: |_, h| {
            any(&h.second_control, |d| {
                name(d) == "min-fresh" && unreadable(d)
            })
        },
    },
    Class {
        name: "a contradiction is no must-revalidate that lets credentials in (9111 §3.5; scrimp)",
        ours: false,
        applies: |m, h| {
            m == Mode::Shared
                && field(&h.first, "authorization").is_some()
                && contradicts(&h.control)
        },
    },
    Class {
        name: "odd case of what allows: names are case-insensitive (9111 §5.2; scrimp)",
        ours: true,
        applies: |_, h| odd_case(h),
    },
    Class {
        name: "odd case of what forbids: names are case-insensitive (9111 §5.2; scrimp)",
        ours: false,
        applies: |_, h| odd_case(h),
    },
    Class {
        name: "request Pragma is not read (9111 §5.4, deprecated; both may)",
        ours: true,
        applies: |_, h| field(&h.second, "pragma").is_some(),
    },
    Class {
        name: "response Pragma means nothing (9111 §5.4; scrimp)",
        ours: true,
        applies: |_, h| h.response_field("pragma").is_some(),
    },
    Class {
        name: "qualified no-cache or private spares the rest (9111 §5.2.2.4, §5.2.2.7; scrimp)",
        ours: true,
        applies: |_, h| any(&h.control, |d| d.contains("x-a")),
    },
    Class {
        name: "must-understand overrides no-store (9111 §5.2.2.3; scrimp)",
        ours: true,
        applies: |_, h| has(&h.control, "must-understand") && has(&h.control, "no-store"),
    },
    Class {
        name: "proxy-revalidate speaks of stale responses only (9111 §5.2.2.8; scrimp)",
        ours: true,
        applies: |m, h| m == Mode::Shared && has(&h.control, "proxy-revalidate"),
    },
    Class {
        name: "any final status with a lifetime is storable (9111 §3; scrimp)",
        ours: true,
        applies: |_, h| matches!(h.status, 500 | 503),
    },
    Class {
        name: "stale-while-revalidate (5861 §3; scrimp)",
        ours: true,
        applies: |_, h| has(&h.control, "stale-while-revalidate"),
    },
    Class {
        name: "immutable outlasts a reload's max-age=0 (8246 §2.1; scrimp)",
        ours: true,
        applies: |_, h| has(&h.control, "immutable") && has(&h.second_control, "max-age"),
    },
    Class {
        name: "max-stale: its very last second, and with max-age (9111 §5.2.1.2; scrimp)",
        ours: true,
        applies: |_, h| has(&h.second_control, "max-stale"),
    },
    Class {
        name: "a number too large is 2^31 (9111 §1.2.2; scrimp)",
        ours: true,
        applies: |_, h| any(&h.control, |d| d.ends_with("99999")),
    },
    Class {
        name: "apparent age counts (9111 §4.2.3; scrimp)",
        ours: false,
        applies: |_, h| past_date(h),
    },
    Class {
        name: "an unreadable Age makes old (9111 §4.2, §1.2.2; scrimp, stricter)",
        ours: false,
        applies: |_, h| h.response_field("age").is_some_and(|age| !digits(age)),
    },
    Class {
        name: "an unreadable lifetime is stale (9111 §4.2.1; scrimp)",
        ours: false,
        applies: |_, h| any(&h.control, unreadable),
    },
    Class {
        name: "of two lifetimes the shorter (9111 §4.2.1; both may)",
        ours: false,
        applies: |_, h| twice(&h.control),
    },
    Class {
        name: "an unreadable request directive is taken strictly (9111 §1.2.2; scrimp, stricter)",
        ours: false,
        applies: |_, h| any(&h.second_control, unreadable),
    },
    Class {
        name: "request max-age=0 asks for validation (9111 §5.2.1.1; scrimp, stricter)",
        ours: false,
        applies: |_, h| any(&h.second_control, |d| d == "max-age=0"),
    },
    Class {
        name: "max-stale does not undo no-cache, s-maxage, proxy-revalidate (9111 §4.2.4; scrimp)",
        ours: false,
        applies: |_, h| {
            has(&h.second_control, "max-stale")
                && ["no-cache", "s-maxage", "proxy-revalidate"]
                    .iter()
                    .any(|name| has(&h.control, name))
        },
    },
    Class {
        name: "max-stale: nothing kept without lifetime or validator, no star in Vary (scrimp, choice)",
        ours: false,
        applies: |_, h| has(&h.second_control, "max-stale"),
    },
    Class {
        name: "immutable is no lifetime (8246 §2; scrimp)",
        ours: false,
        applies: |_, h| has(&h.control, "immutable"),
    },
    Class {
        name: "what blames one request is not for everybody (9111 §3 permits; scrimp, stricter)",
        ours: false,
        applies: |m, h| m == Mode::Shared && h.status == 405,
    },
];

fn any(control: &[String], is: impl Fn(&str) -> bool) -> bool {
    control.iter().any(|directive| is(directive))
}

fn name(directive: &str) -> &str {
    directive.split('=').next().unwrap_or_default()
}

fn has(control: &[String], wanted: &str) -> bool {
    any(control, |directive| name(directive) == wanted)
}

fn odd_case(history: &History) -> bool {
    [&history.control, &history.second_control]
        .iter()
        .any(|control| any(control, |d| d.bytes().any(|byte| byte.is_ascii_uppercase())))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A directive that takes seconds and has none.
fn unreadable(directive: &str) -> bool {
    let timed = ["max-age", "s-maxage", "max-stale", "min-fresh"].contains(&name(directive));
    let seconds = directive.split_once('=').map_or("", |(_, seconds)| seconds);
    timed && directive != "max-stale" && !digits(seconds.trim_matches('"'))
}

fn twice(control: &[String]) -> bool {
    ["max-age", "s-maxage"]
        .iter()
        .any(|wanted| control.iter().filter(|d| name(d) == *wanted).count() > 1)
}

fn past_date(history: &History) -> bool {
    history
        .response_field("date")
        .is_some_and(|made| (-100..0).any(|seconds| made == date(seconds)))
}

/// A directive twice: the peer takes that for a contradiction if the values differ, or are
/// quoted.
fn contradicts(control: &[String]) -> bool {
    control
        .iter()
        .any(|one| control.iter().filter(|d| name(d) == name(one)).count() > 1)
}
