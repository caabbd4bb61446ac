//! Logs to test with.

#![allow(dead_code, reason = "each test uses a part")]

use std::{fs, path::Path};

use scrimp_audit::{Anchor, AuditEvent, AuditKey, AuditKind, AuditLog};
use tempfile::TempDir;

/// Returns the key of the hashes.
pub(crate) fn key() -> AuditKey {
    AuditKey::new([7; 32])
}

/// Returns the key of the pseudonyms.
pub(crate) fn names() -> AuditKey {
    AuditKey::new([8; 32])
}

pub(crate) fn open(folder: &TempDir) -> AuditLog {
    let log = AuditLog::builder(folder.path())
        .key(key())
        .pseudonyms(names());
    log.build().expect("a log")
}

/// Writes a log of some events, and returns its last record before it was closed.
pub(crate) async fn write(events: usize) -> (TempDir, Anchor) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(&folder);
    for number in 0..events {
        log.record(AuditEvent::new(AuditKind::Key).target(format!("event-{number}")));
    }
    let anchor = log.flush().await.expect("an open log");
    log.close().await;
    (folder, anchor)
}

/// Returns the lines of a file, with their ends.
pub(crate) fn lines(folder: &TempDir, file: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.path().join(file)).expect("a file");
    text.split_inclusive('\n').map(str::to_owned).collect()
}

/// Returns all bytes of all files in a folder.
pub(crate) fn contents(folder: &Path) -> Vec<u8> {
    let files = fs::read_dir(folder).expect("a folder");
    files
        .flat_map(|file| fs::read(file.expect("a file").path()).expect("bytes"))
        .collect()
}
