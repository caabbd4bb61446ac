//! JSON lines, with the field names in common use.
//!
//! Supports nginx and Apache with the usual `log_format`s, Caddy (which nests the request),
//! Cloudflare Logpush, and Logstash-like pipelines. The first name of a list that the object
//! contains is used; a nested `request` object is searched too.

use serde_json::{Map, Value};

use super::{BadLine, Entry, method, status, target, time};

type Object = Map<String, Value>;

const TIME: &[&str] = &[
    "time",
    "timestamp",
    "ts",
    "@timestamp",
    "time_iso8601",
    "time_local",
    "msec",
    "date",
    "datetime",
    "start_time",
    "EdgeStartTimestamp",
];
const METHOD: &[&str] = &[
    "method",
    "request_method",
    "verb",
    "http_method",
    "httpMethod",
    "requestMethod",
    "ClientRequestMethod",
];
const TARGET: &[&str] = &[
    "uri",
    "request_uri",
    "path",
    "url",
    "requestUrl",
    "uri_path",
    "target",
    "ClientRequestURI",
];
const QUERY: &[&str] = &["query", "query_string", "args"];
const STATUS: &[&str] = &[
    "status",
    "status_code",
    "response",
    "response_code",
    "responseCode",
    "http_status",
    "EdgeResponseStatus",
];
const BYTES: &[&str] = &[
    "bytes",
    "body_bytes_sent",
    "bytes_sent",
    "size",
    "response_size",
    "responseSize",
    "content_length",
    "EdgeResponseBytes",
];
const HOST: &[&str] = &[
    "host",
    "http_host",
    "server_name",
    "vhost",
    "ClientRequestHost",
];
const AGENT: &[&str] = &[
    "user_agent",
    "http_user_agent",
    "userAgent",
    "agent",
    "ClientRequestUserAgent",
];

pub(super) fn parse(line: &[u8]) -> Result<Entry, BadLine> {
    let text = String::from_utf8_lossy(line);
    let object: Object = serde_json::from_str(&text).map_err(|_| BadLine::Json)?;
    let nested = ["request", "httpRequest", "http"]
        .iter()
        .find_map(|name| object.get(*name)?.as_object());
    let find = |names: &[&str]| find(&object, names).or_else(|| find_in(nested, names));

    let time = find(TIME).and_then(moment).ok_or(BadLine::Time)?;
    let (name, url) = request(&object, find)?;
    let name = method(&name)?;
    let status = status(find(STATUS).and_then(number).ok_or(BadLine::Status)?)?;
    let (own_host, target) = target::split(name, url.as_bytes())?;
    let host = match find(HOST).and_then(Value::as_str) {
        Some(host) if own_host.is_empty() && !matches!(host, "" | "-" | "_") => {
            target::host(host.as_bytes())?
        }
        _ => own_host,
    };
    let user_agent = find(AGENT)
        .and_then(Value::as_str)
        .or_else(|| header(nested?, "User-Agent"));
    Ok(Entry {
        time,
        status,
        bytes: find(BYTES).and_then(number).unwrap_or(0),
        method: name.to_owned(),
        host,
        target,
        user_agent: user_agent
            .filter(|agent| *agent != "-")
            .unwrap_or_default()
            .to_owned(),
    })
}

/// Reads method and target, from their own fields or from a request line.
fn request<'a>(
    object: &'a Object,
    find: impl Fn(&[&str]) -> Option<&'a Value>,
) -> Result<(String, String), BadLine> {
    let line = object
        .get("request")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut words = line.split(' ');
    let first = words.next().filter(|word| !word.is_empty());
    let second = words.next();
    let name = find(METHOD)
        .and_then(Value::as_str)
        .or(first.filter(|_| second.is_some()));
    // A `request` of one word is a target.
    let url = find(TARGET)
        .and_then(Value::as_str)
        .or(second)
        .or(first)
        .ok_or(BadLine::Request)?;
    let mut url = url.to_owned();
    if let Some(query) = find(QUERY).and_then(Value::as_str)
        && !matches!(query, "" | "-")
        && !url.contains('?')
    {
        url.push('?');
        url.push_str(query.trim_start_matches('?'));
    }
    Ok((name.unwrap_or("GET").to_ascii_uppercase(), url))
}

