//! A service of many numbers.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use parking_lot::Mutex;
use scrimp_testkit::Gate;
use tokio::time::Instant;
use tower::Service;

/// A request that makes the service panic.
pub(crate) const PANIC: u64 = 1_000_000_666;

/// Time of a call, and its requests.
pub(crate) type Call = (Instant, Vec<u64>);

/// Doubles numbers, and records its calls.
#[derive(Clone)]
pub(crate) struct Double {
    calls: Arc<Mutex<Vec<Call>>>,
    gate: Option<Gate>,
    takes: Duration,
}

impl Double {
    /// Answers at once.
    pub(crate) fn new() -> Self {
        Self {
            calls: Arc::default(),
            gate: None,
            takes: Duration::ZERO,
        }
    }

    /// Answers when the gate opens.
    pub(crate) fn gated(gate: &Gate) -> Self {
        Self {
            gate: Some(gate.clone()),
            ..Self::new()
        }
    }

    /// Answers after a time.
    pub(crate) fn slow(takes: Duration) -> Self {
        Self {
            takes,
            ..Self::new()
        }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().clone()
    }

    pub(crate) fn batches(&self) -> Vec<Vec<u64>> {
        self.calls
            .lock()
            .iter()
            .map(|(_, items)| items.clone())
            .collect()
    }
}

impl Service<Vec<u64>> for Double {
    type Response = Vec<u64>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Vec<u64>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, items: Vec<u64>) -> Self::Future {
        self.calls.lock().push((Instant::now(), items.clone()));
        let (gate, takes) = (self.gate.clone(), self.takes);
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.opened().await;
            }
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            assert!(!items.contains(&PANIC), "scripted panic");
            Ok(items.into_iter().map(|n| n * 2).collect())
        })
    }
}
