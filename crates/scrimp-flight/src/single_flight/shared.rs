//! Single flight of any call, by key.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use scrimp_core::KeyBuf;
use tokio::time::Instant;

use super::{
    flight::{Call, Flight, Others, Outcome, Resolution, SharedResult},
    member::Member,
    table::{Admission, FlightTable, Request},
};
use crate::sync::Mutex;

/// Single flight for any call with a key and a result that can be cloned.
///
/// The first caller that is polled polls the call, so any caller may leave, including the first
/// one. When all have left, the call is dropped. A panic reaches the caller whose call it was, and
/// another caller's call is made instead. Nothing is kept after the last caller has its copy.
pub struct SingleFlight<T: Clone + Send + 'static> {
    table: Arc<FlightTable<Making<T>>>,
}

/// The future of a [`SingleFlight::call`].
#[must_use = "futures do nothing unless polled"]
pub struct SingleFlightCall<T: Clone + Send + 'static, M> {
    table: Arc<FlightTable<Making<T>>>,
    key: KeyBuf,
    make: Option<M>,
    member: Option<Member<Making<T>>>,
}

/// A call in flight, and later its result.
struct Making<T> {
    future: Pin<Box<dyn Future<Output = T> + Send>>,
    result: Option<T>,
}

/// Behind a lock, because a result need not be `Sync`.
struct Copies<T>(Mutex<T>);

// === impl SingleFlight ===

impl<T: Clone + Send + 'static> SingleFlight<T> {
    /// Returns a single flight without calls.
    #[must_use]
    pub fn new() -> Self {
        Self {
            table: Arc::new(FlightTable::new(usize::MAX)),
        }
    }

    /// Returns the result of the call with this key that is in flight, or else of the call that
    /// `make` makes.
    ///
    /// Nothing happens before the first poll.
    ///
    /// # Panics
    ///
    /// The future panics if it is polled after completion.
    pub fn call<M, F>(&self, key: impl AsRef<[u8]>, make: M) -> SingleFlightCall<T, M>
    where
        M: FnOnce() -> F,
        F: Future<Output = T> + Send + 'static,
    {
        let mut parts = KeyBuf::new();
        parts.part(key.as_ref());
        SingleFlightCall {
            table: Arc::clone(&self.table),
            key: parts,
            make: Some(make),
            member: None,
        }
    }

    /// Returns the number of keys in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.table.len()
    }
}

impl<T: Clone + Send + 'static> Clone for SingleFlight<T> {
    fn clone(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
        }
    }
}

impl<T: Clone + Send + 'static> Default for SingleFlight<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone + Send + 'static> fmt::Debug for SingleFlight<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight")
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}

// === impl Making ===

impl<T: Clone + Send + 'static> Call for Making<T> {
    type Terms = Arc<FlightTable<Self>>;
    type Result = Copies<T>;
    type Own = T;

    fn table(terms: &Self::Terms) -> &FlightTable<Self> {
        terms
    }

    fn poll(&mut self, _: &Flight<Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.result = Some(ready!(self.future.as_mut().poll(cx)));
        Poll::Ready(())
    }

    fn resolve(mut self, lone: bool, _: &Arc<Flight<Self>>) -> (Resolution<Self>, Option<Self>) {
        let result = self.result.take().expect("resolved once it is ready");
        let resolution = match lone {
            true => Resolution::Own {
                own: result,
                others: Others::Again,
            },
            false => Resolution::Shared {
                result: Copies(Mutex::new(result)),
                open: false,
            },
        };
        (resolution, Some(self))
    }

    /// Returns no limit, because each lost call belongs to another caller.
    fn max_panics(_: &Self::Terms) -> u32 {
        u32::MAX
    }
}

impl<T: Clone + Send> SharedResult for Copies<T> {
    type Copy = T;

    fn copy(&self) -> Option<T> {
        Some(self.0.lock().clone())
    }
}

// === impl SingleFlightCall ===

impl<T, M, F> Future for SingleFlightCall<T, M>
where
    T: Clone + Send + 'static,
    M: FnOnce() -> F,
    F: Future<Output = T> + Send + 'static,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        loop {
            let Some(member) = &mut this.member else {
                let request = Request {
                    key: this.key.as_ref(),
                    max_members: usize::MAX,
                    waker: cx.waker(),
                };
                let open = || Arc::clone(&this.table);
                match this.table.enter(&request, Instant::now, |_| true, open) {
                    Admission::Member { member, waits } => {
                        this.member = Some(member);
                        if waits {
                            return Poll::Pending;
                        }
                    }
                    Admission::Copy(copy) => return Poll::Ready(copy),
                    Admission::Barred | Admission::Crowded | Admission::Full => {
                        unreachable!("no key is barred, and there are no limits")
                    }
                }
                continue;
            };
            let mut outcome = ready!(member.poll(cx));
            if let Outcome::Lead = outcome {
                let make = this.make.take();
                let make = make.expect("who has made its call gets its result");
                let call = Making {
                    future: Box::pin(make()),
                    result: None,
                };
                outcome = ready!(member.launch(call, cx));
            }
            let member = this.member.take();
            let result = match outcome {
                Outcome::Own(result) => Some(result),
                Outcome::Shared => member
                    .as_ref()
                    .and_then(Member::result)
                    .and_then(SharedResult::copy),
                _ => None,
            };
            if let Some(result) = result {
                return Poll::Ready(result);
            }
        }
    }
}

/// The polled call lies in the flight, not in this future.
impl<T: Clone + Send + 'static, M> Unpin for SingleFlightCall<T, M> {}

impl<T: Clone + Send + 'static, M> fmt::Debug for SingleFlightCall<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlightCall").finish_non_exhaustive()
    }
}
