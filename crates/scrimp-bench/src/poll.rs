//! Polling of futures that complete at once.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
};

use tokio::runtime::{Builder, Handle, Runtime};

/// Makes a runtime on this thread for the peers that need one.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime on this thread needs no more than memory")
}

/// Polls a future once, with a waker that does nothing. If that does not complete it, the runtime
/// does: its cost is then part of the measurement, as in real use.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => Handle::current().block_on(future),
    }
}

/// Runs the tasks that a peer has spawned.
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
