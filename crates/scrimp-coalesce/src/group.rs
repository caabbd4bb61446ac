//! Calls of any kind, by key.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use scrimp_core::KeyBuf;
use tokio::time::Instant;

use crate::{
    flight::{Arrival, Cargo, Flight, Landing, Member, Others, Outcome},
    sync::Mutex,
    table::{Entry, Request, Table},
};

/// Makes one call of many equal ones at the same time: the generic engine, for anything with
/// a key and a result that can be cloned.
///
/// The call is carried on by whichever caller is polled, so any of them may leave, the first
/// one too; when all have left it is dropped. A panic in it reaches the caller whose call it
/// was, and another caller's is made instead. Nothing is kept once it is done.
///
/// ```
/// use scrimp_coalesce::Group;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let rates: Group<f64> = Group::new();
/// let ask = || rates.call("EUR", || async { tokio::task::yield_now().await; 1.07 });
/// let (one, two) = tokio::join!(ask(), ask()); // one call
/// assert_eq!((one, two), (1.07, 1.07));
/// assert_eq!(rates.in_flight(), 0);
/// # }
/// ```
pub struct Group<T: Clone + Send + 'static> {
    table: Arc<Table<Whole<T>>>,
}

/// A result that is there all at once.
struct Whole<T>(T);

/// Behind a lock, as a result need not be `Sync`.
struct Copies<T>(Mutex<T>);

/// The result of a [`Group::call`].
#[must_use = "futures do nothing unless polled"]
pub struct GroupCall<T: Clone + Send + 'static, M> {
    table: Arc<Table<Whole<T>>>,
    key: KeyBuf,
    make: Option<M>,
    member: Option<Member<Whole<T>>>,
}

// === impl Group ===

impl<T: Clone + Send + 'static> Group<T> {
    /// A group with nothing in flight.
    #[must_use]
    pub fn new() -> Self {
        Self {
            table: Arc::new(Table::new(usize::MAX)),
        }
    }

    /// The result of a call with this key that is under way, or else of the one `make` makes.
    ///
    /// Nothing happens before the first poll. Polled after its end it panics.
    pub fn call<M, F>(&self, key: impl AsRef<[u8]>, make: M) -> GroupCall<T, M>
    where
        M: FnOnce() -> F,
        F: Future<Output = T> + Send + 'static,
    {
        let mut parts = KeyBuf::new();
        parts.part(key.as_ref());
        GroupCall {
            table: Arc::clone(&self.table),
            key: parts,
            make: Some(make),
            member: None,
        }
    }

    /// Keys in flight now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.table.len()
    }
}

impl<T: Clone + Send + 'static> Clone for Group<T> {
    fn clone(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
        }
    }
}

impl<T: Clone + Send + 'static> Default for Group<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone + Send + 'static> fmt::Debug for Group<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}

// === impl Whole ===

impl<T: Clone + Send + 'static> Arrival for Whole<T> {
    type Terms = Arc<Table<Self>>;
    type Call = Pin<Box<dyn Future<Output = T> + Send>>;
    type Cargo = Copies<T>;
    type Own = T;

    fn table(terms: &Self::Terms) -> &Table<Self> {
        terms
    }

    fn poll(call: &mut Self::Call, _: &Flight<Self>, cx: &mut Context<'_>) -> Poll<Self> {
        call.as_mut().poll(cx).map(Self)
    }

    fn land(
        self,
        call: Self::Call,
        lone: bool,
        _: &Arc<Flight<Self>>,
    ) -> (Landing<Self>, Option<Self::Call>) {
        let landing = match lone {
            true => Landing::Own {
                own: self.0,
                others: Others::Again,
            },
            false => Landing::Shared {
                cargo: Copies(Mutex::new(self.0)),
                open: false,
            },
        };
        (landing, Some(call))
    }

    /// Each of them is another caller's.
    fn most_panics(_: &Self::Terms) -> u32 {
        u32::MAX
    }
}

impl<T: Clone + Send> Cargo for Copies<T> {
    type Copy = T;

    fn copy(&self) -> Option<T> {
        Some(self.0.lock().clone())
    }
}

// === impl GroupCall ===

impl<T, M, F> Future for GroupCall<T, M>
where
    T: Clone + Send + 'static,
    M: FnOnce() -> F,
    F: Future<Output = T> + Send + 'static,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        loop {
            let outcome = match &mut this.member {
                Some(member) => ready!(member.poll(cx)),
                None => match enter(&this.table, &this.key, cx.waker()) {
                    Entry::Lead(member) => {
                        this.member = Some(member);
                        Outcome::Lead
                    }
                    Entry::Join { member, waits } => {
                        this.member = Some(member);
                        match waits {
                            true => return Poll::Pending,
                            false => continue,
                        }
                    }
                    Entry::Copy(copy) => return Poll::Ready(copy),
                    Entry::Barred | Entry::Crowded | Entry::Full => {
                        unreachable!("a group bars no key and has no limits")
                    }
                },
            };
            let outcome = match (outcome, &mut this.member) {
                (Outcome::Lead, Some(member)) => {
                    let make = this
                        .make
                        .take()
                        .expect("who has made its call gets its result");
                    ready!(member.launch(Box::pin(make()), cx))
                }
                (outcome, _) => outcome,
            };
            let member = this.member.take();
            let result = match outcome {
                Outcome::Own(result) => Some(result),
                Outcome::Landed => member
                    .as_ref()
                    .and_then(Member::cargo)
                    .and_then(Cargo::copy),
                _ => None,
            };
            if let Some(result) = result {
                return Poll::Ready(result);
            }
        }
    }
}

/// What is polled in it lies in the flight.
impl<T: Clone + Send + 'static, M> Unpin for GroupCall<T, M> {}

impl<T: Clone + Send + 'static, M> fmt::Debug for GroupCall<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupCall").finish_non_exhaustive()
    }
}

fn enter<T: Clone + Send + 'static>(
    table: &Arc<Table<Whole<T>>>,
    key: &KeyBuf,
    waker: &Waker,
) -> Entry<Whole<T>> {
    let request = Request {
        key: key.as_ref(),
        most: usize::MAX,
        waker,
    };
    table.enter(&request, Instant::now, |_| true, || Arc::clone(table))
}
