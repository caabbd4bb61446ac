//! Parts of responses.

use crate::common::{Rig, layer, minute, reply};

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
