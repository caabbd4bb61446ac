//! Responses shared between callers, or not.

use scrimp_cache::Mode;

use crate::common::{Rig, layer, minute, reply};

#[tokio::test]
async fn nobody_gets_an_answer_made_for_somebodys_credentials() {
    let rig = Rig::answering(layer(), |parts| {
        let who = parts
            .headers
            .get("authorization")
            .or(parts.headers.get("cookie"));
        let who = who
            .map_or("nobody", |who| who.to_str().expect("ASCII"))
            .to_owned();
        minute(&who)
    });
    for fields in [[("authorization", "alice")], [("cookie", "alice")]] {
        assert_eq!(rig.get_with("/", &fields).await.text(), "alice");
        assert_eq!(
            rig.get_with("/", &[(fields[0].0, "bob")]).await.text(),
            "bob"
        );
    }
    assert_eq!(rig.get("/").await.text(), "nobody");
    let bypass = rig.get_with("/", &[("cookie", "alice")]).await;
    assert_eq!(
        (bypass.text(), bypass.cache_status()),
        ("alice", "scrimp; fwd=bypass; detail=cookie")
    );
}

#[tokio::test]
async fn a_session_is_not_handed_around() {
    let fields = [("cache-control", "max-age=60"), ("set-cookie", "session=1")];
    let rig = Rig::answering(layer(), move |_| reply(200, &fields, "x"));
    assert!(
        rig.get("/")
            .await
            .cache_status()
            .ends_with("detail=set-cookie")
    );
    assert!(!rig.get("/").await.is_hit());
}

#[tokio::test]
async fn a_private_cache_keeps_what_is_private_and_a_shared_one_does_not() {
    for (mode, calls) in [(Mode::Private, 1), (Mode::Shared, 2)] {
        let private = [("cache-control", "private, max-age=60")];
        let rig = Rig::answering(layer().mode(mode), move |_| reply(200, &private, "x"));
        rig.get("/").await;
        rig.get("/").await;
        assert_eq!(rig.upstream.calls(), calls, "{mode:?}");
    }
}
