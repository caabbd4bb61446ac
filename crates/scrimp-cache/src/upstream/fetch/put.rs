//! Handing a response to the store.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use scrimp_core::{BoxError, Key, extensions::Fence};
use tokio::time::timeout;

use crate::{
    entry::{Entry, FillToken, Held, PutOutcome, Store},
    shared::Shared,
    stats::Counters,
};

/// Longest time for a store to keep a response. Only memory waits for it.
const LIMIT: Duration = Duration::from_secs(10);

/// Stores a response, unless it was invalidated during its call. Its memory stays `held` until
/// then.
pub(super) fn put<St: Store>(
    shared: &Arc<Shared<St>>,
    (key, fence): (Key, Option<Fence>),
    entry: Arc<Entry>,
    held: Option<Held>,
) {
    let token = FillToken::new(&shared.epochs, fence);
    let mut put = Box::pin(shared.store.put(key, entry, token));
    // A store in memory finishes at once; one over a network finishes in the background.
    let polled = put.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    if let Poll::Ready(outcome) = polled {
        return note(&shared.counters, outcome);
    }
    // Once the layer is gone, the store cannot answer any request.
    if let Some(background) = shared.background.upgrade() {
        background.start(
            "cache.store",
            finish(Arc::clone(&shared.counters), put, held),
        );
    }
}

async fn finish<F>(counters: Arc<Counters>, put: Pin<Box<F>>, held: Option<Held>)
where
    F: Future<Output = Result<PutOutcome, BoxError>>,
{
    let late = |_| Err("the store took too long".into());
    note(&counters, timeout(LIMIT, put).await.unwrap_or_else(late));
    drop(held);
}

fn note(counters: &Counters, outcome: Result<PutOutcome, BoxError>) {
    match outcome {
        Ok(PutOutcome::Stored) => counters.stored.increment(),
        Ok(PutOutcome::Superseded) => counters.superseded.increment(),
        Ok(PutOutcome::Rejected) => counters.rejected.increment(),
        Err(error) => {
            counters.store_failures.increment();
            tracing::warn!(error, "the store failed to keep a response");
        }
    }
}
