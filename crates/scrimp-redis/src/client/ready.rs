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
    pub(crate) async fn run(self, key: &[u8], command: Cmd) -> Result<Value, Failure> {
        let Self {
            client,
            endpoint,
            pass,
            limit,
            ..
        } = self;
        let shared = &client.0.shared;
        let link = match shared.link() {
            Some(link) => Some(link),
            None => {
                client.start();
                shared.first_link(&endpoint).await
            }
        };
        let Some(mut link) = link else {
            let failure = match pass.is_some() {
                true => Failure::TimedOut,
                false => Failure::Open,
            };
            shared.failed(&endpoint, pass, &failure, 0);
            return Err(failure);
        };
        let number = link.number;
        shared.counts.calls.increment();
        let sent = Instant::now();
        match link
            .send(command, To::Key(key), limit)
            .await
            .map_err(Failure::of)
        {
            Err(failure) if failure.blames_endpoint() => {
                shared.failed(&endpoint, pass, &failure, number);
                Err(failure)
            }
            result => {
                if let Some(pass) = pass {
                    shared.answered(&endpoint, pass, sent);
                }
                if result.is_err() {
                    shared.counts.failed.increment();
                }
                result
            }
        }
    }
}
