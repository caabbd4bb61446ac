//! The first event of a stream, which shows whether the stream is an answer.

use http::{HeaderMap, header};
use scrimp_http::media_type;
use serde_json::Value;

/// Longest beginning of a stream that is looked at, in bytes, comments included. A longer one is an
/// answer.
pub(crate) const MOST: usize = 64 * 1024;

/// Verdict on the beginning of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Answer,
    /// The first event is an error.
    Error,
    /// The stream has ended without an event.
    Empty,
}

/// Reader of a stream, up to the end of its first event.
#[derive(Debug)]
pub(crate) struct Opening {
    format: Format,
    line: Vec<u8>,
    /// Name and data of the event.
    name: Vec<u8>,
    data: Vec<u8>,
    /// True if the last byte was a carriage return, which may be half of a line's end.
    returned: bool,
    seen: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Format {
    /// Server-sent events (WHATWG HTML §9.2).
    Events,
    /// A JSON object per line.
    Lines,
}

// === impl Opening ===

impl Opening {
    /// Returns a reader, if a response is a stream of events or of JSON lines, by its media type or,
    /// without one, by its first bytes.
    pub(crate) fn of(headers: &HeaderMap, begins: &[u8]) -> Option<Self> {
        let format = if media_type::is_event_stream(headers) || looks_like_events(headers, begins) {
            Format::Events
        } else if media_type::is_json_lines(headers) {
            Format::Lines
        } else {
            return None;
        };
        Some(Self {
            format,
            line: Vec::new(),
            name: Vec::new(),
            data: Vec::new(),
            returned: false,
            seen: 0,
        })
    }

    /// Takes the next bytes, decoded. Returns the verdict as soon as there is one.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Option<Verdict> {
        for &byte in chunk {
            self.seen += 1;
            let after_return = std::mem::replace(&mut self.returned, byte == b'\r');
            let verdict = match byte {
                b'\n' if after_return => None,
                b'\n' | b'\r' => self.end_line(),
                _ => {
                    self.line.push(byte);
                    None
                }
            };
            if verdict.is_some() {
                return verdict;
            }
        }
        (self.seen > MOST).then_some(Verdict::Answer)
    }

    /// Ends the stream.
    pub(crate) fn end(&mut self) -> Verdict {
        let rest = self.end_line();
        rest.or_else(|| self.end_event()).unwrap_or(Verdict::Empty)
    }

    fn end_line(&mut self) -> Option<Verdict> {
        let line = std::mem::take(&mut self.line);
        if self.format == Format::Lines {
            self.data = line;
            return self.end_event();
        }
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(place) => (&line[..place], &line[place + 1..]),
            None => (&line[..], &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.name = value.to_vec(),
            b"data" => {
                // Some servers leave the blank line between events out.
                if let Some(verdict) = self.whole_data() {
                    return Some(verdict);
                }
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            _ => {}
        }
        None
    }

    fn whole_data(&self) -> Option<Verdict> {
        let data: Value = serde_json::from_slice(&self.data).ok()?;
        data.is_object().then(|| verdict(&self.name, &self.data))
    }

    fn end_event(&mut self) -> Option<Verdict> {
        let (name, data) = (
            std::mem::take(&mut self.name),
            std::mem::take(&mut self.data),
        );
        let data = data.trim_ascii();
        // The end of a stream, or a sign of life, is no event of an answer.
        let is_nothing = data == b"[DONE]" || data.is_empty() && name != b"error";
        (!is_nothing && name != b"ping").then(|| verdict(&name, data))
    }
}

fn verdict(name: &[u8], data: &[u8]) -> Verdict {
    if name == b"error" || is_error(data) {
        Verdict::Error
    } else {
        Verdict::Answer
    }
}

/// Reports whether an event is an error: by a member `error`, or by a `type` or `object` of that
/// name. `response.failed` is that of OpenAI's responses.
fn is_error(data: &[u8]) -> bool {
    let Ok(Value::Object(event)) = serde_json::from_slice(data) else {
        return false;
    };
    let named = |key: &str, names: &[&str]| {
        let value = event.get(key).and_then(Value::as_str);
        value.is_some_and(|value| names.contains(&value))
    };
    let error = event.get("error");
    error.is_some_and(|error| !error.is_null() && *error != Value::Bool(false))
        || named("type", &["error", "response.failed"])
        || named("object", &["error"])
}

/// Reports whether a body without a media type is a stream, by its first bytes.
fn looks_like_events(headers: &HeaderMap, beginning: &[u8]) -> bool {
    let starts = [&b"data:"[..], b"event:"];
    !headers.contains_key(header::CONTENT_TYPE)
        && starts.iter().any(|start| beginning.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, body: &str, step: usize) -> Verdict {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        let mut opening = Opening::of(&headers, b"").expect("a stream");
        for chunk in body.as_bytes().chunks(step) {
            if let Some(verdict) = opening.push(chunk) {
                return verdict;
            }
        }
        opening.end()
    }

    fn events(body: &str) -> Verdict {
        let verdict = of("text/event-stream; charset=utf-8", body, 1);
        assert_eq!(of("Text/Event-Stream", body, 1_000), verdict, "{body:?}");
        let windows = body.replace('\n', "\r\n");
        assert_eq!(of("text/event-stream", &windows, 7), verdict, "{body:?}");
        verdict
    }

    #[test]
    fn a_stream_that_begins_with_an_error_is_one() {
        for body in [
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
            ": PROCESSING\n\ndata: {\"id\":\"g\",\"choices\":[],\"error\":{\"code\":502}}\n\n",
            "data: {\"type\":\"response.failed\",\"response\":{}}\n\n",
            "data: {\"object\":\"error\",\"message\":\"busy\"}\n\ndata: [DONE]\n\n",
            "data: {\ndata: \"error\": \"busy\"\ndata: }\n\n",
            "event: ping\ndata: {}\n\nevent:error\ndata: busy\n\n",
            "data: {\"error\":\"busy\"}",
            "data: {\"error\":\"busy\"}\ndata: [DONE]\n",
        ] {
            assert_eq!(events(body), Verdict::Error, "{body:?}");
        }
        assert_eq!(
            of("application/x-ndjson", "\n{\"error\":\"x\"}\n", 3),
            Verdict::Error
        );
    }

    #[test]
    fn a_stream_without_an_event_is_empty() {
        for body in [
            "",
            "\n\n",
            ": alive\n\n",
            "data: [DONE]\n\n",
            "event: ping\ndata: {}\n\n",
        ] {
            assert_eq!(events(body), Verdict::Empty, "{body:?}");
        }
    }

    #[test]
    fn any_other_event_is_an_answer() {
        for body in [
            "data: {\"choices\":[{\"delta\":{\"content\":\"error\"}}],\"error\":null}\n\n",
            "event: message_start\ndata: {\"type\":\"message_start\"}\n\n",
            "data: plain text\n\n",
            "data: {\"a\":1}\n\ndata: {\"error\":\"late\"}\n\n",
        ] {
            assert_eq!(events(body), Verdict::Answer, "{body:?}");
        }
        let long = format!("data: {}", "x".repeat(MOST + 1));
        assert_eq!(of("text/event-stream", &long, 1_000), Verdict::Answer);
        assert!(Opening::of(&HeaderMap::new(), b"{").is_none());
        assert!(Opening::of(&HeaderMap::new(), b"data: 1").is_some());
    }
}
