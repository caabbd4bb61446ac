//! The model of the server beside a real one: the same calls, the same answers and messages.

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../../../tests/servers/server.rs"]
mod redis_server;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use redis_server::Server as RedisServer;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use super::{
    protocol::{Head, Message},
    server::ServerLog,
    simulation::Server,
    wire,
};
use crate::client::{Listener, RedisClient};

const KEYS: [&str; 3] = ["{test:log}:head", "{test:log}:stream", "{test:log}:elected"];

#[derive(Debug)]
struct Heard(mpsc::UnboundedSender<Option<Message>>);

impl Listener for Heard {
    fn message(&self, payload: &[u8]) {
        let _ = self
            .0
            .send(Some(wire::message(payload).expect("a message of ours")));
    }

    fn interrupted(&self) {
        let _ = self.0.send(None);
    }
}

/// A log on a real server and its model.
struct Pair {
    redis: RedisServer,
    real: ServerLog,
    model: Server,
    heard: mpsc::UnboundedReceiver<Option<Message>>,
    random: fastrand::Rng,
    /// The client knows it weakly.
    _listener: Arc<dyn Listener>,
}

impl Pair {
    async fn start(seed: u64) -> Option<Self> {
        let redis = RedisServer::start(&[])?;
        let client = RedisClient::builder([redis.url()]).build().unwrap();
        let (sender, mut heard) = mpsc::unbounded_channel();
        let listener: Arc<dyn Listener> = Arc::new(Heard(sender));
        let real = ServerLog::new(client.clone(), "test", 1_000_000);
        client.listen(&real.bell(), &listener);
        client.connected().await;
        // The connection is there, and has its channel.
        assert_eq!(heard.recv().await, Some(None));
        while heard.try_recv().is_ok() {}
        Some(Self {
            redis,
            real,
            model: Server::default(),
            heard,
            random: fastrand::Rng::with_seed(seed),
            _listener: listener,
        })
    }

    /// Does the same at random to both.
    async fn step(&mut self) {
        let new_log = self.random.u64(1..);
        self.model.next_log = new_log - 1;
        match self.random.u8(..20) {
            0..9 => {
                let nonce = self.random.u64(1..);
                let length = self.random.usize(..40);
                let record: Bytes = (0..length).map(|_| self.random.u8(..)).collect();
                let (head, message) = self.model.append(nonce, record.clone());
                assert_eq!(self.real.append(nonce, &record, new_log).await, Ok(head));
                self.hears(message).await;
            }
            9..16 => {
                let last = self.model.head.map_or(0, |head| head.last.at);
                let from = self.random.u64(..last + 3);
                let from = Some(from).filter(|_| self.random.u8(..) > 20);
                let limit = self.random.usize(1..30);
                let page = self.model.read(from, limit);
                assert_eq!(self.real.read(from, limit, new_log).await, Some(page));
            }
            16 => {
                self.redis.run(&["DEL", KEYS[2]]);
                let (elected, message) =
                    self.model
                        .beat(new_log as usize, Instant::now(), Duration::ZERO);
                assert_eq!(self.real.beat(new_log, new_log).await, Some(elected));
                self.hears(message.expect("it is elected")).await;
            }
            17 => {
                let log = self.model.head.map_or(1, |head| head.log);
                // Sometimes another process was faster.
                let log = log + u64::from(self.random.u8(..4) == 0);
                let message = self.model.head.and_then(|_| self.model.distrust(log));
                if self.model.head.is_some() {
                    assert!(self.real.distrust(log, new_log).await);
                }
                if let Some(message) = message {
                    self.hears(message).await;
                }
            }
            18 => {
                let kept = self.random.usize(..20);
                self.model.trim(kept);
                self.redis
                    .run(&["XTRIM", KEYS[1], "MAXLEN", &kept.to_string()]);
            }
            _ if self.random.u8(..4) == 0 => {
                self.model.wipe();
                self.redis.run(&["FLUSHALL"]);
            }
            _ => self.roll_back(),
        }
    }

    fn roll_back(&mut self) {
        let lost = self.model.roll_back(self.random.usize(1..5));
        let Some(Head { last, .. }) = self.model.head.filter(|_| !lost.is_empty()) else {
            return;
        };
        for entry in lost {
            self.redis.run(&["XDEL", KEYS[1], &entry.id.at.to_string()]);
        }
        let (at, nonce) = (last.at.to_string(), last.nonce.to_string());
        self.redis.run(&["XSETID", KEYS[1], &at]);
        self.redis
            .run(&["HSET", KEYS[0], "at", &at, "nonce", &nonce]);
    }

    async fn hears(&mut self, message: Message) {
        let heard = timeout(Duration::from_secs(20), self.heard.recv()).await;
        assert_eq!(heard, Ok(Some(Some(message))));
    }
}

#[tokio::test]
async fn a_real_server_answers_as_its_model_does() {
    for seed in 0..4 {
        let Some(mut pair) = Pair::start(seed).await else {
            return;
        };
        for _ in 0..500 {
            pair.step().await;
        }
    }
}
