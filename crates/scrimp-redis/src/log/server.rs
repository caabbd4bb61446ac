//! The scripts of the log, and the names of its keys.

use std::{sync::LazyLock, time::Duration};

use redis::Value;

use super::{
    protocol::{Head, NotAppended, Page},
    wire,
};
use crate::client::{Channel, Failure, RedisClient, Script};

static APPEND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("append.lua")));
static READ: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("read.lua")));
static BEAT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("beat.lua")));
static DISTRUST: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("distrust.lua")));

/// Time for one call. No request waits for it.
const LIMIT: Duration = Duration::from_millis(500);

/// Time for which a node stays elected without a beat.
const LEASE: &str = "1500";

/// Maximum number of records of one page.
pub(crate) const PAGE: usize = 500;

/// A log in Redis. Its keys and its channel share a slot.
#[derive(Clone)]
pub(crate) struct ServerLog {
    pub(crate) client: RedisClient,
    head: String,
    stream: String,
    elected: String,
    channel: String,
    /// Command that rings the bell.
    ring: &'static [u8],
    kept: String,
}

// === impl ServerLog ===

impl ServerLog {
    pub(crate) fn new(client: RedisClient, name: &str, kept: u64) -> Self {
        let key = |part: &str| format!("{{{name}:log}}:{part}");
        let ring = match client.is_cluster() {
            true => &b"SPUBLISH"[..],
            false => b"PUBLISH",
        };
        Self {
            ring,
            client,
            head: key("head"),
            stream: key("stream"),
            elected: key("elected"),
            channel: key("bell"),
            kept: kept.to_string(),
        }
    }

    /// Returns the channel of the bell. In a cluster, only the nodes that hold the log pass it on.
    pub(crate) fn bell(&self) -> Channel {
        Channel {
            name: self.channel.as_bytes().into(),
            sharded: true,
        }
    }

    /// Appends a record. Returns the head after it.
    pub(crate) async fn append(
        &self,
        nonce: u64,
        record: &[u8],
        new_log: u64,
    ) -> Result<Head, NotAppended> {
        let (nonce, new_log) = (nonce.to_string(), new_log.to_string());
        let arguments = [
            nonce.as_bytes(),
            record,
            self.kept.as_bytes(),
            self.channel.as_bytes(),
            new_log.as_bytes(),
            self.ring,
        ];
        let answer = self.call(&APPEND, &arguments).await;
        let answer = answer.map_err(|failure| match failure.refuses_writes() {
            true => NotAppended::Refused,
            false => NotAppended::Unknown,
        })?;
        wire::head(&answer).ok_or(NotAppended::Unknown)
    }

    /// Tells all nodes of invalidations that the log does not take. In a cluster, only the nodes that hold the
    /// log pass it on; before version 7 of Redis, all do.
    pub(crate) async fn announce(&self, by: u64, again: bool, record: &[u8]) {
        let message = wire::unlisted(by, again, record);
        for ring in [self.ring, b"PUBLISH"] {
            let mut command = redis::Cmd::new();
            command.arg(ring).arg(&self.channel).arg(&message[..]);
            let ready = self.client.insist(self.head.as_bytes()).within(LIMIT);
            match ready.run(self.head.as_bytes(), command).await {
                Ok(_) => return,
                Err(failure) => {
                    tracing::debug!(error = %failure, "a message about the log of invalidations was not sent");
                }
            }
        }
    }

    /// Reads records from a position on, or from the first one.
    pub(crate) async fn read(&self, from: Option<u64>, limit: usize, new_log: u64) -> Option<Page> {
        let from = from.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let (count, new_log) = ((limit + 1).to_string(), new_log.to_string());
        let arguments = [from.as_bytes(), count.as_bytes(), new_log.as_bytes()];
        wire::page(self.run(&READ, &arguments).await?, limit)
    }

    /// Elects a node, or keeps it elected, and beats. Returns whether it is elected.
    pub(crate) async fn beat(&self, node: u64, new_log: u64) -> Option<bool> {
        let (node, new_log) = (node.to_string(), new_log.to_string());
        let arguments = [
            node.as_bytes(),
            LEASE.as_bytes(),
            self.channel.as_bytes(),
            new_log.as_bytes(),
            self.ring,
        ];
        match self.run(&BEAT, &arguments).await? {
            Value::Int(elected) => Some(elected == 1),
            _ => None,
        }
    }

    /// Replaces a log that has lost records. Returns whether it is replaced.
    pub(crate) async fn distrust(&self, log: u64, new_log: u64) -> bool {
        let (log, new_log) = (log.to_string(), new_log.to_string());
        let arguments = [
            log.as_bytes(),
            self.channel.as_bytes(),
            new_log.as_bytes(),
            self.ring,
        ];
        self.run(&DISTRUST, &arguments).await.is_some()
    }

    async fn run(&self, script: &Script, arguments: &[&[u8]]) -> Option<Value> {
        self.call(script, arguments).await.ok()
    }

    async fn call(&self, script: &Script, arguments: &[&[u8]]) -> Result<Value, Failure> {
        let ready = self.client.insist(self.head.as_bytes()).within(LIMIT);
        let keys = [&self.head, &self.stream, &self.elected].map(String::as_bytes);
        let outcome = script.run(ready, &keys, arguments).await;
        if let Err(failure) = &outcome {
            tracing::debug!(error = %failure, "a call about the log of invalidations failed");
        }
        outcome
    }
}
