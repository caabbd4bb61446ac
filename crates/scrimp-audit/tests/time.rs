//! Retention, in virtual time.

mod rig;

use std::{
    fs,
    time::{Duration, UNIX_EPOCH},
};

use rig::key;
use scrimp_audit::{AuditEvent, AuditKind, AuditLog, Fault, verify};
use scrimp_core::Clock;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test(start_paused = true)]
async fn files_that_are_older_than_the_retention_are_deleted_and_the_rest_is_sound() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = AuditLog::builder(folder.path())
        .key(key())
        .clock(Clock::anchored(UNIX_EPOCH + 20_000 * DAY))
        .retention(7 * DAY)
        .build()
        .expect("a log");
    let day = async |name: &str| {
        log.record(AuditEvent::new(AuditKind::Key).target(name));
        log.flush().await.expect("an open log")
    };
    let first = day("on-the-first-day").await;
    tokio::time::advance(2 * DAY).await;
    let second = day("two-days-later").await;
    let has = |name: &str| {
        let bytes = rig::contents(folder.path());
        bytes
            .windows(name.len())
            .any(|part| part == name.as_bytes())
    };
    assert!(has("on-the-first-day"));
    tokio::time::advance(6 * DAY).await;
    day("eight-days-later").await;
    log.close().await;
    assert!(!has("on-the-first-day") && has("two-days-later") && has("eight-days-later"));

    for anchor in [first, second] {
        let report = verify(&folder, Some(&key()), Some(&anchor.hash())).expect("a folder");
        assert!(report.is_sound(), "{report}");
        assert_eq!(report.first, first.sequence + 1);
    }
    // What goes before its time is missing.
    fs::remove_file(folder.path().join("audit-0000000002.jsonl")).expect("a file");
    let report = verify(&folder, Some(&key()), None).expect("a folder");
    assert!(
        matches!(report.findings[0].fault, Fault::Removed { from: 1, .. }),
        "{report}"
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_retention_no_file_is_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = AuditLog::builder(folder.path())
        .clock(Clock::anchored(UNIX_EPOCH + 20_000 * DAY))
        .build()
        .expect("a log");
    for _ in 0..5 {
        log.record(AuditEvent::new(AuditKind::Key));
        log.flush().await.expect("an open log");
        tokio::time::advance(400 * DAY).await;
    }
    log.close().await;
    let report = verify(&folder, None, None).expect("a folder");
    assert!(
        report.is_sound() && report.files == 6 && report.first == 1,
        "{report}"
    );
}
