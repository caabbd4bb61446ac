//! Answers that are kept for one scope.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{
    FutureExt,
    future::{Shared, WeakShared},
};
use hashlink::LinkedHashMap;
use parking_lot::Mutex;
use scrimp_core::{Key, KeyBuf, KeyHashBuilder};
use tower::util::Oneshot;
use tower_service::Service;

use super::config::IdentityFn;

/// Answers that a scope keeps.
const MOST: usize = 10_000;

/// A service that keeps its answers for one scope, such as one request to a server: the contract of
/// GraphQL's DataLoader.
///
/// Within a scope, equal requests are one call, also one after the other, and each gets a clone of its
/// result. An error is kept like an answer. [`scope`](Self::scope) starts an empty scope over the same
/// service; clones are handles to one scope. So make a `Memo` around a [`Group`](super::Group) once,
/// and a scope for each request. No scope sees what another one has read.
///
/// A scope keeps up to 10,000 results. Beyond that, the one that was asked for first is dropped.
///
/// ```
/// use std::convert::Infallible;
/// use scrimp_batch::{GroupLayer, Memo};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let squares = service_fn(|many: Vec<u64>| async move {
///     Ok::<_, Infallible>(many.into_iter().map(|n| n * n).collect::<Vec<_>>())
/// });
/// let layer = GroupLayer::new();
/// let loader = Memo::new(layer.layer(squares), |n: &u64, key| {
///     key.part(&n.to_le_bytes());
/// });
///
/// let request = loader.scope(); // for one request to the server
/// assert_eq!(request.clone().oneshot(3).await?, 9);
/// assert_eq!(request.clone().oneshot(3).await?, 9); // kept
/// assert_eq!(layer.stats().calls, 1);
/// request.clear(&3); // it was changed
/// assert_eq!(request.oneshot(3).await?, 9);
/// assert_eq!(layer.stats().calls, 2);
/// # Ok(()) }
/// ```
pub struct Memo<S, Req, A> {
    inner: S,
    identity: Arc<IdentityFn<Req>>,
    kept: Arc<Kept<A>>,
}

type Call<A> = Pin<Box<dyn Future<Output = A> + Send>>;

/// The results of a scope, the one that was asked for first before the others.
struct Kept<A>(Mutex<State<A>>);

struct State<A> {
    results: LinkedHashMap<Key, Entry<A>, KeyHashBuilder>,
    /// Calls begun so far.
    calls: u64,
}

enum Entry<A> {
    /// A call, by its number. It ends if no caller waits for it any more.
    Pending(u64, WeakShared<Call<A>>),
    Done(A),
}

/// The response of a [`Memo`].
///
/// Nothing happens before its first poll. A call in flight is cancelled when the last future that
/// waits for it is dropped.
#[must_use = "futures do nothing unless polled"]
pub struct MemoFuture<A>(Shared<Call<A>>)
where
    A: Clone;

// === impl Memo ===

impl<S, Req, T, E> Memo<S, Req, Result<T, E>> {
    /// Returns an empty scope. Requests are equal if `identity` writes equal keys.
    pub fn new(inner: S, identity: impl Fn(&Req, &mut KeyBuf) + Send + Sync + 'static) -> Self
    where
        S: Service<Req, Response = T, Error = E>,
    {
        Self {
            inner,
            identity: Arc::new(identity),
            kept: Kept::new(),
        }
    }

    /// Returns an empty scope over the same service.
    #[must_use]
    pub fn scope(&self) -> Self
    where
        S: Clone,
    {
        Self {
            inner: self.inner.clone(),
            identity: Arc::clone(&self.identity),
            kept: Kept::new(),
        }
    }

    /// Keeps an answer that is known already. A result that is kept, or a call in flight, stays.
    pub fn prime(&self, request: &Req, answer: T) {
        let key = self.key(request);
        let mut state = self.kept.0.lock();
        if !state.results.contains_key(&key) {
            let dropped = state.keep(key, Entry::Done(Ok(answer)));
            drop(state);
            drop(dropped); // Unlocked: an answer may run code of its own.
        }
    }

    /// Forgets the result of a request, for one whose subject was changed. Callers that wait for a call
    /// in flight get its result.
    pub fn clear(&self, request: &Req) {
        let key = self.key(request);
        let mut state = self.kept.0.lock();
        let cleared = state.results.remove(&key);
        drop(state);
        drop(cleared);
    }

    /// Forgets all results.
    pub fn clear_all(&self) {
        let mut state = self.kept.0.lock();
        let cleared = state.results.drain().collect::<Vec<_>>();
        drop(state);
        drop(cleared);
    }

    fn key(&self, request: &Req) -> Key {
        let mut key = KeyBuf::new();
        (self.identity)(request, &mut key);
        key.to_key()
    }
}

impl<S: Clone, Req, A> Clone for Memo<S, Req, A> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            identity: Arc::clone(&self.identity),
            kept: Arc::clone(&self.kept),
        }
    }
}

