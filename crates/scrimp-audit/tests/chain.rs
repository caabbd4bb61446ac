//! Findings of the verification.

mod rig;

use std::fs;

use rig::{key, lines, write};
use scrimp_audit::{AuditEvent, AuditKind, AuditLog, Fault, LogReport, verify};

const FILE: &str = "audit-0000000001.jsonl";

fn check(folder: &tempfile::TempDir, anchor: Option<&str>) -> LogReport {
    verify(folder, Some(&key()), anchor).expect("a folder that can be read")
}

/// Writes a log of five events between its own two records, and changes its lines.
async fn changed(change: impl FnOnce(&mut Vec<String>)) -> (tempfile::TempDir, String) {
    let (folder, anchor) = write(5).await;
    let mut all = lines(&folder, FILE);
    assert_eq!(all.len(), 7);
    change(&mut all);
    fs::write(folder.path().join(FILE), all.concat()).expect("a file");
    (folder, anchor.hash())
}

#[tokio::test]
async fn a_log_that_was_not_touched_is_sound_and_holds_its_anchor() {
    let (folder, anchor) = write(5).await;
    let report = check(&folder, Some(&anchor.hash()));
    assert!(report.is_sound(), "{report}");
    assert_eq!((report.records, report.files, report.first), (7, 1, 1));
    assert!(
        !verify(&folder, None, None).expect("a folder").is_sound(),
        "the key is needed"
    );
}

#[tokio::test]
async fn a_changed_record_is_named_by_file_and_line() {
    let (folder, _) = changed(|lines| {
        lines[3] = lines[3].replace("event-2", "event-9");
    })
    .await;
    let report = check(&folder, None);
    assert_eq!((report.faults, report.findings.len()), (1, 1));
    let finding = &report.findings[0];
    assert_eq!(
        (&*finding.file, finding.line, finding.fault),
        (FILE, 4, Fault::Changed)
    );
}

#[tokio::test]
async fn a_removed_record_is_named_by_its_number() {
    let (folder, _) = changed(|lines| {
        lines.drain(2..4);
    })
    .await;
    let report = check(&folder, None);
    let found: Vec<_> = report
        .findings
        .iter()
        .map(|finding| (finding.line, finding.fault))
        .collect();
    assert_eq!(found, [(3, Fault::Removed { from: 3, to: 4 })]);
}

#[tokio::test]
async fn records_in_another_order_are_found() {
    let (folder, _) = changed(|lines| lines.swap(2, 3)).await;
    let faults: Vec<_> = check(&folder, None)
        .findings
        .iter()
        .map(|finding| finding.fault)
        .collect();
    assert!(
        faults.contains(&Fault::Moved {
            found: 3,
            expected: 5
        }),
        "{faults:?}"
    );
}

#[tokio::test]
async fn records_that_are_missing_at_the_end_are_found_by_the_anchor_alone() {
    let (folder, anchor) = changed(|lines| lines.truncate(4)).await;
    assert!(
        check(&folder, None).is_sound(),
        "nothing tells that there was more"
    );
    let report = check(&folder, Some(&anchor));
    assert_eq!(report.findings[0].fault, Fault::Unanchored);
    assert!(report.to_string().contains("truncated"), "{report}");
}

#[tokio::test]
async fn a_log_that_is_written_anew_without_the_key_is_found() {
    let (folder, anchor) = write(5).await;
    let other = tempfile::tempdir().expect("a folder");
    let log = AuditLog::builder(other.path()).build().expect("a log");
    log.record(AuditEvent::new(AuditKind::Key).target("event-0"));
    log.close().await;
    fs::copy(other.path().join(FILE), folder.path().join(FILE)).expect("a copy");
    let report = check(&folder, Some(&anchor.hash()));
    assert_eq!(
        report.faults,
        report.records + 1,
        "each record, and the anchor: {report}"
    );
}

#[tokio::test]
async fn the_chain_runs_over_files_and_a_missing_file_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = AuditLog::builder(folder.path())
        .key(key())
        .max_file(64 << 10)
        .build()
        .expect("a log");
    let long = "x".repeat(1000);
    for _ in 0..300 {
        log.record(AuditEvent::new(AuditKind::Key).target(&long));
        log.flush().await.expect("an open log");
    }
    log.close().await;
    let report = check(&folder, None);
    assert!(
        report.is_sound() && report.files > 3 && report.records == 302,
        "{report}"
    );
    fs::remove_file(folder.path().join("audit-0000000002.jsonl")).expect("a file");
    let report = check(&folder, None);
    assert_eq!(report.faults, 1, "{report}");
    assert_eq!(
        (&*report.findings[0].file, report.findings[0].line),
        ("audit-0000000003.jsonl", 1)
    );
    fs::remove_file(folder.path().join(FILE)).expect("a file");
    let report = check(&folder, None);
    assert!(
        matches!(report.findings[0].fault, Fault::Removed { from: 1, .. }),
        "{report}"
    );
}

#[tokio::test]
async fn a_report_lists_a_hundred_findings_and_counts_all() {
    let (folder, _) = changed(|lines| {
        lines.clear();
        lines.extend((0..10_000).map(|_| "no record\n".to_owned()));
    })
    .await;
    let report = check(&folder, None);
    assert_eq!((report.faults, report.findings.len()), (10_000, 100));
}
