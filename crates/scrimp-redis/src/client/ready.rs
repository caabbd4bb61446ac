//! Permission to send a command.

use std::{sync::Arc, time::Duration};

use redis::{Cmd, Value};
use scrimp_core::BreakerPass;
use tokio::time::Instant;

use super::{RedisClient, endpoint::Endpoint, error::Failure, link::To};

/// Permission to send one command.
pub(crate) struct Ready {
    pub(super) client: RedisClient,
    pub(super) endpoint: Arc<Endpoint>,
    /// Permission of the breaker. `None` if it gives none, and the command is sent nevertheless.
    pub(super) pass: Option<BreakerPass>,
    /// Flag that it is sent in any case.
    pub(super) insists: bool,
    pub(super) limit: Duration,
}

// === impl Ready ===

impl Ready {
    /// Gives the command more time, or less. For those that no request waits for.
    pub(crate) fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Returns a permission to send a command in the place of this one.
    pub(super) fn renewed(client: &RedisClient, key: &[u8], insists: bool) -> Option<Self> {
        match insists {
            true => Some(client.insist(key)),
            false => client.admit(key),
        }
    }

    /// Runs a command about a key.
    pub(crate) async fn run(mut self, key: &[u8], mut command: Cmd) -> Result<Value, Failure> {
        self.send(key, &mut command).await
    }

    /// Runs a command about a key, once. What is only borrowed takes no memory of the future a second time.
    pub(crate) async fn send(&mut self, key: &[u8], command: &mut Cmd) -> Result<Value, Failure> {
        let (shared, endpoint) = (&self.client.0.shared, &self.endpoint);
        let link = match shared.link() {
            Some(link) => Some(link),
            None => {
                self.client.start();
                // Boxed, as it is rare: all commands would need memory for it.
                Box::pin(shared.first_link(endpoint)).await
            }
        };
        let Some(mut link) = link else {
            let failure = match self.pass.is_some() {
                true => Failure::TimedOut,
                false => Failure::Open,
            };
            shared.failed(endpoint, self.pass.take(), &failure, 0);
            return Err(failure);
        };
        shared.counts.calls.increment();
        // Only a trial is asked how long it took.
        let is_trial = self.pass.as_ref().is_some_and(BreakerPass::is_trial);
        let sent = is_trial.then(Instant::now);
        let result = link.send(command, To::Key(key), self.limit).await;
        match result.map_err(Failure::of) {
            Err(failure) if failure.blames_endpoint() => {
                shared.failed(endpoint, self.pass.take(), &failure, link.number);
                Err(failure)
            }
            result => {
                if let Some(pass) = self.pass.take() {
                    shared.answered(endpoint, pass, sent);
                }
                if result.is_err() {
                    shared.counts.failed.increment();
                }
                result
            }
        }
    }
}
