//! Random histories.

use std::fmt;

use proptest::{collection::vec, option, prelude::*, sample::select};
use scrimp_cache::Mode;

use crate::history::{
    Answering, Argument, Asking, Confirmation, Directive, History, Spelling, Verb, When, has,
    remove,
};

pub fn history() -> impl Strategy<Value = History> {
    let mode = select(vec![Mode::Shared, Mode::Private]);
    let later = vec((select(DELAYS.to_vec()), asking()), 1..4);
    // A response to HEAD is never stored; the oracle may store anything.
    let first = asking().prop_map(|asking| Asking {
        verb: Verb::Get,
        ..asking
    });
    (mode, first, answering(), later).prop_map(|(mode, first, response, later)| {
        let mut history = History {
            mode,
            first,
            response,
            later,
        };
        history.leave_out_what_has_no_rewriting();
        history.confirm_only_what_was_stored();
        history
    })
}

/// Round numbers, so that ages meet lifetimes exactly.
const SECONDS: [u64; 7] = [0, 1, 10, 20, 60, 100, 100_000];
const DELAYS: [u64; 6] = [0, 1, 10, 40, 60, 200_000];
const NO_NUMBERS: [&str; 7] = [
    "-1",
    "1.5",
    "ten",
    "\"\"",
    "60s",
    "",
    "99999999999999999999999",
];
const QUOTED: [&str; 2] = ["\"60\"", "\"10\""];

fn asking() -> impl Strategy<Value = Asking> {
    const FLAGS: &[&str] = &["no-cache", "no-store", "no-transform"];
    const LIFETIMES: &[&str] = &["max-age", "max-age", "max-stale", "max-stale", "min-fresh"];
    let lines = select(vec!["de", "en, de", "DE,  en", "en", "de"]).prop_map(str::to_owned);
    (
        prop_oneof![1 => Just(Vec::new()), 1 => control(FLAGS, LIFETIMES, 1)],
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.15),
        vec(lines, 0..3),
        prop_oneof![6 => Just(Verb::Get), 1 => Just(Verb::Head)],
        prop::bool::weighted(0.1),
        option::of(any::<bool>().prop_map(|control| Confirmation {
            control,
            age: false,
        })),
    )
        .prop_map(
            |(control, pragma, authorization, selecting, verb, range, confirmed)| Asking {
                control,
                pragma,
                authorization,
                selecting,
                verb,
                range,
                confirmed,
            },
        )
}

fn answering() -> impl Strategy<Value = Answering> {
    const FLAGS: &[&str] = &[
        "no-cache",
        "no-store",
        "private",
        "public",
        "must-revalidate",
        "proxy-revalidate",
        "must-understand",
        "immutable",
    ];
    const LIFETIMES: &[&str] = &[
        "max-age",
        "max-age",
        "max-age",
        "s-maxage",
        "stale-while-revalidate",
    ];
    let statuses = vec![
        200, 200, 200, 200, 201, 203, 204, 206, 300, 301, 302, 304, 307, 308, 400, 404, 405, 410,
        414, 416, 418, 429, 451, 500, 501, 503, 599,
    ];
    let ages = ["0", "5", "60", "-1", "1.5", "old", "", "99999999999"];
    let age = select(ages.to_vec()).prop_map(str::to_owned);
    let etag = select(vec!["\"a\"", "W/\"a\"", ""]);
    let vary = select(vec!["accept-language", "X-Selecting", "*"]);
    (
        select(statuses),
        prop_oneof![1 => Just(Vec::new()), 4 => control(FLAGS, LIFETIMES, 2)],
        prop::bool::weighted(0.05),
        rarely_twice(when(&[0, 0, -10, -50, -1_000, 30])),
        rarely_twice(when(&[0, 10, 60, -60, 1_000])),
        rarely_twice(when(&[0, -100, -1_000, -100_000, -10_000_000, 60])),
        rarely_twice(age),
        rarely_twice(etag),
        option::weighted(0.3, vary),
        (prop::bool::weighted(0.1), targeted()),
    )
        .prop_map(|fields| {
            let (status, control, pragma, date, expires, last_modified, age, etag, vary, more) =
                fields;
            let (cookie, targeted) = more;
            Answering {
                status,
                control,
                targeted,
                pragma,
                date,
                expires,
                last_modified,
                age,
                etag,
                vary: vary.into_iter().collect(),
                set_cookie: cookie,
            }
        })
}

