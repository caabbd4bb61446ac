//! A queue in a file of SQLite.

mod answers;
mod jobs;
mod open;
mod requests;
mod row;

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use parking_lot::Mutex;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

pub use self::open::SqliteQueueBuilder;
use super::{
    Adopted, Again, Answered, Due, DueRequest, JobId, JobPlan, JobQueue, JobStep, NewRequest, Put,
    QueueBounds, QueueError, QueueFuture, RequestId, StoredAnswer, StoredJob, WaitingGroup,
};

/// Queue in a file of SQLite, which is part of the program.
///
/// The file belongs to one process at a time: opening it in a second one fails. It has the mode 0600, as bodies of
/// requests and answers stand in it, in plain text; credentials do not. What is removed is overwritten with
/// zeros.
///
/// Work is done on tokio's threads for blocking work, one transaction at a time. Each is on the disk
/// when its future ends (`synchronous = FULL`), so that neither a killed process nor a lost power supply makes a
/// job be paid twice. Requests that are put at the same time share a transaction.
#[derive(Clone)]
pub struct SqliteQueue(Arc<Inner>);

struct Inner {
    path: PathBuf,
    connection: Mutex<Connection>,
    /// Number of this process among those that had the file open.
    epoch: i64,
    next: AtomicI64,
    arrivals: Mutex<Vec<Arrival>>,
}

/// A request of one caller, which waits for its transaction.
struct Arrival {
    request: NewRequest,
    bounds: QueueBounds,
    done: oneshot::Sender<Result<Put, QueueError>>,
}

// === impl SqliteQueue ===

impl SqliteQueue {
    /// Opens a queue, and makes its file if there is none.
    ///
    /// It blocks: do not call it within a request.
    ///
    /// # Errors
    ///
    /// If the file cannot be made or opened, is in use by another process, is no database, or was written by a newer
    /// version of the crate.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, QueueError> {
        Self::builder(path).open()
    }

    /// Starts the settings of a queue in this file.
    pub fn builder(path: impl Into<PathBuf>) -> SqliteQueueBuilder {
        SqliteQueueBuilder::new(path.into())
    }

    fn of(path: PathBuf, connection: Connection, epoch: i64, next: i64) -> Self {
        Self(Arc::new(Inner {
            path,
            connection: Mutex::new(connection),
            epoch,
            next: AtomicI64::new(next),
            arrivals: Mutex::default(),
        }))
    }

    /// Runs a transaction on a thread for blocking work.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, i64) -> rusqlite::Result<T> + Send + 'static,
    ) -> QueueFuture<T> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let task = tokio::task::spawn_blocking(move || inner.transaction(work));
            task.await.map_err(QueueError::new)?
        })
    }
}

impl Inner {
    fn transaction<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>, i64) -> rusqlite::Result<T>,
    ) -> Result<T, QueueError> {
        let mut connection = self.connection.lock();
        let behavior = TransactionBehavior::Immediate;
        let all = connection
            .transaction_with_behavior(behavior)
            .and_then(|transaction| {
                let result = work(&transaction, self.epoch)?;
                transaction.commit()?;
                Ok(result)
            });
        all.map_err(QueueError::new)
    }

    /// Puts the requests that have arrived meanwhile, in one transaction.
    fn put_arrivals(&self) {
        let mut connection = self.connection.lock();
        let arrivals = std::mem::take(&mut *self.arrivals.lock());
        if arrivals.is_empty() {
            return;
        }
        let all = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let all = all.and_then(|transaction| {
            let put = |one: &Arrival| {
                let requests = std::slice::from_ref(&one.request);
                requests::put(&transaction, self.epoch, requests, one.bounds)
            };
            let puts: Vec<Put> = arrivals.iter().map(put).collect::<Result<_, _>>()?;
            transaction.commit()?;
            Ok(puts)
        });
        drop(connection);
        match all {
            Ok(puts) => {
                for (one, put) in arrivals.into_iter().zip(puts) {
                    let _ = one.done.send(Ok(put));
                }
            }
            Err(error) => {
                let text = error.to_string();
                for one in arrivals {
                    let _ = one.done.send(Err(QueueError::new(text.clone())));
                }
            }
        }
    }
}

impl JobQueue for SqliteQueue {
    fn reserve(&self, count: usize) -> RequestId {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.0.next.fetch_add(count, Relaxed)
    }

