//! Bounds, and queues that fail.

mod vendor;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::Full;
use scrimp_core::extensions::Tenant;
use scrimp_jobs::{
    JobQueue, SqliteQueue,
    queue::{
        Adopted, Again, Answered, Due, DueRequest, JobId, JobPlan, JobStep, NewRequest, Put,
        QueueBounds, QueueError, QueueFuture, RequestId, StoredAnswer, StoredJob, WaitingGroup,
    },
};
use tokio::time::Instant;
use vendor::{
    Call, Form,
    rig::{HOUR, Rig},
};

#[tokio::test(start_paused = true)]
async fn a_full_queue_costs_no_request() {
    let rig = Rig::with(Form::OpenAi, |builder| builder.max_requests(3));
    let asked = (0..300).map(|n| rig.answer(n, "ok", 6 * HOUR));
    let answers = join_all(asked).await;
    assert!(answers.iter().all(|(status, _)| *status == 200));
    assert_eq!(
        answers
            .iter()
            .filter(|(_, body)| body["own"] == false)
            .count(),
        3
    );
    assert_eq!(rig.layer.stats().degraded, 297);
    let rig = Rig::with(Form::OpenAi, |builder| builder.max_bytes(200));
    let asked = (0..300).map(|n| rig.answer(n, "ok", 6 * HOUR));
    let from_jobs = join_all(asked)
        .await
        .iter()
        .filter(|(_, body)| body["own"] == false)
        .count();
    assert_eq!(from_jobs, 4, "of 49 bytes each");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_one_tenant_leaves_room_for_others() {
    let rig = Rig::with(Form::OpenAi, |builder| builder.max_per_tenant(2));
    let ask = |n: u64, tenant: &'static str| {
        let mut request = rig.request(n, "ok", 6 * HOUR);
        request.extensions_mut().insert(Tenant::from(tenant));
        rig.ask(request)
    };
    let flood = (0..200).map(|n| ask(n, "ann"));
    let (flood, bob) = tokio::join!(join_all(flood), ask(1_000, "bob"));
    assert_eq!(
        flood
            .iter()
            .filter(|(_, body)| body["own"] == false)
            .count(),
        2
    );
    assert_eq!(bob.1["own"], false);
}

#[tokio::test(start_paused = true)]
async fn a_long_body_streams_through() {
    let rig = Rig::with(Form::OpenAi, |builder| builder.max_body(100));
    let body = format!(
        r#"{{"model":"small","n":7,"messages":["{}"]}}"#,
        "x".repeat(10_000)
    );
    let request = rig
        .request(7, "ok", 6 * HOUR)
        .map(|_| Full::new(Bytes::from(body)));
    let (status, body) = rig.ask(request).await;
    assert_eq!(
        (status, &body["n"], &body["own"]),
        (200, &7.into(), &true.into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_costs_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::builder(folder.path().join("jobs.db"))
        .max_file(120_000)
        .open()
        .unwrap();
    let rig = Rig::over(Form::OpenAi, folder, queue, |builder| builder);
    let body = |n: u64| {
        Bytes::from(format!(
            r#"{{"model":"small","n":{n},"messages":["{}"]}}"#,
            "x".repeat(20_000)
        ))
    };
    let asked =
        (0..100).map(|n| rig.ask(rig.request(n, "ok", 3 * HOUR).map(|_| Full::new(body(n)))));
    let answers = join_all(asked).await;
    for (n, (status, body)) in (0_u64..).zip(&answers) {
        assert_eq!((*status, &body["n"]), (200, &n.into()));
    }
    assert!(
        rig.layer.stats().degraded > 50 && rig.layer.stats().queue_failures > 0,
        "{:?}",
        rig.layer.stats()
    );
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_fails_from_some_time_on_costs_no_deadline() {
    for after in [Duration::ZERO, Duration::from_secs(90), HOUR] {
        let folder = tempfile::tempdir().unwrap();
        let fails = Arc::new(AtomicBool::new(false));
        let queue = SqliteQueue::open(folder.path().join("jobs.db")).unwrap();
        let queue = Failing {
            queue,
            fails: Arc::clone(&fails),
        };
        let rig = Rig::over(Form::OpenAi, folder, queue, |builder| builder);
        rig.vendor.state().polls = u64::MAX;
        let began = Instant::now();
        let break_it = async {
            tokio::time::sleep(after).await;
            fails.store(true, Relaxed);
        };
        let asked = join_all((0..20).map(|n| rig.answer(n, "ok", 5 * HOUR)));
        let (answers, ()) = tokio::join!(asked, break_it);
        assert!(
            answers
                .iter()
                .all(|(status, body)| *status == 200 && body["own"] == true),
            "{after:?}"
        );
        assert!(
            began.elapsed() < 5 * HOUR,
            "{after:?}: {:?}",
            began.elapsed()
        );
        assert!(rig.vendor.state().own.values().all(|count| *count == 1));
        assert!(rig.vendor.count(Call::Own) == 20);
    }
}

#[test]
fn a_file_in_use_cannot_be_opened_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let first = SqliteQueue::open(&path).unwrap();
    let error = SqliteQueue::open(&path).unwrap_err();
    assert!(error.to_string().contains("locked"), "{error}");
    drop(first);
    SqliteQueue::open(&path).unwrap();
}

/// A queue whose operations fail from some time on.
struct Failing {
    queue: SqliteQueue,
    fails: Arc<AtomicBool>,
}

macro_rules! pass {
    ($($name:ident($($argument:ident: $type:ty),*) -> $value:ty;)+) => {
        impl JobQueue for Failing {
            fn reserve(&self, count: usize) -> RequestId {
                self.queue.reserve(count)
            }

            $(fn $name(&self, $($argument: $type),*) -> QueueFuture<$value> {
                if self.fails.load(Relaxed) {
                    return Box::pin(async { Err(QueueError::new("as the test wants")) });
                }
                self.queue.$name($($argument),*)
            })+
        }
    };
}

pass! {
    put(requests: Vec<NewRequest>, bounds: QueueBounds) -> Put;
    adopt(digest: [u8; 32], deadline: u64) -> Option<Adopted>;
    answer_to(id: RequestId) -> Option<StoredAnswer>;
    abandon(ids: Vec<RequestId>) -> ();
    remove(ids: Vec<RequestId>) -> ();
    groups() -> Vec<WaitingGroup>;
    plan(plan: JobPlan) -> Option<StoredJob>;
    jobs() -> Vec<StoredJob>;
    items(job: JobId) -> Vec<(RequestId, Bytes)>;
    step(job: JobId, step: JobStep) -> ();
    answer(job: JobId, answers: Vec<(RequestId, StoredAnswer)>) -> Answered;
    finish(job: JobId, again: Again) -> u64;
    divide(job: JobId, tags: [String; 2], now: u64) -> Vec<StoredJob>;
    deadlines() -> Vec<(u64, u64)>;
    take_due(due: Due, limit: usize) -> Vec<DueRequest>;
    taken() -> Vec<DueRequest>;
    settle(id: RequestId, answer: StoredAnswer) -> ();
    submission(name: String) -> Option<(u64, u64)>;
    answers(submission: String, from: u64, limit: usize) -> Vec<(u64, StoredAnswer)>;
    acknowledge(submission: String, positions: Vec<u64>) -> ();
    purge(before: u64) -> u64;
    size() -> (u64, u64);
}
