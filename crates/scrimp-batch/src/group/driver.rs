//! The call for a batch.

use std::{fmt, marker::PhantomData, time::Duration};

use scrimp_core::{BoxError, SharedError};
use tokio::time::{Instant, timeout};
use tower::util::Oneshot;
use tower_service::Service;

use super::{Answers, GroupError};
use crate::engine::{Dispatch, Driver, InFlightGuard, Responder};

/// Calls a service that takes many requests, and hands its answers out.
pub(crate) struct GroupDriver<S, Req, A> {
    inner: S,
    limit: Option<Duration>,
    kind: PhantomData<fn(Req) -> A>,
}

// === impl GroupDriver ===

impl<S, Req, A> GroupDriver<S, Req, A> {
    pub(crate) fn new(inner: S, limit: Option<Duration>) -> Self {
        Self {
            inner,
            limit,
            kind: PhantomData,
        }
    }
}

impl<S: Clone, Req, A> Clone for GroupDriver<S, Req, A> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.limit)
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
        let (items, responders): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .map(|entry| (entry.item, entry.responder))
            .unzip();
        if items.is_empty() {
            return; // All callers have left.
        }
        let call = Oneshot::new(self.inner, items);
        let result = timed(call, self.limit, &guard).await;
        // A caller may ask again as soon as it is answered: this call must be over by then.
        drop(guard);
        hand_out(result, responders);
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

fn hand_out<R: Answers>(
    result: Result<R, GroupError>,
    responders: Vec<Responder<Result<R::Item, GroupError>>>,
) {
    let asked = responders.len();
    let answers = result.and_then(|answers| {
        let in_order = answers.in_order(asked);
        in_order.map_err(|answered| GroupError::Count { asked, answered })
    });
    match answers {
        Ok(answers) => {
            for (responder, answer) in responders.into_iter().zip(answers) {
                responder.answer(answer.ok_or(GroupError::Missing));
            }
        }
        Err(error) => {
            for responder in responders {
                responder.answer(Err(error.clone()));
            }
        }
    }
}

impl<S, Req, A> fmt::Debug for GroupDriver<S, Req, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupDriver")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
