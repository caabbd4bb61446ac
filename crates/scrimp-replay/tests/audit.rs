//! `scrimp audit verify`.

mod common;

use common::scrimp;
use scrimp_audit::{AuditEvent, AuditKey, AuditKind, AuditLog};

#[tokio::test]
async fn a_sound_log_ends_with_0_and_a_changed_one_with_1_and_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = AuditLog::builder(folder.path().join("log")).key(AuditKey::new([0x11; 32]));
    let log = log.build().expect("a log");
    for target in ["one", "two"] {
        log.record(AuditEvent::new(AuditKind::Provider).target(target));
    }
    let anchor = log.flush().await.expect("an open log").hash();
    log.close().await;
    let key = folder.path().join("key");
    std::fs::write(&key, "11".repeat(32) + "\n").expect("a file");

    let path = |path: &std::path::Path| path.to_str().expect("text").to_owned();
    let (folder, key) = (path(&folder.path().join("log")), path(&key));
    let verify = |anchor: &str| {
        let args = [
            "audit",
            "verify",
            &folder,
            "--key-file",
            &key,
            "--anchor",
            anchor,
        ];
        scrimp(&args, b"")
    };
    let run = verify(&anchor);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert!(
        run.out.starts_with("sound: 4 records in 1 files\nhead: "),
        "{}",
        run.out
    );
    let run = verify(&"0".repeat(64));
    assert_eq!(run.code, 1);
    assert!(run.out.starts_with("truncated: "), "{}", run.out);

    let file = format!("{folder}/audit-0000000001.jsonl");
    let text = std::fs::read_to_string(&file).expect("a file");
    std::fs::write(&file, text.replace("\"two\"", "\"six\"")).expect("a file");
    let run = verify(&anchor);
    assert_eq!(run.code, 1);
    assert!(
        run.out.starts_with("audit-0000000001.jsonl:3: changed: "),
        "{}",
        run.out
    );
    assert_eq!(verify("short").code, 2);
    assert_eq!(scrimp(&["audit", "verify", "/nowhere/at/all"], b"").code, 2);
}
