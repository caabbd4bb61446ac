//! The thread that writes.
//!
//! It takes what waits, seals it into the chain, and appends it to the file in one write. While the disk
//! fails, it tries the same lines again, and the queue fills up: no caller waits. What finds no
//! room is counted, and a record of the gap takes its place in the chain.

mod queue;

use std::{borrow::Cow, collections::BTreeMap, io, sync::Arc, time::Duration};

use scrimp_core::Clock;
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
    time::Instant,
};

use crate::{
    chain::{Anchor, AuditKey, Body, Chain},
    event::AuditEvent,
    files::{Files, Left},
};
pub(crate) use queue::Queue;
use queue::{Item, Taken};

/// Time between two attempts to write while the disk fails.
const RETRY: Duration = Duration::from_secs(1);

/// Time between two searches for old files, in milliseconds.
const SEARCH: u64 = 60 * 60 * 1000;

/// Settings of a writer.
#[derive(Debug, Clone)]
pub(crate) struct Writing {
    pub(crate) clock: Clock,
    pub(crate) key: Option<AuditKey>,
    pub(crate) pseudonyms: Option<AuditKey>,
    pub(crate) sync: AuditSync,
    pub(crate) max_file: u64,
    pub(crate) max_age: Duration,
    pub(crate) retention: Option<Duration>,
}

/// Times at which records are written to the disk itself, beyond the memory of the operating system.
///
/// A process that is killed loses nothing that was written. This is about failures of the power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditSync {
    /// After each write: several records that wait are written together.
    Always,
    /// At most this long after a write.
    Every(Duration),
    /// When the operating system does it, at the change of a file, and at the end.
    Never,
}

/// The thread's state.
struct Writer {
    settings: Writing,
    queue: Arc<Queue>,
    files: Files,
    chain: Chain,
    /// Lines that are not written yet.
    lines: Vec<u8>,
    /// Time of the first write to the file that is perhaps not on the disk.
    unsynced: Option<Instant>,
    /// Time of the next search for old files, in milliseconds since 1970.
    next_search: u64,
    /// Tells its receivers that the thread has ended, as the last of all parts to be dropped.
    _ended: watch::Sender<()>,
}

/// Kinds of records that the log writes of itself.
pub(crate) const OPENED: &str = "opened";
pub(crate) const CLOSED: &str = "closed";
pub(crate) const GAP: &str = "gap";
pub(crate) const TORN: &str = "torn";
pub(crate) const RETIRED: &str = "retired";

/// Starts the thread. It ends when the queue is closed.
pub(crate) fn start(
    settings: Writing,
    queue: Arc<Queue>,
    (files, left): (Files, Left),
) -> io::Result<watch::Receiver<()>> {
    let runtime = Handle::try_current().ok();
    let (ended, wait) = watch::channel(());
    let write = move || {
        // It goes by the clock of the runtime, which a test may have stopped.
        let _runtime = runtime.as_ref().map(Handle::enter);
        Writer::new(settings, queue, (files, &left), ended).run();
    };
    let thread = std::thread::Builder::new().name("scrimp-audit".to_owned());
    thread.spawn(write)?;
    Ok(wait)
}

// === impl Writer ===

impl Writer {
    fn new(
        settings: Writing,
        queue: Arc<Queue>,
        (files, left): (Files, &Left),
        ended: watch::Sender<()>,
    ) -> Self {
        let mut writer = Self {
            chain: Chain::behind(left.last, settings.key.clone()),
            settings,
            queue,
            files,
            lines: Vec::new(),
            unsynced: None,
            next_search: 0,
            _ended: ended,
        };
        if let Some((file, bytes)) = &left.torn {
            let details = [("file", file.clone()), ("bytes", bytes.to_string())];
            writer.seal(TORN, &details);
        }
        // Without the end of the run before, records that waited then may be missing.
        let clean = left.kind == CLOSED || left.last == Anchor::START;
        writer.seal(OPENED, &[("clean", clean.to_string())]);
        writer
    }

    fn run(mut self) {
        let mut is_open = self.write(&mut Vec::new());
        while is_open {
            let rest = self
                .due()
                .map(|due| due.saturating_duration_since(Instant::now()));
            match self.queue.take(rest) {
                Taken::Late => self.sync(),
                Taken::Items(items) => is_open = self.take(items),
                Taken::Closed(items) => {
                    is_open = false;
                    if self.take(items) {
                        self.seal(CLOSED, &[]);
                        self.write(&mut Vec::new());
                        self.sync();
                    }
                }
            }
        }
        self.queue.abandon();
    }

