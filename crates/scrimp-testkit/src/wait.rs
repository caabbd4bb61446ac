//! The waits of a script.

use std::{future::Future, pin::Pin, task::Poll, time::Duration};

use crate::Gate;

/// A wait in a script. It does not start before its first poll.
pub(crate) type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Waits until the gate opens.
pub(crate) fn gate(gate: &Gate) -> Wait {
    Box::pin(gate.opened())
}

/// Waits for a time by tokio's clock.
pub(crate) fn delay(time: Duration) -> Wait {
    Box::pin(async move { tokio::time::sleep(time).await })
}

/// Waits for one poll: wakes the caller and is pending once.
pub(crate) fn wake() -> Wait {
    let mut woken = false;
    Box::pin(std::future::poll_fn(move |cx| {
        if std::mem::replace(&mut woken, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }))
}