    fn put(&self, mut requests: Vec<NewRequest>, bounds: QueueBounds) -> QueueFuture<Put> {
        if requests.len() != 1 {
            return self.run(move |all, epoch| requests::put(all, epoch, &requests, bounds));
        }
        let (done, result) = oneshot::channel();
        let request = requests.remove(0);
        self.0.arrivals.lock().push(Arrival {
            request,
            bounds,
            done,
        });
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            tokio::task::spawn_blocking(move || inner.put_arrivals())
                .await
                .map_err(QueueError::new)?;
            // A task that began earlier may have it still in its transaction.
            result.await.map_err(QueueError::new)?
        })
    }

    fn adopt(&self, digest: [u8; 32], deadline: u64) -> QueueFuture<Option<Adopted>> {
        self.run(move |all, epoch| requests::adopt(all, epoch, digest, deadline))
    }

    fn answer_to(&self, id: RequestId) -> QueueFuture<Option<StoredAnswer>> {
        self.run(move |all, _| answers::of_request(all, id))
    }

    fn abandon(&self, ids: Vec<RequestId>) -> QueueFuture<()> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let work = move || {
                // A request may have been left before it was put.
                inner.put_arrivals();
                inner.transaction(|all, _| requests::abandon(all, &ids))
            };
            tokio::task::spawn_blocking(work)
                .await
                .map_err(QueueError::new)?
        })
    }

    fn remove(&self, ids: Vec<RequestId>) -> QueueFuture<()> {
        self.run(move |all, _| requests::remove(all, &ids))
    }

    fn groups(&self) -> QueueFuture<Vec<WaitingGroup>> {
        self.run(requests::groups)
    }

    fn plan(&self, plan: JobPlan) -> QueueFuture<Option<StoredJob>> {
        self.run(move |all, epoch| jobs::plan(all, epoch, &plan))
    }

    fn jobs(&self) -> QueueFuture<Vec<StoredJob>> {
        self.run(|all, _| jobs::open(all))
    }

    fn items(&self, job: JobId) -> QueueFuture<Vec<(RequestId, Bytes)>> {
        self.run(move |all, _| jobs::items(all, job))
    }

    fn step(&self, job: JobId, step: JobStep) -> QueueFuture<()> {
        self.run(move |all, _| jobs::step(all, job, &step))
    }

    fn answer(&self, job: JobId, answers: Vec<(RequestId, StoredAnswer)>) -> QueueFuture<Answered> {
        self.run(move |all, _| answers::answer(all, job, answers))
    }

    fn finish(&self, job: JobId, again: Again) -> QueueFuture<u64> {
        self.run(move |all, epoch| jobs::finish(all, epoch, job, &again))
    }

    fn divide(&self, job: JobId, tags: [String; 2], now: u64) -> QueueFuture<Vec<StoredJob>> {
        self.run(move |all, _| jobs::divide(all, job, &tags, now))
    }

    fn deadlines(&self) -> QueueFuture<Vec<(u64, u64)>> {
        self.run(requests::deadlines)
    }

    fn take_due(&self, due: Due, limit: usize) -> QueueFuture<Vec<DueRequest>> {
        self.run(move |all, epoch| requests::take_due(all, epoch, due, limit))
    }

    fn taken(&self) -> QueueFuture<Vec<DueRequest>> {
        self.run(|all, _| requests::taken(all))
    }

    fn settle(&self, id: RequestId, answer: StoredAnswer) -> QueueFuture<()> {
        self.run(move |all, _| answers::settle(all, id, &answer))
    }

    fn submission(&self, name: String) -> QueueFuture<Option<(u64, u64)>> {
        self.run(move |all, _| answers::submission(all, &name))
    }

    fn answers(
        &self,
        submission: String,
        from: u64,
        limit: usize,
    ) -> QueueFuture<Vec<(u64, StoredAnswer)>> {
        self.run(move |all, _| answers::of_submission(all, &submission, from, limit))
    }

    fn acknowledge(&self, submission: String, positions: Vec<u64>) -> QueueFuture<()> {
        self.run(move |all, _| answers::acknowledge(all, &submission, &positions))
    }

    fn purge(&self, before: u64) -> QueueFuture<u64> {
        self.run(move |all, _| answers::purge(all, before))
    }

    fn size(&self) -> QueueFuture<(u64, u64)> {
        self.run(|all, _| requests::size(all))
    }
}

impl fmt::Debug for SqliteQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqliteQueue").field(&self.0.path).finish()
    }
}
