//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use scrimp_core::{BoxError, KeyBuf};
use tower_service::Service;

use super::{
    Answers, GroupError, config::IdentityFn, driver::GroupDriver, future::GroupFuture,
    layer::Shared,
};
use crate::engine::{Lane, Lanes, Limits, Room, Waiting};

/// A service that makes one call for many requests. Made by
/// [`GroupLayer`](super::GroupLayer).
///
/// It is always ready: a request waits inside its own future, for a place, for other requests and
/// for the answer. Clones collect together. `A` is the result that a caller gets.
pub struct Group<S, Req, A> {
    inner: S,
    state: Arc<State<Req, A>>,
}

pub(crate) struct State<Req, A> {
    shared: Arc<Shared<Req>>,
    limits: Arc<Limits>,
    lanes: Lanes<Req, A>,
    /// The lane if no function sets lanes apart.
    only: Arc<Lane<Req, A>>,
    distinct: Option<Distinct<Req, A>>,
}

/// Equality of requests, and copies of an answer for equal ones.
pub(crate) struct Distinct<Req, A> {
    pub(crate) identity: Arc<IdentityFn<Req>>,
    pub(crate) copy: CopyAnswer<A>,
}

/// Copies an answer for an equal request.
pub(crate) type CopyAnswer<A> = fn(&A) -> A;

// === impl Group ===

impl<S, Req, A> Group<S, Req, A> {
    pub(crate) fn new(
        inner: S,
        shared: Arc<Shared<Req>>,
        distinct: Option<Distinct<Req, A>>,
    ) -> Self {
        let config = &shared.config;
        let limits = Arc::new(Limits {
            items: config.items,
            bytes: usize::MAX,
            weight: config.weight,
            concurrency: config.lanes.concurrency,
            window: config.window(),
        });
        let state = Arc::new(State {
            only: Arc::new(Lane::new(Arc::clone(&limits))),
            lanes: Lanes::new(config.lanes.max_lanes, shared.stats.lanes.clone()),
            limits,
            shared,
            distinct,
        });
        Self { inner, state }
    }

    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns the inner service, mutably.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service, by value.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<Req, A> State<Req, A> {
    fn lane(&self, request: &Req) -> Arc<Lane<Req, A>> {
        let Some(write) = &self.shared.config.lane else {
            return Arc::clone(&self.only);
        };
        let mut key = KeyBuf::new();
        write(request, &mut key);
        let make = || Lane::new(Arc::clone(&self.limits));
        self.lanes.lane(key.as_ref(), make)
    }

    fn waiting(&self, item: Req) -> Waiting<Req> {
        let config = &self.shared.config;
        let deadline = config.deadline.as_ref();
        let deadline = deadline.and_then(|deadline| deadline(&item));
        Waiting {
            identity: self.distinct.as_ref().map(|distinct| {
                let mut key = KeyBuf::new();
                (distinct.identity)(&item, &mut key);
                key.to_key()
            }),
            tenant: config.tenant.as_ref().map(|tenant| tenant(&item)),
            weight: config.weigh.as_ref().map_or(1, |weigh| weigh(&item)),
            deadline,
            due: deadline,
            bytes: 0,
            urgent: false,
            item,
        }
    }
}

impl<S: Clone, Req, A> Clone for Group<S, Req, A> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            state: Arc::clone(&self.state),
        }
    }
}

impl<S, Req, R> Service<Req> for Group<S, Req, Result<R::Item, GroupError>>
where
    S: Service<Vec<Req>, Response = R> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    R: Answers + Send,
    R::Item: Send + 'static,
    Req: Send + 'static,
{
    type Response = R::Item;
    type Error = GroupError;
    type Future = GroupFuture<S, Req, Result<R::Item, GroupError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let lane = self.state.lane(&request);
        let waiting = self.state.waiting(request);
        let copy = self.state.distinct.as_ref().map(|distinct| distinct.copy);
        let shared = Arc::clone(&self.state.shared);
        let driver = GroupDriver::new(self.inner.clone(), shared, copy);
        GroupFuture::new(Room::new(&self.state.shared.places), lane, waiting, driver)
    }
}

impl<S: fmt::Debug, Req, A> fmt::Debug for Group<S, Req, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
