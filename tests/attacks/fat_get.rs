//! GET with a body: the key does not contain the body, and some upstreams read it.

use bytes::Bytes;
use http_body_util::Full;
use scrimp_tests::{Rig, layer, request};

#[tokio::test]
async fn a_get_with_a_body_is_neither_stored_nor_answered_from_store() {
    let rig = Rig::reflecting(layer(&["path=/** ttl=1h"]));
    let fat = || request("GET", "/?id=1", &[]).map(|_| Full::new(Bytes::from("id=evil")));
    for before in [false, true] {
        if before {
            rig.get("/?id=1").await;
        }
        let answer = rig.send(fat()).await.expect("an answer");
        assert!(answer.header("cache-status").contains("detail=body"));
        assert!(!answer.is_hit() && !answer.is_stored());
    }
    assert_eq!(rig.upstream.calls(), 3);
    assert!(rig.get("/?id=1").await.is_hit());
}

#[tokio::test]
async fn a_head_with_a_body_is_not_answered_from_store() {
    let rig = Rig::reflecting(layer(&[]));
    rig.get("/").await;
    let fat = request("HEAD", "/", &[]).map(|_| Full::new(Bytes::from("x")));
    assert!(!rig.send(fat).await.expect("an answer").is_hit());
}

#[tokio::test]
async fn a_form_is_treated_like_any_other_body() {
    let rig = Rig::reflecting(layer(&["path=/** query=id ttl=1h"]));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let fat = request("GET", "/?id=1", &form).map(|_| Full::new(Bytes::from("id=evil")));
    rig.send(fat).await.expect("an answer");
    assert!(!rig.get("/?id=1").await.is_hit());
}
