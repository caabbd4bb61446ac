//! scrimp's batch layer.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
    time::Duration,
};

use scrimp_batch::{BatchWindow, Group, GroupError, GroupLayer};
use tower::{Layer, Service, ServiceExt};

use super::{Ask, ITEMS};

#[derive(Clone)]
pub(crate) struct Echo;

impl Service<Vec<u64>> for Echo {
    type Response = Vec<u64>;
    type Error = Infallible;
    type Future = Ready<Result<Vec<u64>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, items: Vec<u64>) -> Self::Future {
        ready(Ok(items))
    }
}

#[derive(Clone)]
pub(crate) struct Scrimp(Group<Echo, u64, Result<u64, GroupError>>);

impl Scrimp {
    pub(crate) fn with(window: BatchWindow) -> Self {
        Self(
            GroupLayer::builder()
                .max_items(ITEMS)
                .window(window)
                .build()
                .unwrap()
                .layer(Echo),
        )
    }
}

/// scrimp with a fixed window, as in most peers.
#[derive(Clone)]
pub(crate) struct ScrimpFixed(Scrimp);

impl Ask for ScrimpFixed {
    const NAME: &'static str = "scrimp, fixed window";

    fn make(window: Duration) -> Self {
        Self(Scrimp::with(BatchWindow::fixed(window)))
    }

    async fn ask(&self, number: u64) -> Option<u64> {
        self.0.ask(number).await
    }
}

impl Ask for Scrimp {
    const NAME: &'static str = "scrimp";

    /// Uses the default: it waits only while a batch is in flight.
    fn make(window: Duration) -> Self {
        Self::with(BatchWindow::when_idle(window))
    }

    async fn ask(&self, number: u64) -> Option<u64> {
        self.0.clone().oneshot(number).await.ok()
    }
}
