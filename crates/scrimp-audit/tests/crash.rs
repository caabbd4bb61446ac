//! Processes that are killed, and disks that are full.

#![cfg(unix)]

mod rig;

use std::{
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Stdio},
};

use rig::{key, lines, open, write};
use scrimp_audit::{AuditEvent, AuditKind, AuditLog, verify};

const FILE: &str = "audit-0000000001.jsonl";
const FOLDER: &str = "SCRIMP_AUDIT_KILLED";

#[tokio::test]
#[ignore = "the process that another test kills"]
async fn the_process_that_is_killed() {
    let folder = std::env::var(FOLDER).expect("a folder");
    let log = AuditLog::builder(folder).key(key()).build().expect("a log");
    let mut out = std::io::stdout();
    loop {
        log.record(AuditEvent::new(AuditKind::Key).target("x".repeat(500)));
        let anchor = log.flush().await.expect("an open log");
        writeln!(out, "\nwritten {} {anchor}", anchor.sequence).expect("an open pipe");
    }
}

/// Starts a process, kills it after some records, and returns the last record that it said was written.
fn kill(folder: &Path, records: usize) -> String {
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .args([
            "--exact",
            "the_process_that_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut last = String::new();
    let mut seen = 0;
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        let line = line.expect("text");
        if let Some(rest) = line.strip_prefix("written ") {
            last = rest.split(' ').next_back().expect("a hash").to_owned();
            seen += 1;
            if seen == records {
                child.kill().expect("it runs");
            }
        }
    }
    child.wait().expect("its end");
    last
}

#[tokio::test]
async fn a_process_that_is_killed_loses_no_written_record_and_the_chain_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let rounds = 3;
    for round in 1..=rounds {
        let anchor = kill(folder.path(), 20 * round);
        let report = verify(&folder, Some(&key()), Some(&anchor)).expect("a folder");
        assert!(report.is_sound(), "{report}");
    }
    let log = open(&folder);
    log.close().await;
    let report = verify(&folder, Some(&key()), None).expect("a folder");
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.interrupted, rounds as u64);
}

#[tokio::test]
async fn a_line_that_was_cut_off_is_moved_beside_and_recorded() {
    let (folder, _) = write(3).await;
    let path = folder.path().join(FILE);
    let whole = fs::read(&path).expect("a file");
    let mut file = OpenOptions::new().append(true).open(&path).expect("a file");
    file.write_all(b"{\"seq\":6,\"ti\0\0\n{\"ha").expect("room");
    assert!(
        verify(&folder, Some(&key()), None)
            .expect("a folder")
            .is_torn
    );

    let log = open(&folder);
    log.close().await;
    let torn = fs::read(folder.path().join(format!("{FILE}.torn"))).expect("a file");
    assert_eq!(torn, b"{\"seq\":6,\"ti\0\0\n{\"ha");
    assert!(fs::read(&path).expect("a file").starts_with(&whole));
    let all = lines(&folder, FILE);
    assert!(
        all[5].contains("\"kind\":\"torn\"") && all[5].contains("\"bytes\":\"19\""),
        "{}",
        all[5]
    );
    let report = verify(&folder, Some(&key()), None).expect("a folder");
    assert!(report.is_sound() && !report.is_torn, "{report}");
}

#[tokio::test]
async fn a_process_that_is_killed_between_two_files_goes_on_behind_the_first() {
    let (folder, anchor) = write(3).await;
    fs::write(folder.path().join("audit-0000000002.jsonl"), "").expect("a file");
    open(&folder).close().await;
    let report = verify(&folder, Some(&key()), Some(&anchor.hash())).expect("a folder");
    assert!(
        report.is_sound() && report.files == 2 && report.records == 7,
        "{report}"
    );
}

#[tokio::test]
async fn while_the_disk_is_full_nothing_waits_and_what_finds_no_room_is_a_gap_in_the_chain() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(FILE);
    symlink("/dev/full", &path).expect("a link");
    let log = AuditLog::builder(folder.path())
        .key(key())
        .queue(4)
        .build()
        .expect("a log");
    let event = || AuditEvent::new(AuditKind::Key).target("one");
    // The thread takes nothing before its first record is written.
    let taken = (0..400).filter(|_| log.record(event())).count();
    assert_eq!((taken, log.stats().dropped), (4, 396));
    fs::remove_file(&path).expect("a link");
    log.flush().await.expect("an open log");
    assert!(log.record(event()));
    log.close().await;
    let stats = log.stats();
    assert!(stats.write_failures > 0 && stats.lost == 0, "{stats:?}");
    let report = verify(&folder, Some(&key()), None).expect("a folder");
    assert!(report.is_sound(), "{report}");
    assert_eq!(
        (report.dropped, report.records),
        (396, 8),
        "opened, 4, gap, 1, closed"
    );
    assert!(lines(&folder, FILE)[5].contains("\"kind\":\"gap\""));
}

#[tokio::test]
async fn a_log_that_is_closed_while_the_disk_is_full_ends_and_counts_what_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    symlink("/dev/full", folder.path().join(FILE)).expect("a link");
    let log = AuditLog::builder(folder.path()).build().expect("a log");
    log.close().await;
    assert!(!log.record(AuditEvent::new(AuditKind::Key)));
    assert_eq!(log.flush().await, None);
    assert!(log.stats().lost >= 1 && log.stats().dropped == 1);
}

#[tokio::test]
async fn one_log_at_a_time_has_a_folder_and_only_its_owner_reads_it() {
    let outside = tempfile::tempdir().expect("a folder");
    let path = outside.path().join("a/b");
    let log = AuditLog::builder(&path).build().expect("a log");
    let error = AuditLog::builder(&path).build().expect_err("it is open");
    assert!(error.to_string().contains("has the folder open"), "{error}");
    log.close().await;
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&path.join(FILE))), (0o700, 0o600));
    AuditLog::builder(&path)
        .build()
        .expect("it is free")
        .close()
        .await;
}
