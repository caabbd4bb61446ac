//! Parts of responses.

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;

use crate::common::{Rig, date, layer, minute, reply, request};

#[tokio::test]
async fn ranges_are_cut_from_a_complete_response() {
    let fields = [
        ("cache-control", "max-age=60"),
        ("etag", "\"v\""),
        ("content-type", "a/b"),
    ];
    let rig = Rig::script(layer(), [reply(200, &fields, "0123456789")]);
    rig.get("/").await;
    let one = rig.get_with("/", &[("range", "bytes=2-4")]).await;
    assert_eq!((one.status.as_u16(), one.text()), (206, "234"));
    assert_eq!(one.header("content-range"), "bytes 2-4/10");
    assert_eq!(one.header("content-length"), "3");
    let two = rig.get_with("/", &[("range", "bytes=0-0,-1")]).await;
    assert!(
        two.header("content-type")
            .starts_with("multipart/byteranges; boundary=")
    );
    let boundary = two
        .header("content-type")
        .split('=')
        .next_back()
        .expect("a boundary");
    let expected = format!(
        "\r\n--{boundary}\r\nContent-Type: a/b\r\nContent-Range: bytes 0-0/10\r\n\r\n0\
         \r\n--{boundary}\r\nContent-Type: a/b\r\nContent-Range: bytes 9-9/10\r\n\r\n9\
         \r\n--{boundary}--\r\n"
    );
    assert_eq!(two.text(), expected);
    assert_eq!(two.header("content-length"), expected.len().to_string());
    let none = rig.get_with("/", &[("range", "bytes=10-")]).await;
    assert_eq!(
        (none.status.as_u16(), none.header("content-range")),
        (416, "bytes */10")
    );
    let outdated = [("range", "bytes=2-4"), ("if-range", "\"old\"")];
    assert_eq!(rig.get_with("/", &outdated).await.text(), "0123456789");
    let current = [("range", "bytes=2-4"), ("if-range", "\"v\"")];
    assert_eq!(rig.get_with("/", &current).await.text(), "234");
    assert_eq!(rig.upstream.calls(), 1);
}

#[tokio::test]
async fn a_date_in_if_range_counts_if_it_is_the_stored_one_and_a_second_older_than_the_response() {
    // The response is of noon.
    for (modified, condition, part) in [
        (-10, -10, true),
        (-10, -11, false),
        (-10, -9, false),
        (-1, -1, true),
        (0, 0, false),
        (5, 5, false),
    ] {
        let (now, modified, condition) = (date(0), date(modified), date(condition));
        let fields = [
            ("cache-control", "max-age=60"),
            ("date", &*now),
            ("last-modified", &*modified),
        ];
        let rig = Rig::script(layer(), [reply(200, &fields, "0123456789")]);
        rig.get("/").await;
        let asks = [("range", "bytes=2-4"), ("if-range", &*condition)];
        let answer = rig.get_with("/", &asks).await;
        let expected = if part {
            (206, "234")
        } else {
            (200, "0123456789")
        };
        assert_eq!(
            (answer.status.as_u16(), answer.text()),
            expected,
            "{fields:?} {condition}"
        );
        assert_eq!(rig.upstream.calls(), 1);
    }
    // Without a stored date, no date is the same.
    let fields = [("cache-control", "max-age=60"), ("etag", "\"v\"")];
    let rig = Rig::script(layer(), [reply(200, &fields, "0123456789")]);
    rig.get("/").await;
    let asks = [("range", "bytes=2-4"), ("if-range", &*date(-10))];
    assert_eq!(rig.get_with("/", &asks).await.status, 200);
}

#[tokio::test]
async fn a_partial_response_is_never_stored_as_a_whole_one() {
    let part = [
        ("cache-control", "max-age=60"),
        ("content-range", "bytes 0-0/2"),
    ];
    let rig = Rig::script(layer(), [reply(206, &part, "a"), minute("ab")]);
    assert_eq!(
        rig.get_with("/", &[("range", "bytes=0-0")])
            .await
            .status
            .as_u16(),
        206
    );
    assert_eq!(rig.get("/").await.text(), "ab");
}

/// Returns whether a piece lies in the memory of a stored body.
fn is_slice(piece: &Bytes, whole: &Bytes) -> bool {
    let (piece, whole) = (piece.as_ptr_range(), whole.as_ptr_range());
    whole.start <= piece.start && piece.end <= whole.end
}

#[tokio::test]
async fn parts_are_slices_of_the_stored_body_and_their_length_is_known_to_the_byte() {
    let body = "0123456789".repeat(1_000);
    let fields = [("cache-control", "max-age=60"), ("content-type", "a/b")];
    let rig = Rig::script(layer(), [reply(200, &fields, &body)]);
    rig.get("/").await;
    let whole = rig.get("/").await.body;
    for (range, slices) in [
        ("bytes=5-", 1),
        ("bytes=-9000,100-200", 2),
        ("bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14", 8),
    ] {
        let response = rig.open(request("GET", "/", &[("range", range)])).await;
        let (head, mut body) = response.expect("an answer").into_parts();
        let mut left = head.headers["content-length"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        let mut seen = 0;
        while !body.is_end_stream() {
            assert_eq!(body.size_hint().exact(), Some(left), "{range}");
            let frame = body.frame().await.expect("a frame").expect("no error");
            let piece = frame.into_data().expect("data");
            assert!(!piece.is_empty(), "{range}");
            left -= piece.len() as u64;
            seen += usize::from(is_slice(&piece, &whole));
        }
        assert_eq!((left, seen), (0, slices), "{range}");
        assert!(body.frame().await.is_none());
        assert_eq!(body.size_hint().exact(), Some(0));
    }
}

#[tokio::test]
async fn a_head_of_parts_has_no_body_and_a_part_of_nothing_is_refused() {
    let fields = [("cache-control", "max-age=60")];
    let rig = Rig::script(layer(), [reply(200, &fields, "")]);
    rig.get("/").await;
    let none = rig.get_with("/", &[("range", "bytes=0-0,2-")]).await;
    assert_eq!(
        (none.status.as_u16(), none.header("content-range")),
        (416, "bytes */0")
    );
    let head = request("HEAD", "/", &[("range", "bytes=0-0,2-")]);
    let head = rig.send(head).await.expect("an answer");
    assert_eq!((head.status.as_u16(), head.text()), (200, ""));
}
