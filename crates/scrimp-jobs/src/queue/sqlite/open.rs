//! Opening of the file.

use std::{fs::OpenOptions, path::PathBuf, time::Duration};

use rusqlite::Connection;

use super::SqliteQueue;
use crate::queue::QueueError;

/// Version of the tables, in the file's `user_version`.
const VERSION: i64 = 3;

/// Bytes of a page.
const PAGE: u64 = 4_096;

/// States of a request, as the file has them: waiting, in a job, taken, answered.
const TABLES: &str = "
CREATE TABLE process (epoch INTEGER NOT NULL, last INTEGER NOT NULL);
INSERT INTO process VALUES (0, 0);
CREATE TABLE totals (requests INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT INTO totals VALUES (0, 0);
CREATE TABLE submissions (
    name TEXT PRIMARY KEY, total INTEGER NOT NULL, created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tag TEXT NOT NULL UNIQUE, account TEXT NOT NULL, grp TEXT NOT NULL,
    items INTEGER NOT NULL, divided INTEGER NOT NULL, step INTEGER NOT NULL, name TEXT,
    at INTEGER NOT NULL, created INTEGER NOT NULL
);
CREATE TABLE requests (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL, account TEXT NOT NULL, grp TEXT NOT NULL,
    target TEXT NOT NULL, size INTEGER NOT NULL, deadline INTEGER NOT NULL, created INTEGER NOT NULL,
    submission TEXT, position INTEGER, owner INTEGER NOT NULL, state INTEGER NOT NULL, job INTEGER,
    sent INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0, status INTEGER, content_type TEXT, answered INTEGER, from_job INTEGER,
    body BLOB, answer BLOB, payer TEXT
);
CREATE INDEX waiting ON requests (account, grp, deadline) WHERE state = 0;
CREATE INDEX in_job ON requests (job) WHERE state = 1;
CREATE INDEX due ON requests (state, deadline) WHERE state < 2;
CREATE INDEX taken ON requests (id) WHERE state = 2;
CREATE INDEX alone ON requests (digest) WHERE submission IS NULL;
CREATE INDEX submitted ON requests (submission, state, position) WHERE submission IS NOT NULL;
CREATE INDEX old ON requests (answered) WHERE state = 3;
CREATE TRIGGER added AFTER INSERT ON requests BEGIN
    UPDATE totals SET requests = requests + 1, bytes = bytes + new.size;
END;
CREATE TRIGGER removed AFTER DELETE ON requests BEGIN
    UPDATE totals SET requests = requests - 1, bytes = bytes - old.size;
END;
CREATE TRIGGER resized AFTER UPDATE OF size ON requests BEGIN
    UPDATE totals SET bytes = bytes + new.size - old.size;
END;
";

/// Payers of requests that were taken out of a job which may answer them all the same, until it has ended.
const LATE: &str = "
CREATE TABLE late (
    job INTEGER NOT NULL, id INTEGER NOT NULL, payer TEXT, PRIMARY KEY (job, id)
) WITHOUT ROWID;
CREATE TRIGGER taken_out AFTER UPDATE OF job ON requests WHEN old.job IS NOT NULL AND new.state = 2 BEGIN
    INSERT OR REPLACE INTO late VALUES (old.job, old.id, old.payer);
END;
CREATE TRIGGER ended AFTER DELETE ON jobs BEGIN
    DELETE FROM late WHERE job = old.id;
END;
";

/// Settings of a [`SqliteQueue`].
#[derive(Debug, Clone)]
#[must_use]
pub struct SqliteQueueBuilder {
    path: PathBuf,
    max_file: Option<u64>,
}

// === impl SqliteQueueBuilder ===

impl SqliteQueueBuilder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            max_file: None,
        }
    }

    /// Sets the most bytes of the file, its log not included. What does not fit is an error, as on a full disk: requests
    /// then go to the inner service. Default: no limit but those of the layer.
    pub fn max_file(mut self, bytes: u64) -> Self {
        self.max_file = Some(bytes);
        self
    }

    /// Opens the queue, and makes its file if there is none.
    ///
    /// It blocks: do not call it within a request.
    ///
    /// # Errors
    ///
    /// As [`SqliteQueue::open`].
    pub fn open(self) -> Result<SqliteQueue, QueueError> {
        private(&self.path).map_err(QueueError::new)?;
        let mut connection = Connection::open(&self.path).map_err(QueueError::new)?;
        let (epoch, next) = self.prepare(&mut connection)?;
        Ok(SqliteQueue::of(self.path, connection, epoch, next))
    }

    fn prepare(&self, connection: &mut Connection) -> Result<(i64, i64), QueueError> {
        let set = |name: &str, value: &dyn rusqlite::ToSql| {
            connection
                .pragma_update(None, name, value)
                .map_err(QueueError::new)
        };
        connection
            .busy_timeout(Duration::from_secs(1))
            .map_err(QueueError::new)?;
        // One process has the file. With the lock it also needs no file of shared memory.
        set("locking_mode", &"exclusive")?;
        set("journal_mode", &"wal")?;
        set("synchronous", &"full")?;
        set("secure_delete", &true)?;
        if let Some(bytes) = self.max_file {
            let pages = i64::try_from(bytes.div_ceil(PAGE)).unwrap_or(i64::MAX);
            set("max_page_count", &pages)?;
        }
        let behavior = rusqlite::TransactionBehavior::Immediate;
        let all = connection
            .transaction_with_behavior(behavior)
            .map_err(QueueError::new)?;
        let version: i64 = all
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(QueueError::new)?;
        // Until the second version, the payers of requests were not kept; until the third, not those of requests
        // that have left their job.
        let steps: &[&str] = match version {
            0 => &[TABLES, LATE],
            1 => &["ALTER TABLE requests ADD COLUMN payer TEXT", LATE],
            2 => &[LATE],
            VERSION => &[],
            newer => {
                let text =
                    format!("the file has tables of version {newer}, and {VERSION} is known");
                return Err(QueueError::new(text));
            }
        };
        for step in steps {
            all.execute_batch(step).map_err(QueueError::new)?;
        }
        if version != VERSION {
            all.pragma_update(None, "user_version", VERSION)
                .map_err(QueueError::new)?;
        }
        let step = "UPDATE process SET epoch = epoch + 1, \
                    last = max(last, (SELECT coalesce(max(id), 0) FROM requests)) \
                    RETURNING epoch, last";
        let (epoch, last): (i64, i64) = all
            .query_row(step, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(QueueError::new)?;
        // Numbers stand in names of requests at the provider. Those of requests that an earlier process has
        // removed again are skipped with room to spare.
        let next = last + 1 + (1 << 32);
        all.execute("UPDATE process SET last = ?1", [next])
            .map_err(QueueError::new)?;
        all.commit().map_err(QueueError::new)?;
        Ok((epoch, next))
    }
}

/// Makes the file if there is none, so that only its owner can read it. SQLite gives the same mode to the
/// log beside it.
fn private(path: &std::path::Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        options.mode(0o600);
        let file = options.open(path)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))
    }
    #[cfg(not(unix))]
    options.open(path).map(drop)
}
