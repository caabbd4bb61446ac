//! The audit log of a gateway.

mod common;

use common::{Gateway, TOKEN, Upstream, basics, upstream};
use http_body_util::Full;
use scrimp_audit::{AuditKey, verify};

#[tokio::test]
async fn purges_erasures_reloads_and_refusals_are_in_the_log_and_no_secret_and_no_tag() {
    let shop = Upstream::start("shop").await;
    let folder = tempfile::tempdir().unwrap();
    let key = "1f".repeat(32);
    let config = [
        basics(),
        format!(
            "[audit]\nfolder = {:?}\nkey = {{ plain = \"{key}\" }}\npseudonyms = {{ plain = \"{}\" }}\n",
            folder.path(),
            "2e".repeat(32)
        ),
        upstream("shop", shop.address, ""),
        "[[route]]\npath = \"/cached/**\"\nupstream = \"shop\"\n".into(),
    ]
    .concat();
    let gateway = Gateway::start(&config).await;
    gateway.get("/cached/user-4711").await;
    let (status, text) = gateway
        .operate("POST", "/erase?tag=user-4711", Some(TOKEN))
        .await;
    assert_eq!(
        (status.as_u16(), &*text),
        (200, r#"{"status":"ok","erased":1,"unreadable":0}"#)
    );
    gateway.get("/cached/user-4711").await;
    assert_eq!(shop.calls(), 2);
    assert_eq!(
        gateway
            .operate("POST", "/purge?tag=user-4711", Some("wr0ng"))
            .await
            .0,
        401
    );
    assert_eq!(gateway.operate("GET", "/stats", Some(TOKEN)).await.0, 200);
    let posted = gateway
        .request("PURGE", "/cached/user-4711")
        .body(Full::default())
        .unwrap();
    assert_eq!(gateway.send(posted).await.0, 403);
    let (_, text) = gateway.operate("POST", "/reload", Some(TOKEN)).await;
    assert!(text.starts_with("reloaded"), "{text}");
    gateway.write("[[route]]\n");
    gateway.handle.reload().unwrap_err();
    gateway.stop().await;

    let report = verify(&folder, AuditKey::from_hex(&key).as_ref(), None).unwrap();
    assert!(report.is_sound(), "{report}");
    let file = folder.path().join("audit-0000000001.jsonl");
    let log = std::fs::read_to_string(file).unwrap();
    let count = |parts: &[&str]| {
        let lines = log.lines();
        lines
            .filter(|line| parts.iter().all(|part| line.contains(part)))
            .count()
    };
    for (parts, times) in [
        (&["\"invalidation\"", "tag:"][..], 1),
        (&["\"request\"", "/erase?tag=*", "\"200\""], 1),
        (&["\"request\"", "/purge?tag=*", "\"401\""], 1),
        (&["\"refusal\"", "/purge?tag=*", "\"token\""], 1),
        (&["/stats"], 0),
        (&["\"configuration\"", "\"served\""], 1),
        (&["\"configuration\"", "\"refused\""], 1),
        (&["\"opened\""], 1),
        (&["\"closed\""], 1),
        (&["user-4711"], 0),
        (&["wr0ng"], 0),
        (&[TOKEN], 0),
    ] {
        assert_eq!(count(parts), times, "{parts:?}: {log}");
    }
}

#[tokio::test]
async fn a_key_of_another_form_is_a_problem_of_the_file() {
    let text = "[audit]\nfolder = \"/x\"\nkey = { plain = \"short\" }\n[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\n[[route]]\nupstream = \"a\"\n";
    let problems = scrimp_serve::Config::parse(text, "gateway.toml").unwrap_err();
    let problems = problems.to_string();
    assert!(
        problems.contains("`key` must be 64 hexadecimal digits"),
        "{problems}"
    );
}
