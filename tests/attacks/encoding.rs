//! Different paths with the same decoded form.

use scrimp_tests::{Rig, layer};

#[tokio::test]
async fn a_path_answers_only_for_its_own_spelling() {
    for other in [
        "/%61/b",
        "/a%2Fb",
        "/a%2fb",
        "//a/b",
        "/a//b",
        "/a/./b",
        "/a/x/../b",
        "/A/b",
        "/a/b/",
        "/a/b;x",
        "/a/b?",
        "/a/b%20",
        "/a/b%00",
        "/a%252Fb",
        "/%c0%afa/b",
    ] {
        let rig = Rig::reflecting(layer(&[]));
        rig.get(other).await;
        assert!(!rig.get("/a/b").await.is_hit(), "{other} before /a/b");
        assert!(rig.get("/a/b").await.is_hit());
    }
}

#[tokio::test]
async fn a_path_and_its_query_cannot_be_exchanged() {
    for (one, other) in [
        ("/a%3Fb", "/a?b"),
        ("/a?b", "/a?b?"),
        ("/a%23b", "/a"),
        ("/a&b", "/a?&b"),
    ] {
        let rig = Rig::reflecting(layer(&[]));
        rig.get(one).await;
        assert!(!rig.get(other).await.is_hit(), "{one} before {other}");
    }
}

#[tokio::test]
async fn a_bypass_rule_cannot_be_evaded() {
    let rules = ["path=/admin/** bypass", "path=/** ttl=1h"];
    for uri in [
        "/admin/x",
        "/x/../admin/x",
        "//admin/x",
        "/x/%2e%2e/admin/x",
        "/./admin/x",
        "/%61dmin/x",
    ] {
        let rig = Rig::new(layer(&rules), |_| scrimp_tests::reply(200, &[], "secret"));
        rig.get(uri).await;
        let again = rig.get(uri).await;
        assert!(!again.is_hit(), "{uri}: {}", again.header("cache-status"));
    }
}