    /// Writes items. Returns false if the queue was closed while they could not be written.
    fn take(&mut self, items: Vec<Item>) -> bool {
        let mut waiting = Vec::new();
        for item in items {
            match item {
                Item::Event { event, time } => self.seal_event(&event, time),
                Item::Gap(gap) => self.seal(
                    GAP,
                    &[
                        ("dropped", gap.dropped.to_string()),
                        ("from", gap.from.to_string()),
                        ("to", gap.to.to_string()),
                    ],
                ),
                Item::Flush(done) => waiting.push(done),
            }
        }
        let written = self.write(&mut waiting);
        if written && let Err(error) = self.retire() {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an old file of the audit log is kept"
            );
        }
        written
    }

    /// Writes the lines, and tells those who wait. Tries again until it works or the queue is
    /// closed.
    fn write(&mut self, waiting: &mut Vec<oneshot::Sender<Anchor>>) -> bool {
        loop {
            match self.try_write(!waiting.is_empty()) {
                Ok(()) => break,
                Err(error) => {
                    self.queue.counts.failures.increment();
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "the audit log cannot be written");
                    if self.queue.pause(RETRY) {
                        let lines = self.lines.iter().filter(|&&byte| byte == b'\n').count();
                        self.queue.counts.lost.add(lines as u64);
                        return false;
                    }
                }
            }
        }
        let head = self.chain.last();
        self.queue.wrote(head);
        for done in waiting.drain(..) {
            // One who waits no longer need not be told.
            let _ = done.send(head);
        }
        true
    }

    fn try_write(&mut self, now: bool) -> io::Result<()> {
        let time = self.time();
        if self
            .files
            .is_full(self.settings.max_file, self.settings.max_age, time)
        {
            self.files.rotate()?;
            self.unsynced = None;
            self.next_search = 0;
        }
        if !self.lines.is_empty() {
            self.files.append(&self.lines, time)?;
            self.lines.clear();
            self.unsynced.get_or_insert_with(Instant::now);
        }
        let is_due = self.due().is_some_and(|due| due <= Instant::now());
        if self.unsynced.is_some() && (now || is_due) {
            self.files.sync()?;
            self.unsynced = None;
        }
        Ok(())
    }

    fn sync(&mut self) {
        if let Err(error) = self.files.sync() {
            self.queue.counts.failures.increment();
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "the audit log cannot be written to the disk");
        }
        self.unsynced = None;
    }

    /// Returns the time by which what was written is to be on the disk.
    fn due(&self) -> Option<Instant> {
        match self.settings.sync {
            AuditSync::Always => self.unsynced,
            AuditSync::Every(time) => self.unsynced?.checked_add(time),
            AuditSync::Never => None,
        }
    }

    /// Removes files that are older than the retention. The record of it is on the disk first.
    fn retire(&mut self) -> io::Result<()> {
        let Some(retention) = self.settings.retention else {
            return Ok(());
        };
        if self.time() < self.next_search {
            return Ok(());
        }
        self.next_search = self.time().saturating_add(SEARCH);
        let retention = u64::try_from(retention.as_millis()).unwrap_or(u64::MAX);
        let Some(before) = self.time().checked_sub(retention) else {
            return Ok(());
        };
        while let Some(old) = self.files.oldest(before)? {
            let details = [
                ("file", old.name.clone()),
                ("last", old.last.sequence.to_string()),
                ("hash", old.last.hash()),
            ];
            self.seal(RETIRED, &details);
            if !self.write(&mut Vec::new()) {
                return Ok(());
            }
            self.files.sync()?;
            self.files.remove(&old)?;
        }
        Ok(())
    }

    fn seal_event(&mut self, event: &AuditEvent, time: u64) {
        let secret = self.settings.pseudonyms.as_ref();
        let pseudonym = |name: &str| match secret {
            Some(secret) => secret.pseudonym(name),
            None => WITHHELD.to_owned(),
        };
        let hidden = event.hidden.as_ref();
        let hidden = hidden.map(|(kind, name)| format!("{kind}:{}", pseudonym(name)));
        let mut body = Body {
            time,
            kind: event.kind.as_str(),
            actor: event.actor.as_deref(),
            tenant: event.tenant.as_deref(),
            subject: event.subject.as_deref().map(pseudonym),
            target: hidden
                .map(Cow::Owned)
                .or_else(|| event.target.as_deref().map(Cow::Borrowed)),
            outcome: event.outcome.as_deref(),
            details: Cow::Borrowed(&event.details),
            ..Body::default()
        };
        self.chain.append(&mut body, &mut self.lines);
    }

    /// Seals a record of the log itself.
    fn seal(&mut self, kind: &str, details: &[(&'static str, String)]) {
        let details = details.iter().cloned();
        let details = details.map(|(name, value)| (Cow::from(name), value));
        let mut body = Body {
            time: self.time(),
            kind,
            details: Cow::Owned(details.collect::<BTreeMap<_, _>>()),
            ..Body::default()
        };
        self.chain.append(&mut body, &mut self.lines);
    }

    fn time(&self) -> u64 {
        millis(&self.settings.clock)
    }
}

/// Stands for the name of a subject if there is no key for pseudonyms.
const WITHHELD: &str = "withheld";

/// Returns the milliseconds since 1970.
pub(crate) fn millis(clock: &Clock) -> u64 {
    u64::try_from(clock.unix().as_millis()).unwrap_or(u64::MAX)
}
