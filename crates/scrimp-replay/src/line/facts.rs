//! Facts of a request, gathered from named fields in any order.

use std::{borrow::Cow, net::IpAddr, time::Duration};

use super::{
    BadLine, Entry, Parsed, Seen, blank, client,
    fields::{Field, KINDS, Kind},
    method,
    names::Names,
    request_line, status, target, time,
    value::{Marks, Value},
    words::Word,
};

/// The fact of each kind with the highest precedence so far.
#[derive(Debug, Default)]
pub(super) struct Facts<'a> {
    texts: [Option<(Field, Cow<'a, str>)>; KINDS],
    time: Option<(Field, i64)>,
    clock: Option<(Field, Cow<'a, str>)>,
    status: Option<(Field, u64)>,
    bytes: Option<(Field, u64)>,
    latency: Option<(Field, Value<'a>)>,
    marks: Marks,
}

// === impl Facts ===

impl<'a> Facts<'a> {
    /// Adds a value under each fact that its name stands for.
    pub(super) fn add(&mut self, names: &mut Names, name: &str, value: &Value<'a>) {
        for field in names.find(name) {
            self.put(*field, value.clone());
        }
    }

    /// Adds a value, unless a name of higher precedence has given one, or it cannot be one.
    pub(super) fn put(&mut self, field: Field, value: Value<'a>) {
        match field.kind {
            Kind::Time => self.put_time(field, value),
            Kind::Status => keep(&mut self.status, field, value.whole()),
            Kind::Bytes => keep(&mut self.bytes, field, value.whole()),
            Kind::Latency => keep(&mut self.latency, field, value.known()),
            Kind::RequestLine => self.put_request(field, value),
            Kind::Mark => self.marks.note(field.name),
            kind => {
                let text = match kind {
                    Kind::Day => value.day(),
                    _ => value.text(),
                };
                let text = text.filter(|text| !blank(text) && fits(kind, text));
                keep(&mut self.texts[kind as usize], field, text);
            }
        }
    }

    /// Adds a word of a format whose fields have positions.
    pub(super) fn word(&mut self, field: Field, word: Word<'a>) {
        let text = match word.plain() {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        };
        self.put(field, Value::Text(text));
    }

    fn put_time(&mut self, field: Field, value: Value<'a>) {
        let read = match &value {
            Value::Text(text) => time::text(text),
            Value::Number(number, _) => time::number_of(*number),
        };
        if read.is_none()
            && let Value::Text(text) = value
            && time::is_clock(&text)
        {
            return keep(&mut self.clock, field, Some(text));
        }
        keep(&mut self.time, field, read);
    }

    /// A field named `request` may contain a request line, a target or a method.
    fn put_request(&mut self, field: Field, value: Value<'a>) {
        let Some(text) = value.text().filter(|text| !blank(text)) else {
            return;
        };
        let kind = if request_line(text.as_bytes()).is_ok() {
            Kind::RequestLine
        } else if fits(Kind::Target, &text) && !text.contains(' ') {
            if text.starts_with('/') || text.contains("://") {
                Kind::Target
            } else if text.bytes().all(|byte| byte.is_ascii_uppercase()) {
                Kind::Method
            } else {
                return;
            }
        } else {
            return;
        };
        // It is as it was received: no rewritten field has precedence over it.
        let field = Field { kind, ..field };
        keep(&mut self.texts[kind as usize], field, Some(text));
    }

    /// Returns a line of another log that this one wraps, if it states no request itself.
    pub(super) fn inner(&mut self) -> Option<Cow<'a, str>> {
        let request = [Kind::RequestLine, Kind::Target].map(|kind| &self.texts[kind as usize]);
        if request.iter().any(|text| text.is_some()) {
            return None;
        }
        let (_, text) = self.texts[Kind::Inner as usize].take()?;
        Some(text)
    }

    /// Returns the time, if there is one.
    pub(super) fn time(&self) -> Option<i64> {
        let day = self.texts[Kind::Day as usize].as_ref();
        match (&self.time, &self.clock, day) {
            (Some((_, time)), ..) => Some(*time),
            (None, Some((_, clock)), Some((_, day))) => time::text(&format!("{day} {clock}")),
            (None, None, Some((_, day))) => time::text(day),
            _ => None,
        }
    }

    /// Returns the request. `outer` is the time that a wrapper states.
    pub(super) fn finish(mut self, outer: Option<i64>) -> Result<Parsed, BadLine> {
        let mut seen = Seen::default();
        let time = self.time().or(outer).ok_or(BadLine::Time)?;
        seen.note(Kind::Time, self.time_name());
        let (name, url) = self.request(&mut seen)?;
        let Some((field, number)) = self.status else {
            return Err(if self.marks.event {
                BadLine::Event
            } else {
                BadLine::Status
            });
        };
        seen.note(Kind::Status, field.name);
        let status = status(number)?;
        let (mut host, target) = target::split(&name, url.as_bytes())?;
        self.tell_client_from_host();
        if let Some((field, text)) = self.take(Kind::Host)
            && host.is_empty()
            && !(self.marks.gelf && field.name == "host")
        {
            host = target::host(text.trim().as_bytes())?;
            seen.note(Kind::Host, field.name);
        }
        let bytes = self.bytes.map_or(0, |(field, bytes)| {
            seen.note(Kind::Bytes, field.name);
            bytes
        });
        let latency = self.latency.take().and_then(|(field, value)| {
            let latency = self.marks.latency(field, &value)?;
            seen.note(Kind::Latency, field.name);
            Some(latency)
        });
        let user_agent = self.take(Kind::Agent).map(|(field, text)| {
            seen.note(Kind::Agent, field.name);
            text.into_owned()
        });
        let client = self.take(Kind::Client).map_or(0, |(field, text)| {
            seen.note(Kind::Client, field.name);
            client::hash(&text)
        });
        Ok(Parsed {
            entry: Entry {
                time,
                status,
                bytes,
                method: name,
                host,
                target,
                user_agent: user_agent.unwrap_or_default(),
                client,
                latency,
            },
            seen,
        })
    }

    /// Returns method and target: from the request line, as it was received; otherwise from their
    /// own fields.
    fn request(&mut self, seen: &mut Seen) -> Result<(String, String), BadLine> {
        if let Some((field, line)) = self.take(Kind::RequestLine) {
            let low = matches!(field.name, "short_message" | "routeKey");
            if !(low && self.texts[Kind::Target as usize].is_some()) {
                let (name, url) = request_line(line.as_bytes())?;
                seen.note(Kind::RequestLine, field.name);
                let url = String::from_utf8_lossy(url).into_owned();
                return Ok((name.to_owned(), url));
            }
        }
        let (field, url) = self.take(Kind::Target).ok_or(BadLine::Request)?;
        seen.note(Kind::Target, name_of(field));
        let encoded = self.marks.cloudfront;
        let plain = |text| if encoded { target::decode(text) } else { text };
        let mut url = plain(url).into_owned();
        if field.takes_query()
            && !url.contains('?')
            && let Some((field, query)) = self.take(Kind::Query)
        {
            seen.note(Kind::Query, field.name);
            let query = own_query(plain(query));
            let query = query.trim_start_matches('?');
            if !query.is_empty() {
                url.push('?');
                url.push_str(query);
            }
        }
        let Some((field, name)) = self.take(Kind::Method) else {
            return Ok(("GET".to_owned(), url));
        };
        seen.note(Kind::Method, field.name);
        let name = name.trim().to_ascii_uppercase();
        method(&name)?;
        Ok((name, url))
    }

    /// Takes an address in the field `host` for the client's, if no other field states one: servers that
    /// write Common Log Format with names call the client so.
    fn tell_client_from_host(&mut self) {
        let [host, client] = [Kind::Host, Kind::Client].map(|kind| &self.texts[kind as usize]);
        let is_client = client.is_none()
            && host.as_ref().is_some_and(|(field, text)| {
                field.name == "host" && text.parse::<IpAddr>().is_ok()
            });
        if is_client {
            self.texts[Kind::Client as usize] = self.texts[Kind::Host as usize].take();
        }
    }

    /// Takes the latency, if there is one.
    pub(super) fn take_latency(&mut self) -> Option<Duration> {
        let (field, value) = self.latency.take()?;
        self.marks.latency(field, &value)
    }

    /// Takes the host, if there is one.
    pub(super) fn take_host(&mut self) -> Option<String> {
        let (_, host) = self.take(Kind::Host)?;
        Some(host.into_owned())
    }

    fn take(&mut self, kind: Kind) -> Option<(Field, Cow<'a, str>)> {
        self.texts[kind as usize].take()
    }

    fn time_name(&self) -> &'static str {
        let day = self.texts[Kind::Day as usize].as_ref();
        match (&self.time, &self.clock) {
            (Some((field, _)), _) => field.name,
            (None, Some(_)) => "date and time",
            (None, None) => day.map_or("the wrapper", |(field, _)| field.name),
        }
    }
}

/// Returns a query without the parameters that Azure's first application gateway adds for its own
/// use, one of which differs in each request.
fn own_query(query: Cow<'_, str>) -> Cow<'_, str> {
    const MARK: &str = "X-AzureApplicationGateway-";
    if !query.contains(MARK) {
        return query;
    }
    let own = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or(pair);
        !name.starts_with(MARK) && !matches!(name, "SERVER-ROUTED" | "SERVER-STATUS")
    };
    let pairs: Vec<_> = query.split('&').filter(own).collect();
    pairs.join("&").into()
}

fn name_of(field: Field) -> &'static str {
    field.name.trim_end_matches('?')
}

/// Keeps a value if it is one, and its name has a higher precedence than the present one.
fn keep<T>(slot: &mut Option<(Field, T)>, field: Field, value: Option<T>) {
    let better = slot
        .as_ref()
        .is_none_or(|(known, _)| field.rank < known.rank);
    if let Some(value) = value.filter(|_| better) {
        *slot = Some((field, value));
    }
}

/// Reports whether a text can be a fact of this kind.
fn fits(kind: Kind, text: &str) -> bool {
    match kind {
        // A path in Rust's or C++'s sense names a part of a program.
        Kind::Target => text.starts_with('/') || text.contains("://") || !text.contains("::"),
        Kind::Host => text != "_",
        Kind::Client => client::is_address(text),
        _ => true,
    }
}
