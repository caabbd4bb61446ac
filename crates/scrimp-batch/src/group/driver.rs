//! The call for a batch.

use std::{fmt, sync::Arc, time::Duration};

use scrimp_core::{BoxError, FailedCalls, SharedError};
use tokio::time::{Instant, timeout};
use tower::util::Oneshot;
use tower_service::Service;

use super::{Answers, GroupError, layer::Shared, service::CopyAnswer};
use crate::engine::{Dispatch, Driver, InFlightGuard, Responder, record_waits};

/// Calls a service that takes many requests, and hands its answers out.
pub(crate) struct GroupDriver<S, Req, A> {
    inner: S,
    shared: Arc<Shared<Req>>,
    /// Copies an answer for an equal request.
    copy: Option<CopyAnswer<A>>,
}

// === impl GroupDriver ===

impl<S, Req, A> GroupDriver<S, Req, A> {
    pub(crate) fn new(inner: S, shared: Arc<Shared<Req>>, copy: Option<CopyAnswer<A>>) -> Self {
        Self {
            inner,
            shared,
            copy,
        }
    }
}

impl<S, Req, A> GroupDriver<S, Req, A> {
    /// Counts a request that gets in line.
    pub(crate) fn count_request(&self) {
        self.shared.stats.requests.increment();
    }
}

impl<S: Clone, Req, A> Clone for GroupDriver<S, Req, A> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.shared), self.copy)
    }
}

impl<S, Req, R> Driver for GroupDriver<S, Req, Result<R::Item, GroupError>>
where
    S: Service<Vec<Req>, Response = R> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    R: Answers + Send,
    R::Item: Send + 'static,
    Req: Send + 'static,
{
    type Item = Req;
    type Answer = Result<R::Item, GroupError>;

    async fn run(self, dispatch: Dispatch<Req, Self::Answer>) {
        let Dispatch { entries, guard, .. } = dispatch;
        let entered = entries.len();
        record_waits(&entries, &self.shared.stats.queue);
        let mut items = Vec::with_capacity(entered);
        let mut callers: Vec<Callers<Self::Answer>> = Vec::with_capacity(entered);
        for entry in entries {
            match callers.last_mut().filter(|_| entry.duplicate) {
                Some(equal) => equal.duplicates.push(entry.responder),
                None => {
                    items.push(entry.item);
                    callers.push(Callers::of(entry.responder));
                }
            }
        }
        if items.is_empty() {
            return; // All callers have left.
        }
        let Shared { config, stats, .. } = &*self.shared;
        stats.calls.increment();
        stats.items.add(items.len() as u64);
        stats.size.record_f64(items.len() as f64);
        stats.duplicates.add((entered - items.len()) as u64);
        let call = Oneshot::new(self.inner, items);
        let result = timed(call, config.timeout, &guard).await;
        // A caller may ask again as soon as it is answered: this call must be over by then.
        drop(guard);
        hand_out(result, callers, self.copy, &stats.failed);
    }
}

async fn timed<I, A, T, E: Into<BoxError>>(
    call: impl Future<Output = Result<T, E>>,
    limit: Option<Duration>,
    guard: &InFlightGuard<I, A>,
) -> Result<T, GroupError> {
    let start = Instant::now();
    let failed = |error| GroupError::Upstream(SharedError::new(error));
    let result = match limit {
        None => call.await.map_err(failed),
        Some(limit) => match timeout(limit, call).await {
            Ok(result) => result.map_err(failed),
            Err(_) => Err(GroupError::TimedOut(limit)),
        },
    };
    guard.latency().record(start.elapsed());
    result
}

/// Gives each caller its answer, or the error of the call, which is counted.
fn hand_out<R: Answers>(
    result: Result<R, GroupError>,
    callers: Vec<Callers<Result<R::Item, GroupError>>>,
    copy: Option<CopyAnswer<Result<R::Item, GroupError>>>,
    failed: &FailedCalls,
) {
    let asked = callers.len();
    let answers = result.and_then(|answers| {
        let in_order = answers.in_order(asked);
        in_order.map_err(|answered| GroupError::Count { asked, answered })
    });
    match answers {
        Ok(answers) => {
            for (callers, answer) in callers.into_iter().zip(answers) {
                callers.answer(answer.ok_or(GroupError::Missing), copy);
            }
        }
        Err(error) => {
            failed.increment();
            for Callers { first, duplicates } in callers {
                for responder in duplicates.into_iter().chain([first]) {
                    responder.answer(Err(error.clone()));
                }
            }
        }
    }
}

/// The callers of equal requests.
struct Callers<A> {
    first: Responder<A>,
    duplicates: Vec<Responder<A>>,
}

// === impl Callers ===

impl<A> Callers<A> {
    fn of(first: Responder<A>) -> Self {
        Self {
            first,
            duplicates: Vec::new(),
        }
    }

    /// Gives each caller the answer. Without a way to copy it there are no duplicates.
    fn answer(self, answer: A, copy: Option<CopyAnswer<A>>) {
        if let Some(copy) = copy {
            for duplicate in self.duplicates {
                duplicate.answer(copy(&answer));
            }
        }
        self.first.answer(answer);
    }
}

impl<S, Req, A> fmt::Debug for GroupDriver<S, Req, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupDriver")
            .field("limit", &self.shared.config.timeout)
            .finish_non_exhaustive()
    }
}