fn find<'a>(object: &'a Object, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| {
        object
            .get(*name)
            .filter(|value| value.is_string() || value.is_number())
    })
}

fn find_in<'a>(object: Option<&'a Object>, names: &[&str]) -> Option<&'a Value> {
    find(object?, names)
}

/// Reads a field as Caddy writes it: `"headers": {"User-Agent": ["…"]}`.
fn header<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get("headers")?.get(name)?.get(0)?.as_str()
}

fn moment(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => time::text(text),
        _ => time::number_of(value.as_f64()?),
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        _ => value.as_u64().or_else(|| {
            let float = value.as_f64().filter(|float| *float >= 0.0)?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates"
            )]
            Some(float as u64)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(host: &str, target: &str, user_agent: &str) -> Entry {
        Entry {
            time: 1_431_857_103_000_000,
            status: 200,
            bytes: 12,
            method: "GET".into(),
            host: host.into(),
            target: target.into(),
            user_agent: user_agent.into(),
        }
    }

    #[test]
    fn every_common_dialect_is_read() {
        let nginx = br#"{"time_iso8601":"2015-05-17T10:05:03+00:00","request_method":"GET",
            "request_uri":"/a?b=1","status":"200","body_bytes_sent":"12","http_host":"Shop.example",
            "http_user_agent":"curl"}"#;
        assert_eq!(parse(nginx), Ok(entry("shop.example", "/a?b=1", "curl")));

        let caddy = br#"{"level":"info","ts":1431857103.0,"request":{"method":"GET",
            "host":"shop.example","uri":"/a","headers":{"User-Agent":["curl"]}},
            "status":200,"size":12}"#;
        assert_eq!(parse(caddy), Ok(entry("shop.example", "/a", "curl")));

        let cloudflare = br#"{"EdgeStartTimestamp":1431857103000000000,"ClientRequestMethod":"GET",
            "ClientRequestHost":"shop.example","ClientRequestURI":"/a","EdgeResponseStatus":200,
            "EdgeResponseBytes":12,"ClientRequestUserAgent":"curl"}"#;
        assert_eq!(parse(cloudflare), Ok(entry("shop.example", "/a", "curl")));

        let logstash = br#"{"@timestamp":"2015-05-17T10:05:03.000Z","verb":"GET","request":"/a",
            "response":"200","bytes":12,"clientip":"10.0.0.1"}"#;
        assert_eq!(parse(logstash), Ok(entry("", "/a", "")));

        let line = br#"{"time_local":"17/May/2015:10:05:03 +0000","request":"GET /a HTTP/1.1",
            "status":200,"bytes_sent":12}"#;
        assert_eq!(parse(line), Ok(entry("", "/a", "")));

        let split = br#"{"time":1431857103000,"method":"get","path":"/a","query":"b=1",
            "status_code":200.0,"size":12}"#;
        assert_eq!(parse(split), Ok(entry("", "/a?b=1", "")));
    }

    #[test]
    fn the_error_names_the_missing_field() {
        assert_eq!(parse(b"{"), Err(BadLine::Json));
        assert_eq!(parse(b"{}"), Err(BadLine::Time));
        assert_eq!(parse(br#"{"time":1}"#), Err(BadLine::Request));
        assert_eq!(parse(br#"{"time":1,"path":"/"}"#), Err(BadLine::Status));
        assert_eq!(
            parse(br#"{"time":1,"path":"/","status":200,"host":"a b"}"#),
            Err(BadLine::Host)
        );
    }
}