/// Generates directives, usually none. Structured fields have names in lower case, numbers without
/// quotes, and no repeated names, as the last one would count.
fn targeted() -> impl Strategy<Value = Vec<Directive>> {
    let directive = prop_oneof![
        select(vec![
            "no-cache",
            "no-store",
            "private",
            "public",
            "must-revalidate"
        ])
        .prop_map(Directive::flag),
        (
            select(vec!["max-age", "max-age", "s-maxage"]),
            select(SECONDS.to_vec())
        )
            .prop_map(|(name, seconds)| Directive::seconds(name, seconds)),
    ];
    let broken = prop::bool::weighted(0.15);
    let some = (vec(directive, 1..3), broken).prop_map(|(mut list, broken)| {
        if list.len() == 2 && list[0].name == list[1].name {
            list.pop();
        }
        if broken {
            list[0].spelling = Spelling::Upper;
        }
        list
    });
    prop_oneof![5 => Just(Vec::new()), 1 => some]
}

/// Generates usually no line or one, sometimes two.
fn rarely_twice<T: Clone + fmt::Debug + 'static>(
    one: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<T>> {
    (vec(one, 0..3), prop::bool::weighted(0.15)).prop_map(|(mut lines, twice)| {
        if !twice {
            lines.truncate(1);
        }
        lines
    })
}

fn when(offsets: &'static [i64]) -> impl Strategy<Value = When> {
    prop_oneof![
        6 => select(offsets).prop_map(When::Fixdate),
        1 => select(offsets).prop_map(When::Rfc850),
        1 => select(offsets).prop_map(When::Asctime),
        1 => select(vec!["0", "-1", "tomorrow", ""]).prop_map(When::Text),
    ]
}

fn control(
    flags: &'static [&'static str],
    lifetimes: &'static [&'static str],
    weight: u32,
) -> impl Strategy<Value = Vec<Directive>> {
    let flag = (select(flags), prop::bool::weighted(0.05)).prop_map(|(name, qualified)| {
        match (name, qualified) {
            ("no-cache" | "private", true) => (name, Argument::Text("\"x-field\"")),
            _ => (name, Argument::None),
        }
    });
    let argument = prop_oneof![
        12 => select(SECONDS.to_vec()).prop_map(Argument::Number),
        1 => select(NO_NUMBERS.to_vec()).prop_map(Argument::Text),
        1 => select(QUOTED.to_vec()).prop_map(Argument::Text),
        1 => Just(Argument::None),
    ];
    let lifetime = (select(lifetimes), argument);
    let spelling = prop_oneof![
        8 => Just(Spelling::Lower),
        1 => Just(Spelling::Upper),
        1 => Just(Spelling::Mixed),
    ];
    let directive = (
        prop_oneof![2 => flag, 2 * weight => lifetime],
        spelling,
        prop::bool::weighted(0.2),
    )
        .prop_map(|((name, argument), spelling, new_line)| Directive {
            name,
            argument,
            spelling,
            new_line,
        });
    vec(directive, 1..4)
}

// === impl History ===

impl History {
    /// Removes a combination without a rewriting. An immutable response ignores `max-age=0` while
    /// it is fresh, but not once it is stale: with `max-stale` too, no request expresses both for
    /// the oracle.
    fn leave_out_what_has_no_rewriting(&mut self) {
        let response = &self.response;
        if has(&response.control, "immutable") || has(&response.targeted, "immutable") {
            for (_, asking) in &mut self.later {
                if has(&asking.control, "max-age") {
                    remove(&mut asking.control, "max-stale");
                }
            }
        }
    }

    /// Limits confirmations. One for another variant than the first stores one more, and the
    /// oracle supports one. HEADs confirm nothing: they have no conditions. For the oracle, a
    /// tenth of the time since the last modification is in whole seconds and may exceed a day, so
    /// confirmations come between tens of seconds and days.
    fn confirm_only_what_was_stored(&mut self) {
        let mut passed = 0;
        for (delay, asking) in &mut self.later {
            passed += *delay;
            let same = self.response.vary.is_empty() || asking.selecting == self.first.selecting;
            if !same || asking.verb != Verb::Get || passed % 10 != 0 || passed > 1_000 {
                asking.confirmed = None;
            }
        }
    }
}
