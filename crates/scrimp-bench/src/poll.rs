//! Driving futures that complete at once.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
};

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime for those peers that want one to be around. It runs on this thread.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime on this thread needs no more than memory")
}

/// Polls a future once, with a waker that does nothing. If that does not complete it, the
/// runtime around does: then its cost is part of the measurement, as it is in life.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => Handle::current().block_on(future),
    }
}

/// Lets tasks run that a peer has spawned.
pub(crate) fn settle(runtime: &Runtime) {
    runtime.block_on(async {
        for _ in 0..4 {
            let mut yielded = false;
            poll_fn(|context| {
                if std::mem::replace(&mut yielded, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    });
}
