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

/// Media types whose content is compressed, other than most images, sound and video.
const COMPRESSED: &[&[u8]] = &[
    b"application/gzip",
    b"application/java-archive",
    b"application/pdf",
    b"application/vnd.rar",
    b"application/x-7z-compressed",
    b"application/x-bzip2",
    b"application/x-gzip",
    b"application/x-xz",
    b"application/zip",
    b"application/zstd",
    b"font/woff",
    b"font/woff2",
];

/// Images that are not compressed.
const PLAIN_IMAGES: &[&[u8]] = &[
    b"image/bmp",
    b"image/svg+xml",
    b"image/vnd.microsoft.icon",
    b"image/x-icon",
];

/// Beginnings of the types of office documents, which are ZIP archives (OOXML and ODF).
const ARCHIVES: &[&[u8]] = &[
    b"application/vnd.oasis.opendocument.",
    b"application/vnd.openxmlformats-officedocument.",
];

/// Reports whether a message declares its body as of a type whose content is compressed, so that
/// it does not get shorter.
#[must_use]
pub fn is_compressed(headers: &HeaderMap) -> bool {
    of(headers).is_some_and(|essence| {
        let image = begins_with(essence, b"image/") && !is_one_of(PLAIN_IMAGES, essence);
        let archive = || ARCHIVES.iter().any(|start| begins_with(essence, start));
        image
            || begins_with(essence, b"video/")
            || begins_with(essence, b"audio/")
            || is_one_of(COMPRESSED, essence)
            || archive()
    })
}

/// Reports whether a message declares its body as server-sent events (WHATWG HTML §9.2).
#[must_use]
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    of(headers).is_some_and(|essence| essence.eq_ignore_ascii_case(b"text/event-stream"))
}

/// Media types of lines of JSON, one value per line. None is registered; these are in use.
const LINES: &[&[u8]] = &[
    b"application/x-ndjson",
    b"application/ndjson",
    b"application/jsonl",
    b"application/x-jsonl",
    b"application/jsonlines",
    b"application/x-jsonlines",
    b"application/json-lines",
    b"application/x-json-stream",
    b"application/stream+json",
    b"application/x-ldjson",
];

/// Reports whether a message declares its body as lines of JSON, one value per line. There is no
/// registered media type; some are in use.
#[must_use]
pub fn is_json_lines(headers: &HeaderMap) -> bool {
    of(headers).is_some_and(|essence| is_one_of(LINES, essence))
}

/// Reports whether a message declares its body as a sequence of JSON texts: `application/json-seq`
/// (RFC 7464), or a type with the suffix `+json-seq` (RFC 8091).
pub(crate) fn is_json_sequence(headers: &HeaderMap) -> bool {
    of(headers).is_some_and(is_sequence)
}

fn is_sequence(essence: &[u8]) -> bool {
    essence.eq_ignore_ascii_case(b"application/json-seq") || ends_with(essence, b"+json-seq")
}

/// Reports whether a message declares its body as messages of gRPC (`application/grpc+proto`), other
/// than of gRPC-Web.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    of(headers).is_some_and(|essence| {
        essence.eq_ignore_ascii_case(GRPC) || begins_with(essence, b"application/grpc+")
    })
}

/// Reports whether a message declares its body as parts (`multipart/*`).
pub(crate) fn is_multipart(headers: &HeaderMap) -> bool {
    of(headers).is_some_and(|essence| begins_with(essence, b"multipart/"))
}

/// Returns whether this is the type of messages of gRPC, gRPC-Web or Connect's streams.
fn is_rpc(essence: &[u8]) -> bool {
    begins_with(essence, b"application/grpc") || begins_with(essence, b"application/connect+")
}

/// Media type of AWS's event streams: messages that begin with their length.
const FRAMED: &[u8] = b"application/vnd.amazon.eventstream";

/// Reports whether a message declares its body as messages that begin with their length.
pub(crate) fn is_framed(headers: &HeaderMap) -> bool {
    of(headers).is_some_and(|essence| essence.eq_ignore_ascii_case(FRAMED))
}

/// Other media types whose content comes in pieces, each of use before the next one is there.
const STREAMS: &[&[u8]] = &[
    b"text/event-stream",
    b"multipart/mixed",
    b"multipart/x-mixed-replace",
    FRAMED,
];

/// Reports whether a message's content comes in pieces, each of use before the next one is there: an
/// event stream, parts of `multipart/mixed` as GraphQL's `@defer` has them, lines or sequences of
/// JSON, messages of gRPC. Such a content may have no end, and is often only of the moment.
#[must_use]
pub fn is_stream(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(is_stream_type)
}

/// Reports whether a value of Content-Type is the type of a [stream](is_stream).
#[must_use]
#[inline]
pub fn is_stream_type(value: &HeaderValue) -> bool {
    // Most other types are this one, or begin with another letter.
    let json = value.as_bytes().strip_prefix(b"application/json");
    if json.is_some_and(|rest| matches!(rest.first(), None | Some(b';'))) {
        return false;
    }
    let first = value.as_bytes().trim_ascii_start().first();
    matches!(first.map(u8::to_ascii_lowercase), Some(b't' | b'm' | b'a'))
        && is_stream_essence(essence(value))
}

fn is_stream_essence(essence: &[u8]) -> bool {
    is_one_of(STREAMS, essence)
        || is_one_of(LINES, essence)
        || is_sequence(essence)
        || is_rpc(essence)
}

fn is_one_of(types: &[&[u8]], essence: &[u8]) -> bool {
    let mut types = types.iter();
    types.any(|known| known.eq_ignore_ascii_case(essence))
}

fn begins_with(essence: &[u8], prefix: &[u8]) -> bool {
    let start = essence.get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn ends_with(essence: &[u8], suffix: &[u8]) -> bool {
    let start = essence.len().checked_sub(suffix.len());
    start.is_some_and(|start| essence[start..].eq_ignore_ascii_case(suffix))
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
    fn content_that_does_not_get_shorter_is_recognised_by_its_type() {
        let compressed = |text: &str| is_compressed(&map("content-type", text));
        for text in [
            "Image/PNG",
            "video/mp4; codecs=avc1",
            "font/woff2",
            "application/zip",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ] {
            assert!(compressed(text), "{text}");
        }
        for text in [
            "image/svg+xml",
            "application/json",
            "text/html",
            "font/ttf",
            "",
        ] {
            assert!(!compressed(text), "{text}");
        }
        assert!(!is_compressed(&HeaderMap::new()));
    }

    #[test]
    fn text_is_recognised_by_its_type() {
        assert!(is_text(&map("content-type", "TEXT/html")));
        assert!(!is_text(&map("content-type", "text")));
    }

    #[test]
    fn content_that_comes_in_pieces_is_a_stream() {
        let stream = |text: &str| is_stream(&map("content-type", text));
        for text in [
            "Text/Event-Stream; charset=utf-8",
            " multipart/x-mixed-replace;boundary=x",
            "multipart/mixed; boundary=-",
            "Application/JSONL",
            "application/stream+json",
            "application/json-seq",
            "application/geo+JSON-seq",
            "application/grpc",
            "Application/gRPC-web+proto",
            "application/connect+json",
            "application/vnd.amazon.eventstream",
        ] {
            assert!(stream(text), "{text}");
        }
        for text in [
            "application/json",
            "application/ld+json",
            "text/html",
            "text/event-streams",
            "multipart/form-data",
            "application/x-www-form-urlencoded",
            "application/gr",
            "image/png",
            "",
        ] {
            assert!(!stream(text), "{text}");
        }
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
