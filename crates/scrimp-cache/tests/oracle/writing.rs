//! Histories as messages.

use std::fmt::{self, Write as _};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use crate::{
    common::date,
    history::{
        Answering, Argument, Asking, Confirmation, Directive, History, Spelling, Verb, When,
    },
};

/// The fields that responses vary on.
const SELECTING: [&str; 2] = ["accept-language", "x-selecting"];

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

    /// Returns a 304, this many seconds after noon, that confirms the response.
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

impl Directive {
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

impl When {
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
