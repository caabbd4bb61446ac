//! The log.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use scrimp_core::Clock;
use tokio::sync::watch;

use crate::{
    chain::{Anchor, AuditKey},
    event::AuditEvent,
    stats::AuditStats,
    writer::{Queue, millis},
};

/// An append-only log of what operators and layers do, whose records form a chain of hashes.
///
/// [`record`](Self::record) puts an event into a queue and returns at once; a thread writes. A clone is
/// another handle on the same log. It works without a runtime.
///
/// - **No request waits** for the disk. While the disk is full, fails or is slow, records wait in the
///   queue. What finds no room there is dropped, counted, and leaves a record of kind `gap` in its place in
///   the chain, with the number of dropped records and their times.
/// - **A process that is killed** loses what waits in the queue, and no written record. A line that was cut
///   off in the middle is moved into a file ending in `.torn`, and the next run records it. The record
///   `opened` of the next run says `"clean":"false"`.
/// - **Nothing personal** has to be in it: subjects are written as [pseudonyms](Self::pseudonym).
///
/// ```
/// use scrimp_audit::{AuditEvent, AuditKey, AuditKind, AuditLog, verify};
///
/// # async fn run(folder: &std::path::Path, secret: [u8; 32]) -> Result<(), Box<dyn std::error::Error>> {
/// let key = AuditKey::new(secret);
/// let log = AuditLog::builder(folder).key(key.clone()).build()?;
/// log.record(AuditEvent::new(AuditKind::Provider).actor("ops").target("provider:budget"));
/// let anchor = log.flush().await.ok_or("the log is closed")?;
/// println!("keep this elsewhere: {anchor}");
/// log.close().await;
/// let report = verify(folder, Some(&key), Some(&anchor.hash()))?;
/// assert!(report.is_sound());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct AuditLog(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) folder: PathBuf,
    pub(crate) clock: Clock,
    pub(crate) pseudonyms: Option<AuditKey>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) ended: watch::Receiver<()>,
}

// === impl AuditLog ===

impl AuditLog {
    pub(crate) fn from_parts(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Records an event, at the time of this call. Returns false if there was no room for it.
    #[expect(
        clippy::must_use_candidate,
        reason = "what is dropped is counted, and leaves a record"
    )]
    pub fn record(&self, event: AuditEvent) -> bool {
        self.0.queue.push(event, millis(&self.0.clock))
    }

    /// Returns the name that stands for a subject in the log, to search for it: an HMAC of the name.
    /// `None` without a [key for pseudonyms](crate::AuditLogBuilder::pseudonyms).
    #[must_use]
    pub fn pseudonym(&self, subject: &str) -> Option<String> {
        let key = self.0.pseudonyms.as_ref();
        key.map(|key| key.pseudonym(subject))
    }

    /// Waits until everything that was recorded before is on the disk, and returns the last record. It
    /// waits for as long as the disk fails. `None` if the log was closed.
    pub async fn flush(&self) -> Option<Anchor> {
        self.0.queue.flush().await.ok()
    }

    /// Returns the last record that was written.
    #[must_use]
    pub fn head(&self) -> Anchor {
        self.0.queue.head()
    }

    /// Writes what waits, and ends the log. If the disk fails then, what waits is lost, and
    /// [counted](AuditStats::lost). Later events are dropped.
    pub async fn close(&self) {
        self.0.queue.close();
        let mut ended = self.0.ended.clone();
        // The thread sends nothing: an error means that it has ended.
        while ended.changed().await.is_ok() {}
    }

    /// Returns the folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Returns the counts since the log was opened.
    #[must_use]
    pub fn stats(&self) -> AuditStats {
        AuditStats::read(&self.0.queue)
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog")
            .field("folder", &self.0.folder)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The thread writes what waits, if the process lives that long.
        self.queue.close();
    }
}
