//! The peers, set up as in their documentation.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use async_graphql::dataloader;
use tokio::sync::watch;
use tower::{BoxError, Service, ServiceExt};

use super::{Ask, ITEMS};

/// A request of tower-batch and tower-batch-control: they answer each item through its own future,
/// which the service must complete at the flush.
pub(crate) struct Flushed {
    flushed: watch::Sender<()>,
}

impl Flushed {
    fn new() -> Self {
        Self {
            flushed: watch::channel(()).0,
        }
    }

    fn item(&self, number: u64) -> Pin<Box<dyn Future<Output = Result<u64, BoxError>> + Send>> {
        let mut flushed = self.flushed.subscribe();
        Box::pin(async move {
            flushed.changed().await?;
            Ok(number)
        })
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = Result<u64, BoxError>> + Send>> {
        self.flushed.send_replace(());
        Box::pin(std::future::ready(Ok(0)))
    }
}

impl Service<tower_batch::BatchControl<u64>> for Flushed {
    type Response = u64;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<u64, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, control: tower_batch::BatchControl<u64>) -> Self::Future {
        match control {
            tower_batch::BatchControl::Item(number) => self.item(number),
            tower_batch::BatchControl::Flush => self.flush(),
        }
    }
}

#[derive(Clone)]
pub(crate) struct TowerBatch(tower_batch::Batch<Flushed, u64>);

impl Ask for TowerBatch {
    const NAME: &'static str = "tower-batch";

    fn make(window: Duration) -> Self {
        Self(tower_batch::Batch::new(Flushed::new(), ITEMS, window))
    }

    async fn ask(&self, number: u64) -> Option<u64> {
        self.0.clone().oneshot(number).await.ok()
    }
}

/// A number that weighs 1.
pub(crate) struct Weighed(u64);

impl tower_batch_control::RequestWeight for Weighed {}

impl Service<tower_batch_control::BatchControl<Weighed>> for Flushed {
    type Response = u64;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<u64, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, control: tower_batch_control::BatchControl<Weighed>) -> Self::Future {
        match control {
            tower_batch_control::BatchControl::Item(number) => self.item(number.0),
            tower_batch_control::BatchControl::Flush => self.flush(),
        }
    }
}

#[derive(Clone)]
pub(crate) struct TowerBatchControl(tower_batch_control::Batch<Flushed, Weighed>);

impl Ask for TowerBatchControl {
    const NAME: &'static str = "tower-batch-control";

    fn make(window: Duration) -> Self {
        Self(tower_batch_control::Batch::new(
            Flushed::new(),
            ITEMS,
            None,
            window,
        ))
    }

    async fn ask(&self, number: u64) -> Option<u64> {
        self.0.clone().oneshot(Weighed(number)).await.ok()
    }
}

pub(crate) struct Echo;

impl ultra_batch::Executor for Echo {
    type Value = u64;
    type Result = u64;
    type Error = Infallible;

    async fn execute(&self, values: Vec<u64>) -> Result<Vec<u64>, Infallible> {
        Ok(values)
    }
}

#[derive(Clone)]
pub(crate) struct UltraBatch(Arc<ultra_batch::BatchExecutor<Echo>>);

impl Ask for UltraBatch {
    const NAME: &'static str = "ultra-batch";

    fn make(window: Duration) -> Self {
        let builder = ultra_batch::BatchExecutor::build(Echo);
        let builder = builder.delay_duration(window).eager_batch_size(Some(ITEMS));
        Self(Arc::new(builder.finish()))
    }

    async fn ask(&self, number: u64) -> Option<u64> {
        self.0.execute(number).await.ok().flatten()
    }
}

impl ::dataloader::BatchFn<u64, u64> for Echo {
    async fn load(&mut self, keys: &[u64]) -> HashMap<u64, u64> {
        keys.iter().map(|key| (*key, *key)).collect()
    }
}

#[derive(Clone)]
pub(crate) struct DataloaderRs(::dataloader::non_cached::Loader<u64, u64, Echo>);

impl Ask for DataloaderRs {
    const NAME: &'static str = "dataloader";

    /// Ignores the window: it yields ten times instead.
    fn make(_: Duration) -> Self {
        let loader = ::dataloader::non_cached::Loader::new(Echo);
        Self(loader.with_max_batch_size(ITEMS))
    }

    async fn ask(&self, number: u64) -> Option<u64> {
        self.0.try_load(number).await.ok()
    }
}

impl dataloader::Loader<u64> for Echo {
    type Value = u64;
    type Error = ();

    async fn load(&self, keys: &[u64]) -> Result<HashMap<u64, u64>, ()> {
        Ok(keys.iter().map(|key| (*key, *key)).collect())
    }
}

#[derive(Clone)]
pub(crate) struct GraphQl(Arc<dataloader::DataLoader<Echo>>);

impl Ask for GraphQl {
    const NAME: &'static str = "async-graphql's DataLoader";

    fn make(window: Duration) -> Self {
        let loader = dataloader::DataLoader::new(Echo, tokio::spawn);
        Self(Arc::new(loader.delay(window).max_batch_size(ITEMS)))
    }

    async fn ask(&self, number: u64) -> Option<u64> {
        self.0.load_one(number).await.ok().flatten()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Processor;

impl batch_aint_one::Processor for Processor {
    type Key = u8;
    type Input = u64;
    type Output = u64;
    type Error = String;
    type Resources = ();

    async fn acquire_resources(&self, _: u8) -> Result<(), String> {
        Ok(())
    }

    async fn process(
        &self,
        _: u8,
        inputs: impl Iterator<Item = u64> + Send,
        (): (),
    ) -> Result<Vec<u64>, String> {
        Ok(inputs.collect())
    }
}

#[derive(Clone)]
pub(crate) struct BatchAintOne(Arc<batch_aint_one::Batcher<Processor>>);

impl Ask for BatchAintOne {
    const NAME: &'static str = "batch-aint-one";

    /// Uses its policy for the lone caller.
    fn make(_: Duration) -> Self {
        use batch_aint_one::{Batcher, BatchingPolicy, Limits};
        let limits = Limits::builder()
            .max_batch_size(ITEMS)
            .max_key_concurrency(8);
        let batcher = Batcher::builder().name("bench").processor(Processor);
        let batcher = batcher.limits(limits.build());
        Self(Arc::new(
            batcher.batching_policy(BatchingPolicy::Immediate).build(),
        ))
    }

    async fn ask(&self, number: u64) -> Option<u64> {
        self.0.add(0, number).await.ok()
    }
}
