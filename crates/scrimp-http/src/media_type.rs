//! Media types (RFC 9110 §8.3.1).

use http::{HeaderMap, HeaderValue, header};

use crate::list::{members, weight, with_parameters};

/// Returns type and subtype without parameters.
#[must_use]
pub fn essence(value: &HeaderValue) -> &[u8] {
    with_parameters(value.as_bytes()).0
}

/// Returns type and subtype of a message's Content-Type. `None` if it has none.
#[must_use]
pub fn of(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(header::CONTENT_TYPE).map(essence)
}

/// Reports whether a message declares its body as JSON: `application/json`, or a type with the
/// suffix `+json` (RFC 6839).
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    of(headers).is_some_and(|essence| {
        let suffix = essence.rsplit(|&byte| byte == b'+').next();
        essence.eq_ignore_ascii_case(b"application/json")
            || essence.contains(&b'+')
                && suffix.is_some_and(|end| end.eq_ignore_ascii_case(b"json"))
    })
}

/// Reports whether a message declares its body as text (`text/*`).
#[must_use]
pub fn is_text(headers: &HeaderMap) -> bool {
    of(headers).is_some_and(|essence| {
        let kind = essence.get(..5);
        kind.is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/"))
    })
}

/// Reports whether a message declares its body as server-sent events (WHATWG HTML §9.2).
#[must_use]
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    of(headers).is_some_and(|essence| essence.eq_ignore_ascii_case(b"text/event-stream"))
}

/// Reports whether a message declares its body as lines of JSON, one value per line. There is no
/// registered media type; these are in use.
#[must_use]
pub fn is_json_lines(headers: &HeaderMap) -> bool {
    const LINES: [&[u8]; 5] = [
        b"application/x-ndjson",
        b"application/ndjson",
        b"application/jsonl",
        b"application/json-lines",
        b"application/x-json-stream",
    ];
    of(headers).is_some_and(|essence| {
        LINES
            .iter()
            .any(|known| known.eq_ignore_ascii_case(essence))
    })
}

/// Reports whether a media type is a stream without an end, so that its content is only of the
/// moment.
#[must_use]
#[inline]
pub fn is_live(value: &HeaderValue) -> bool {
    // Most other types begin with another letter.
    let first = value.as_bytes().trim_ascii_start().first();
    matches!(first, Some(b't' | b'T' | b'm' | b'M')) && is_live_essence(essence(value))
}

fn is_live_essence(essence: &[u8]) -> bool {
    essence.eq_ignore_ascii_case(b"text/event-stream")
        || essence.eq_ignore_ascii_case(b"multipart/x-mixed-replace")
}

/// Media types whose content comes in pieces, each of use before the next one is there.
const STREAMS: &[&[u8]] = &[
    b"application/json-seq",
    b"application/jsonl",
    b"application/ndjson",
    b"application/x-ndjson",
    b"multipart/mixed",
    b"multipart/x-mixed-replace",
    b"text/event-stream",
];

/// Reports whether a message's content comes in pieces, each of use before the next one is there: an
/// event stream, parts of `multipart/mixed` as GraphQL's `@defer` has them, or lines of JSON.
#[must_use]
pub fn is_stream(headers: &HeaderMap) -> bool {
    of(headers).is_some_and(is_stream_essence)
}

fn is_stream_essence(essence: &[u8]) -> bool {
    STREAMS
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
}

/// Reports whether a request accepts a [stream](is_stream) by name, with a weight above 0 (RFC 9110
/// §12.5.1).
#[must_use]
pub fn accepts_stream(request: &HeaderMap) -> bool {
    // Most lines are too short to name one; their length shows this without parsing.
    const SHORTEST: usize = b"multipart/mixed".len();
    let lines = request.get_all(header::ACCEPT).into_iter();
    members(lines.filter(|line| line.len() >= SHORTEST)).any(|member| {
        let (essence, mut parameters) = with_parameters(member);
        is_stream_essence(essence) && parameters.all(|one| weight(one) != Some(0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn streams_of_events_and_of_lines_are_known_by_their_types() {
        let is = |value: &str| {
            let headers = map("content-type", value);
            (is_event_stream(&headers), is_json_lines(&headers))
        };
        assert_eq!(is("Text/Event-Stream; charset=utf-8"), (true, false));
        assert_eq!(is("application/x-ndjson"), (false, true));
        assert_eq!(is("application/json"), (false, false));
    }

    #[test]
    fn json_is_recognised_by_its_type_or_its_suffix() {
        let json = |text: &str| is_json(&map("content-type", text));
        assert!(json("Application/JSON; charset=utf-8") && json("application/ld+json"));
        assert!(json("application/problem+JSON ;x"));
        for text in [
            "text/json",
            "json",
            "application/jsonx",
            "application/x-ndjson",
            "",
        ] {
            assert!(!json(text), "{text}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn text_is_recognised_by_its_type() {
        assert!(is_text(&map("content-type", "TEXT/html")));
        assert!(!is_text(&map("content-type", "text")));
    }

    #[test]
    fn streams_without_an_end_are_live() {
        let live = |text: &'static str| is_live(&HeaderValue::from_static(text));
        assert!(live("Text/Event-Stream; charset=utf-8"));
        assert!(live(" multipart/x-mixed-replace;boundary=x"));
        assert!(!live("text/html") && !live("multipart/mixed") && !live("application/json"));
    }

    #[test]
    fn content_that_comes_in_pieces_is_a_stream() {
        let stream = |text: &str| is_stream(&map("content-type", text));
        assert!(stream("multipart/mixed; boundary=-") && stream("Application/JSONL"));
        assert!(!stream("application/json") && !stream("multipart/form-data"));
        assert!(!is_stream(&HeaderMap::new()));
    }

    #[test]
    fn accept_is_read_as_a_list() {
        let accepts = |text: &str| accepts_stream(&map("accept", text));
        for text in [
            "text/event-stream",
            "application/json, Text/Event-Stream;q=0.9",
            "multipart/mixed; deferSpec=20220824, application/json",
            "application/json;q=0.1, application/x-ndjson",
            "application/jsonl",
        ] {
            assert!(accepts(text), "{text}");
        }
        for text in [
            "application/json, text/*",
            "x=\"text/event-stream\"",
            "application/json, text/event-stream;q=0",
            "multipart/mixed;q=0.000",
            "*/*",
        ] {
            assert!(!accepts(text), "{text}");
        }
        let lines = map("accept", "application/json");
        let mut two = lines.clone();
        two.append("accept", "multipart/mixed".parse().unwrap());
        assert!(accepts_stream(&two) && !accepts_stream(&lines));
    }
}
