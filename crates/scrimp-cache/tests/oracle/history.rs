//! Histories: one response, and the requests it might answer.

use std::fmt::{self, Write as _};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use proptest::{collection::vec, option, prelude::*, sample::select};
use scrimp_cache::Mode;

use super::common::date;

/// A request, the response to it, and requests for the same thing later on.
#[derive(Clone)]
pub struct History {
    pub mode: Mode,
    pub first: Asking,
    pub response: Answering,
    /// Seconds since the one before, and the request.
    pub later: Vec<(u64, Asking)>,
}

#[derive(Debug, Clone)]
pub struct Asking {
    pub control: Vec<Directive>,
    pub pragma: bool,
    pub authorization: bool,
    /// Lines of the field that the response may vary on.
    pub selecting: Vec<String>,
    pub verb: Verb,
    /// It asks for the first byte only.
    pub range: bool,
    /// The origin confirms what is stored, if that is what it is asked.
    pub confirmed: Option<Confirmation>,
}

/// How something is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Head,
    /// As GET, and if the origin is asked, then without a condition: what a HEAD means.
    GetOrAsk,
}

/// A 304: it has a Date, and the validators of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation {
    /// It repeats the Cache-Control of the response.
    pub control: bool,
    /// It says that it is new.
    pub age: bool,
}

#[derive(Debug, Clone)]
pub struct Answering {
    pub status: u16,
    pub control: Vec<Directive>,
    /// CDN-Cache-Control.
    pub targeted: Vec<Directive>,
    pub pragma: bool,
    pub date: Vec<When>,
    pub expires: Vec<When>,
    pub last_modified: Vec<When>,
    pub age: Vec<String>,
    pub etag: Vec<&'static str>,
    pub vary: Vec<&'static str>,
    pub set_cookie: bool,
}

/// A Cache-Control directive, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    pub name: &'static str,
    pub argument: Argument,
    pub spelling: Spelling,
    /// It begins a line of its own.
    pub new_line: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    None,
    Number(u64),
    Text(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    Lower,
    Upper,
    Mixed,
}

/// A date: seconds from noon, in one of three formats, or something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Fixdate(i64),
    Rfc850(i64),
    Asctime(i64),
    Text(&'static str),
}

/// The field that responses vary on.
pub const SELECTING: [&str; 2] = ["accept-language", "x-selecting"];

// === impl History ===

impl History {
    /// `max-age=0` means nothing to what is immutable and fresh, and everything to what is
    /// immutable and stale: with `max-stale` besides, no request says both to the oracle.
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

    /// A confirmation for another variant than the first stores one more, and the oracle
    /// knows one. HEADs confirm nothing: they have no conditions. And to the oracle a tenth of
    /// the time since the last modification is in whole seconds, and may be longer than a
    /// day, so confirmations come after tens of seconds and before days.
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

pub fn has(control: &[Directive], name: &str) -> bool {
    control.iter().any(|directive| directive.name == name)
}

pub fn remove(control: &mut Vec<Directive>, name: &str) {
    control.retain(|directive| directive.name != name);
}

// === impl Directive ===

impl Directive {
    pub fn flag(name: &'static str) -> Self {
        Self {
            name,
            argument: Argument::None,
            spelling: Spelling::Lower,
            new_line: false,
        }
    }

    pub fn seconds(name: &'static str, seconds: u64) -> Self {
        Self {
            argument: Argument::Number(seconds),
            ..Self::flag(name)
        }
    }

