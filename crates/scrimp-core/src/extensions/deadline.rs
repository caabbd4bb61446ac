//! The time limit of a caller, and the wait that it ends.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use http::Extensions;
use tokio::{
    runtime::Handle,
    time::{Instant, Sleep, sleep_until},
};

/// On a request: the time at which its caller stops waiting.
///
/// Layers do not delay the request past this time, and start nothing that cannot end before it. A
/// layer in which the request waits for the call of another one answers at this time, with a
/// `deadline` [problem](crate::Problem::deadline) (504). The call that it waited for goes on for
/// the callers that wait longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(pub Instant);

/// On a request: the time by which one of its callers wants the response, while others may wait
/// longer.
///
/// A layer that shares calls puts it in the place of the [`Deadline`] of the caller that a call is
/// made for. Layers inside use it to be early. They end nothing at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DueBy(pub Instant);

/// The wait of one caller, which ends at its [`Deadline`].
///
/// Outside of a tokio runtime no time passes: the wait is then over only when the caller is polled
/// for another reason.
#[derive(Default)]
pub struct Patience(Option<Box<Limit>>);

struct Limit {
    until: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

// === impl Deadline ===

impl Deadline {
    /// Takes the deadline out of a request whose call may go on without its caller, and leaves
    /// [`DueBy`] in its place.
    ///
    /// The layer that shares the call must hold the caller to the deadline by itself.
    pub fn share(request: &mut Extensions) -> Option<Self> {
        let deadline = request.remove::<Self>()?;
        request.insert(DueBy(deadline.0));
        Some(deadline)
    }

    /// Takes the deadline, and every hint of it, out of a request that no caller waits for.
    pub fn drop_from(request: &mut Extensions) {
        request.remove::<Self>();
        request.remove::<DueBy>();
    }
}

// === impl DueBy ===

impl DueBy {
    /// Returns the time by which a caller wants the response: the earlier one of a request's
    /// [`Deadline`] and its `DueBy`.
    #[must_use]
    pub fn of(request: &Extensions) -> Option<Instant> {
        let deadline = request.get::<Deadline>().map(|deadline| deadline.0);
        let due = request.get::<Self>().map(|due| due.0);
        deadline.into_iter().chain(due).min()
    }
}

// === impl Patience ===

impl Patience {
    /// Returns the wait of a request's caller, which has no end without a [`Deadline`].
    #[must_use]
    pub fn of(request: &Extensions) -> Self {
        Self::until(request.get::<Deadline>().copied())
    }

    /// Returns a wait until a deadline, or one without an end.
    #[must_use]
    pub fn until(deadline: Option<Deadline>) -> Self {
        let limit = |Deadline(until)| Box::new(Limit { until, timer: None });
        Self(deadline.map(limit))
    }

    /// Returns the deadline.
    #[must_use]
    pub fn deadline(&self) -> Option<Deadline> {
        self.0.as_ref().map(|limit| Deadline(limit.until))
    }

    /// Reports whether the deadline has passed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let limit = self.0.as_ref();
        limit.is_some_and(|limit| limit.until <= Instant::now())
    }

    /// Waits for the deadline. Pending without one.
    pub fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(limit) = &mut self.0 else {
            return Poll::Pending;
        };
        // Layers that hold the same deadline agree on it, in whatever order their timers fire.
        if limit.until <= Instant::now() {
            return Poll::Ready(());
        }
        if limit.timer.is_none() && Handle::try_current().is_err() {
            return Poll::Pending;
        }
        let timer = limit
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(limit.until)));
        timer.as_mut().poll(cx)
    }

    /// Returns the error of a body whose reader's deadline has passed. HTTP clients recognise it as
    /// a time-out by its kind.
    #[must_use]
    pub fn error() -> io::Error {
        let text = "the caller's time limit passed before the response had ended";
        io::Error::new(io::ErrorKind::TimedOut, text)
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Patience").field(&self.deadline()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Waker, time::Duration};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_over_at_its_deadline_and_not_before() {
        let began = Instant::now();
        let mut patience = Patience::until(Some(Deadline(began + Duration::from_secs(1))));
        assert!(!patience.is_over());
        poll_fn(|cx| patience.poll_over(cx)).await;
        assert!(patience.is_over());
        assert_eq!(began.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_without_a_deadline_has_no_end() {
        let mut patience = Patience::of(&Extensions::new());
        tokio::time::advance(Duration::from_secs(86_400)).await;
        let mut cx = Context::from_waker(Waker::noop());
        assert!(patience.poll_over(&mut cx).is_pending());
        assert!(!patience.is_over());
    }

    #[test]
    fn a_wait_outside_of_a_runtime_panics_at_nothing_and_ends_when_it_is_polled_late() {
        let mut cx = Context::from_waker(Waker::noop());
        let later = Instant::now() + Duration::from_secs(60);
        let mut patience = Patience::until(Some(Deadline(later)));
        assert!(patience.poll_over(&mut cx).is_pending());
        let mut patience = Patience::until(Some(Deadline(Instant::now())));
        assert!(patience.poll_over(&mut cx).is_ready());
    }

    #[test]
    fn a_shared_call_has_the_deadline_of_no_caller_and_still_hastens() {
        let mut request = Extensions::new();
        assert_eq!(DueBy::of(&request), None);
        let deadline = Deadline(Instant::now());
        request.insert(deadline);
        assert_eq!(DueBy::of(&request), Some(deadline.0));
        assert_eq!(Deadline::share(&mut request), Some(deadline));
        assert_eq!(Deadline::share(&mut request), None);
        assert_eq!(request.get::<Deadline>(), None);
        assert_eq!(DueBy::of(&request), Some(deadline.0));
        Deadline::drop_from(&mut request);
        assert_eq!(DueBy::of(&request), None);
    }
}
