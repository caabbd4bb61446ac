use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;

fn fields(kind: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", kind.parse().expect("a value"));
    headers
}

fn of(kind: &str) -> Pieces {
    Pieces::of(&fields(kind)).expect("a stream")
}

fn split(kind: &str, content: &'static str) -> Vec<Bytes> {
    let (pieces, mut rest) = (of(kind), Bytes::from(content));
    let mut found = Vec::new();
    while !rest.is_empty() {
        found.push(pieces.split_off(&mut rest));
    }
    found
}

const EVENTS: &str = "text/event-stream; charset=utf-8";

#[test]
fn an_event_ends_at_its_blank_line_whatever_ends_its_lines() {
    assert_eq!(
        split(
            EVENTS,
            "data: a\n\n: ping\n\nevent: x\r\ndata: b\r\n\r\ndata: c\r\rdata: d\n\r\n"
        ),
        [
            "data: a\n\n",
            ": ping\n\n",
            "event: x\r\ndata: b\r\n\r\n",
            "data: c\r\r",
            "data: d\n\r\n"
        ]
    );
    assert_eq!(split(EVENTS, "data: a\n\n\n\ndata: b\n\n").len(), 2);
    assert_eq!(split(EVENTS, "data: a\n\ndata: b").len(), 2);
}

#[test]
fn each_kind_of_stream_is_divided_into_its_pieces() {
    let lines = split("application/x-ndjson", "{\"a\":1}\n{\"a\":2}\n");
    assert_eq!(lines, ["{\"a\":1}\n", "{\"a\":2}\n"]);
    let sequence = split("application/json-seq", "\u{1e}{\n}\n\u{1e}2\n");
    assert_eq!(sequence, ["\u{1e}{\n}\n", "\u{1e}2\n"]);
    let parts = "--b\r\nA: 1\r\n\r\none\r\n--b\r\n\r\n--bb\r\n--b--\r\n";
    assert_eq!(
        split("multipart/mixed; boundary=\"b\"", parts),
        ["--b\r\nA: 1\r\n\r\none\r\n--b\r\n", "\r\n--bb\r\n--b--\r\n"]
    );
    let messages = split("application/grpc+proto", "\0\0\0\0\u{2}hi\0\0\0\0\0");
    assert_eq!(messages, ["\0\0\0\0\u{2}hi", "\0\0\0\0\0"]);
    let frames = split(
        "application/vnd.amazon.eventstream",
        "\0\0\0\u{10}012345678901\0\0\0\u{11}0123456789012",
    );
    assert_eq!(frames.len(), 2);
}

#[test]
fn a_stream_that_was_cut_short_has_no_clean_end() {
    for (kind, clean, cut) in [
        (
            EVENTS,
            "data: a\n\n",
            &["", "data: a\n", "data: a\n\nda", "x"][..],
        ),
        ("application/jsonl", "1\n2\n", &["1\n2", "1"]),
        (
            "application/json-seq",
            "\u{1e}1\n",
            &["\u{1e}1", "1\n", "\u{1e}1\n\u{1e}2"],
        ),
        (
            "multipart/mixed;boundary=-",
            "\r\n---\r\n\r\n{}\r\n-----\r\n",
            &["", "\r\n---\r\n\r\n{}\r\n---\r\n", "\r\n---\r\n\r\n{}"],
        ),
        (
            "application/vnd.amazon.eventstream",
            "\0\0\0\u{10}012345678901",
            &["\0\0\0\u{10}01234567890", "\0\0\0\u{1}", "\0\0"],
        ),
    ] {
        assert!(of(kind).is_clean(clean.as_bytes(), None), "{kind}");
        for cut in cut {
            assert!(!of(kind).is_clean(cut.as_bytes(), None), "{kind} {cut:?}");
        }
    }
    assert!(
        of("application/jsonl").is_clean(b"", None),
        "no lines are also an answer"
    );
}

#[test]
fn a_stream_of_grpc_is_clean_only_with_status_0_in_its_trailers() {
    let grpc = of("application/grpc");
    let trailers = |status: &'static str| {
        let mut trailers = HeaderMap::new();
        trailers.append("grpc-status", HeaderValue::from_static(status));
        trailers
    };
    let message = b"\0\0\0\0\x01x";
    assert!(grpc.is_clean(message, Some(&trailers("0"))));
    assert!(!grpc.is_clean(message, Some(&trailers("14"))));
    assert!(!grpc.is_clean(message, None));
    assert!(!grpc.is_clean(&message[..5], Some(&trailers("0"))));
}

#[test]
fn an_event_that_reports_an_error_makes_its_stream_unclean() {
    for error in [
        "data: a\n\nevent: error\ndata: {}\n\n",
        "data: {\"error\":{\"code\":1}}\n\n",
        "data:  { \"error\" : 1}\r\n\r\n",
    ] {
        assert!(!of(EVENTS).is_clean(error.as_bytes(), None), "{error:?}");
    }
    for answer in [
        "data: {\"error\": null, \"a\":1}\n\n",
        "data: {\"errors\":0}\n\n",
        "event: errors\ndata: error\n\n",
    ] {
        assert!(of(EVENTS).is_clean(answer.as_bytes(), None), "{answer:?}");
    }
}

#[test]
fn the_last_event_may_say_that_none_follows() {
    assert!(of(EVENTS).is_done(b"data: a\n\ndata: [DONE]\n\n"));
    assert!(of(EVENTS).is_done(b"data:[DONE]\r\n\r\n"));
    assert!(!of(EVENTS).is_done(b"data: [DONE]\n\ndata: a\n\n"));
    assert!(!of(EVENTS).is_done(b""));
    assert!(!of("application/jsonl").is_done(b"data: [DONE]\n\n"));
}

#[test]
fn no_pieces_are_known_of_what_only_its_reader_can_divide() {
    let mut coded = fields(EVENTS);
    coded.insert("content-encoding", HeaderValue::from_static("gzip"));
    let coded = Pieces::of(&coded).expect("a stream");
    let others = [
        "multipart/mixed",
        "application/grpc-web-text",
        "application/connect+json",
    ];
    for opaque in others.map(of).into_iter().chain([coded]) {
        assert!(!opaque.are_known() && !opaque.is_clean(b"data: a\n\n", None));
        let mut content = Bytes::from("ab");
        assert_eq!(opaque.split_off(&mut content), "ab");
    }
    assert!(Pieces::of(&fields("application/json")).is_none());
    assert!(Pieces::of(&HeaderMap::new()).is_none());
}

const KINDS: [&str; 6] = [
    EVENTS,
    "application/x-ndjson",
    "application/json-seq",
    "multipart/mixed; boundary=b",
    "application/grpc",
    "application/vnd.amazon.eventstream",
];

proptest! {
    #[test]
    fn the_pieces_of_any_content_make_up_the_whole(
        kind in prop::sample::select(&KINDS[..]),
        text in "[ab\r\n:\\-\u{1e}\0\u{1}\u{10}]{0,60}",
    ) {
        let (pieces, whole) = (of(kind), Bytes::from(text));
        let (mut rest, mut found) = (whole.clone(), Vec::new());
        while !rest.is_empty() {
            let piece = pieces.split_off(&mut rest);
            prop_assert!(!piece.is_empty());
            found.push(piece);
        }
        prop_assert_eq!(found.concat(), whole);
    }
}