impl<S, Req> Service<Req> for Memo<S, Req, Result<S::Response, S::Error>>
where
    S: Service<Req> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Clone + Send + Sync + 'static,
    S::Error: Clone + Send + Sync + 'static,
    Req: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = MemoFuture<Result<S::Response, S::Error>>;

    /// Returns ready: a result that is kept needs no call.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let key = self.key(&request);
        let mut state = self.kept.0.lock();
        let known = match state.results.get(&key) {
            Some(Entry::Done(result)) => {
                let result: Call<_> = Box::pin(std::future::ready(result.clone()));
                Some(result.shared())
            }
            Some(Entry::Pending(_, call)) => call.upgrade(),
            None => None,
        };
        if let Some(call) = known {
            return MemoFuture(call);
        }
        state.calls += 1;
        let (number, kept) = (state.calls, Arc::clone(&self.kept));
        let (call, place) = (Oneshot::new(self.inner.clone(), request), key.clone());
        let call: Call<_> = Box::pin(async move {
            let result = call.await;
            kept.finish(&place, number, &result);
            result
        });
        let call = call.shared();
        let waiting = call.downgrade();
        let dropped = waiting.and_then(|call| state.keep(key, Entry::Pending(number, call)));
        drop(state);
        drop(dropped);
        MemoFuture(call)
    }
}

impl<S: fmt::Debug, Req, A> fmt::Debug for Memo<S, Req, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo")
            .field("inner", &self.inner)
            .field("kept", &self.kept.0.lock().results.len())
            .finish_non_exhaustive()
    }
}

// === impl Kept ===

impl<A> Kept<A> {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            results: LinkedHashMap::with_hasher(KeyHashBuilder),
            calls: 0,
        })))
    }

    /// Keeps the result of a call, unless it was cleared meanwhile.
    fn finish(&self, key: &Key, number: u64, result: &A)
    where
        A: Clone,
    {
        let done = Entry::Done(result.clone());
        let mut state = self.0.lock();
        if let Some(entry) = state.results.get_mut(key)
            && matches!(entry, Entry::Pending(other, _) if *other == number)
        {
            *entry = done;
        }
    }
}

// === impl State ===

impl<A> State<A> {
    /// Keeps an entry, and returns the one that makes room for it.
    fn keep(&mut self, key: Key, entry: Entry<A>) -> Option<Entry<A>> {
        let replaced = self.results.insert(key, entry);
        match self.results.len() > MOST {
            true => self.results.pop_front().map(|(_, entry)| entry),
            false => replaced,
        }
    }
}

// === impl MemoFuture ===

impl<A: Clone> Future for MemoFuture<A> {
    type Output = A;

    /// Returns the result.
    ///
    /// # Panics
    ///
    /// If polled after completion, or if the inner service panicked.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<A> {
        self.0.poll_unpin(cx)
    }
}

impl<A: Clone> fmt::Debug for MemoFuture<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoFuture")
    }
}