    fn text(&self) -> String {
        let name = match self.spelling {
            Spelling::Lower => self.name.to_owned(),
            Spelling::Upper => self.name.to_ascii_uppercase(),
            Spelling::Mixed => self
                .name
                .char_indices()
                .map(|(index, letter)| match index % 2 {
                    0 => letter.to_ascii_uppercase(),
                    _ => letter,
                })
                .collect(),
        };
        match &self.argument {
            Argument::None => name,
            Argument::Number(number) => format!("{name}={number}"),
            Argument::Text(text) => format!("{name}={text}"),
        }
    }
}

// === impl When ===

impl When {
    pub fn seconds(self) -> Option<i64> {
        match self {
            Self::Fixdate(at) | Self::Rfc850(at) | Self::Asctime(at) => Some(at),
            Self::Text(_) => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Fixdate(at) => date(at),
            Self::Rfc850(at) => {
                let fixdate = date(at);
                let day = match &fixdate[..3] {
                    "Tue" => "Tues",
                    "Wed" => "Wednes",
                    "Thu" => "Thurs",
                    "Sat" => "Satur",
                    other => other,
                };
                let (day_of_month, month) = (&fixdate[5..7], &fixdate[8..11]);
                let (year, time) = (&fixdate[14..16], &fixdate[17..25]);
                format!("{day}day, {day_of_month}-{month}-{year} {time} GMT")
            }
            Self::Asctime(at) => {
                let fixdate = date(at);
                let day = fixdate[5..7].trim_start_matches('0');
                let (name, month) = (&fixdate[..3], &fixdate[8..11]);
                let (year, time) = (&fixdate[12..16], &fixdate[17..25]);
                format!("{name} {month} {day:>2} {time} {year}")
            }
            Self::Text(text) => text.to_owned(),
        }
    }
}

// === impl Asking ===

impl Asking {
    pub fn request<B: Default>(&self) -> Request<B> {
        let mut request = Request::new(B::default());
        *request.uri_mut() = "http://origin.example/thing".parse().expect("a URI");
        if self.verb == Verb::Head {
            *request.method_mut() = Method::HEAD;
        }
        let headers = request.headers_mut();
        add_control(headers, "cache-control", &self.control);
        if self.range {
            add(headers, "range", "bytes=0-0");
        }
        if self.pragma {
            add(headers, "pragma", "no-cache");
        }
        if self.authorization {
            add(headers, "authorization", "Bearer x");
        }
        for line in &self.selecting {
            for name in SELECTING {
                add(headers, name, line);
            }
        }
        request
    }
}

// === impl Answering ===

impl Answering {
    pub fn response<B>(&self, body: B) -> Response<B> {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).expect("a status code");
        let headers = response.headers_mut();
        add_control(headers, "cache-control", &self.control);
        add_control(headers, "cdn-cache-control", &self.targeted);
        let dates = [
            ("date", &self.date),
            ("expires", &self.expires),
            ("last-modified", &self.last_modified),
        ];
        for (name, lines) in dates {
            lines
                .iter()
                .for_each(|when| add(headers, name, &when.text()));
        }
        self.age.iter().for_each(|line| add(headers, "age", line));
        self.etag.iter().for_each(|line| add(headers, "etag", line));
        self.vary.iter().for_each(|line| add(headers, "vary", line));
        if self.pragma {
            add(headers, "pragma", "no-cache");
        }
        if self.set_cookie {
            add(headers, "set-cookie", "a=b");
        }
        response
    }

    /// A 304 that says, so many seconds after noon, that the response is as it was.
    pub fn confirmation<B>(&self, how: Confirmation, now: u64, body: B) -> Response<B> {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        let headers = response.headers_mut();
        if how.control {
            add_control(headers, "cache-control", &self.control);
            add_control(headers, "cdn-cache-control", &self.targeted);
        }
        if how.age {
            add(headers, "age", "0");
        }
        add(headers, "date", &When::Fixdate(now as i64).text());
        self.etag.iter().for_each(|line| add(headers, "etag", line));
        for when in &self.last_modified {
            add(headers, "last-modified", &when.text());
        }
        response
    }
}

fn add_control(headers: &mut HeaderMap, name: &'static str, control: &[Directive]) {
    let mut line = String::new();
    for directive in control {
        if directive.new_line && !line.is_empty() {
            add(headers, name, &std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(&directive.text());
    }
    if !line.is_empty() {
        add(headers, name, &line);
    }
}

fn add(headers: &mut HeaderMap, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).expect("a field value");
    headers.append(HeaderName::from_static(name), value);
}

// === making them ===

pub fn history() -> impl Strategy<Value = History> {
    let mode = select(vec![Mode::Shared, Mode::Private]);
    let later = vec((select(DELAYS.to_vec()), asking()), 1..4);
    // An answer to HEAD is never stored; the oracle may store what it likes.
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

/// Mostly none. Structured fields: names in lower case, numbers without quotes, and of two
/// the last one counts, so there are no two.
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

/// Mostly no line or one, at times two.
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

// === showing them ===

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = |headers: &HeaderMap| {
            headers
                .iter()
                .fold(String::new(), |mut text, (name, value)| {
                    let _ = writeln!(text, "        {name}: {}", value.to_str().unwrap_or("?"));
                    text
                })
        };
        writeln!(f, "\n    {:?} cache", self.mode)?;
        write!(
            f,
            "    GET\n{}",
            lines(self.first.request::<()>().headers())
        )?;
        let response = self.response.response(());
        write!(
            f,
            "    -> {}\n{}",
            self.response.status,
            lines(response.headers())
        )?;
        for (delay, asking) in &self.later {
            let request = asking.request::<()>();
            let method = request.method();
            write!(
                f,
                "    {delay} s later: {method}\n{}",
                lines(request.headers())
            )?;
            if let Some(how) = asking.confirmed {
                let now = self.response.confirmation(how, *delay, ());
                write!(f, "    -> 304, if that is asked\n{}", lines(now.headers()))?;
            }
        }
        Ok(())
    }
}
