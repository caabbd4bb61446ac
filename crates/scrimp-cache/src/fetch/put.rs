//! Putting a response into the store.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
};

use scrimp_core::{BoxError, Key};
use tokio::runtime::Handle;

use crate::{
    config::Shared,
    stats::Counters,
    store::{Entry, FillToken, PutOutcome, Store},
};

/// Puts a response into the store, unless it was invalidated while it was under way.
pub(super) fn put<St: Store>(shared: &Arc<Shared<St>>, key: Key, entry: Arc<Entry>) {
    let token = FillToken::new(&shared.epochs);
    let mut put = Box::pin(shared.store.put(key, entry, token));
    // In memory it is done at once; over a network it is finished in the background.
    let polled = put.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    if let std::task::Poll::Ready(outcome) = polled {
        return note(&shared.counters, outcome);
    }
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(finish(Arc::clone(&shared.counters), put));
    }
}

async fn finish<F>(counters: Arc<Counters>, put: Pin<Box<F>>)
where
    F: Future<Output = Result<PutOutcome, BoxError>>,
{
    note(&counters, put.await);
}

fn note(counters: &Counters, outcome: Result<PutOutcome, BoxError>) {
    match outcome {
        Ok(outcome) => counters.put(outcome),
        Err(error) => {
            counters.store_failures.add();
            tracing::warn!(error, "the store failed to keep a response");
        }
    }
}
