//! A queue that stops the process at one of its operations.

use std::{collections::HashMap, io::Write};

use bytes::Bytes;
use parking_lot::Mutex;
use scrimp_jobs::{
    JobQueue, SqliteQueue,
    queue::{
        Adopted, Again, Answered, Due, DueRequest, JobId, JobPlan, JobStep, NewRequest, Put,
        QueueBounds, QueueFuture, RequestId, StoredAnswer, StoredJob, WaitingGroup,
    },
};

/// The place at which the process stops: the name of an operation, how often it was before, and on which side of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub operation: String,
    pub times: usize,
    pub after: bool,
}

pub struct Killing {
    queue: SqliteQueue,
    place: Option<Place>,
    counts: Mutex<HashMap<&'static str, usize>>,
}

impl Place {
    /// Reads `step 2 after`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        Some(Self {
            operation: words.next()?.to_owned(),
            times: words.next()?.parse().ok()?,
            after: words.next()? == "after",
        })
    }
}

impl Killing {
    pub fn new(queue: SqliteQueue, place: Option<Place>) -> Self {
        Self {
            queue,
            place,
            counts: Mutex::default(),
        }
    }

    fn around<T: Send + 'static>(
        &self,
        name: &'static str,
        work: QueueFuture<T>,
    ) -> QueueFuture<T> {
        let times = {
            let mut counts = self.counts.lock();
            let count = counts.entry(name).or_default();
            *count += 1;
            *count
        };
        let is = |after: bool| {
            self.place.as_ref().is_some_and(|place| {
                place.operation == name && place.times == times && place.after == after
            })
        };
        let (before, after) = (is(false), is(true));
        Box::pin(async move {
            if before {
                stop();
            }
            let value = work.await;
            if after {
                stop();
            }
            value
        })
    }
}

/// Says that the place is reached, and waits for the end of the process.
fn stop() -> ! {
    println!("REACHED");
    std::io::stdout().flush().expect("a pipe");
    loop {
        std::thread::park();
    }
}

macro_rules! pass {
    ($($name:ident($($argument:ident: $type:ty),*) -> $value:ty;)+) => {
        impl JobQueue for Killing {
            fn reserve(&self, count: usize) -> RequestId {
                self.queue.reserve(count)
            }

            $(fn $name(&self, $($argument: $type),*) -> QueueFuture<$value> {
                self.around(stringify!($name), self.queue.$name($($argument),*))
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
