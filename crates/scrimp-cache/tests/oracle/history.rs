//! A request, its response, a wait, a second request.

use std::fmt;

use proptest::{collection::vec, option::weighted, prelude::*, sample::select};

use super::common::date;

type Field = (&'static str, String);

#[derive(Debug, Clone)]
pub struct History {
    pub first_control: Vec<String>,
    pub first: Vec<Field>,
    pub status: u16,
    pub control: Vec<String>,
    pub response: Vec<Field>,
    pub wait: u64,
    pub second_control: Vec<String>,
    pub second: Vec<Field>,
}

// === impl History ===

impl History {
    pub fn first_fields(&self) -> Vec<(&'static str, &str)> {
        fields(&self.first_control, &self.first)
    }

    pub fn response_fields(&self) -> Vec<(&'static str, &str)> {
        fields(&self.control, &self.response)
    }

    pub fn second_fields(&self) -> Vec<(&'static str, &str)> {
        fields(&self.second_control, &self.second)
    }

    pub fn response_field(&self, name: &str) -> Option<&str> {
        field(&self.response, name)
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "GET    {:?}", self.first_fields())?;
        writeln!(f, "{}    {:?}", self.status, self.response_fields())?;
        writeln!(f, "wait   {} s", self.wait)?;
        writeln!(f, "GET    {:?}", self.second_fields())
    }
}

/// Each directive is a line of its own.
fn fields<'a>(control: &'a [String], more: &'a [Field]) -> Vec<(&'static str, &'a str)> {
    let lines = control.iter().map(|line| ("cache-control", line.as_str()));
    let more = more.iter().map(|(name, value)| (*name, value.as_str()));
    lines.chain(more).collect()
}

pub fn field<'a>(fields: &'a [Field], name: &str) -> Option<&'a str> {
    let (_, value) = fields.iter().find(|(other, _)| *other == name)?;
    Some(value)
}

pub fn history() -> impl Strategy<Value = History> {
    let response = ["max-age", "s-maxage", "stale-while-revalidate"];
    let flags = [
        "public",
        "private",
        "no-store",
        "no-cache",
        "must-revalidate",
        "proxy-revalidate",
        "must-understand",
        "immutable",
        "no-cache=\"x-a\"",
        "private=\"x-a\"",
    ];
    let request = ["max-age", "min-fresh", "max-stale"];
    let asked = ["no-cache", "no-store", "max-stale"];
    let statuses = vec![
        200, 200, 200, 200, 203, 204, 301, 302, 404, 405, 410, 500, 503,
    ];
    let language = || weighted(0.3, select(vec!["en", "de"]));
    (
        (
            weighted(0.05, Just("no-store")),
            weighted(0.15, Just("authorization")),
            language(),
            select(statuses),
        ),
        vec(directive(&response, &flags), 0..4),
        answer(),
        0..200_u64,
        vec(directive(&request, &asked), 0..2),
        (weighted(0.05, Just("no-cache")), language()),
    )
        .prop_map(|(first, control, response, wait, second_control, second)| {
            let (no_store, authorization, language, status) = first;
            let pair = |name, value: &str| (name, value.to_owned());
            let first_language = language.map(|value| pair("accept-language", value));
            let authorization = authorization.map(|name| pair(name, "Bearer x"));
            let pragma = second.0.map(|value| pair("pragma", value));
            let second_language = second.1.map(|value| pair("accept-language", value));
            History {
                first_control: no_store.map(str::to_owned).into_iter().collect(),
                first: authorization.into_iter().chain(first_language).collect(),
                status,
                control,
                response,
                wait,
                second_control,
                second: pragma.into_iter().chain(second_language).collect(),
            }
        })
}

fn directive(
    timed: &[&'static str],
    flags: &[&'static str],
) -> impl Strategy<Value = String> + use<> {
    let seconds = prop_oneof![
        8 => (0_u64..200).prop_map(|seconds| format!("={seconds}")),
        1 => Just("=\"100\"".to_owned()),
        1 => select(vec!["=-1", "=1.5", "=+60", "=x", "=", "", "= 60", "=99999999999999999999"])
            .prop_map(str::to_owned),
    ];
    let timed =
        (select(timed.to_vec()), seconds).prop_map(|(name, seconds)| name.to_owned() + &seconds);
    let flag = select(flags.to_vec()).prop_map(str::to_owned);
    (
        prop_oneof![3 => timed, 2 => flag],
        prop::bool::weighted(0.05),
    )
        .prop_map(|(text, shout)| {
            if shout {
                text.to_ascii_uppercase()
            } else {
                text
            }
        })
}

/// The fields of a response but for its Cache-Control.
fn answer() -> impl Strategy<Value = Vec<Field>> {
    let age = prop_oneof![
        4 => (0_u64..100).prop_map(|age| age.to_string()),
        1 => select(vec!["-1", "x", "1.5", "+5"]).prop_map(str::to_owned),
    ];
    let expires = prop_oneof![
        4 => (-100_i64..200).prop_map(date),
        1 => select(vec!["0", "-1", "Sunday, 06-Nov-94 08:49:37 GMT"]).prop_map(str::to_owned),
    ];
    (
        weighted(0.3, age),
        weighted(0.3, expires),
        weighted(0.5, (-100_i64..50).prop_map(date)),
        weighted(0.3, (-2_000_000_i64..0).prop_map(date)),
        weighted(0.5, Just("\"v\"".to_owned())),
        weighted(
            0.2,
            select(vec!["accept-language", "*"]).prop_map(str::to_owned),
        ),
        weighted(0.05, Just("no-cache".to_owned())),
    )
        .prop_map(|(age, expires, made, modified, etag, vary, pragma)| {
            [
                ("age", age),
                ("expires", expires),
                ("date", made),
                ("last-modified", modified),
                ("etag", etag),
                ("vary", vary),
                ("pragma", pragma),
            ]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
        })
}
