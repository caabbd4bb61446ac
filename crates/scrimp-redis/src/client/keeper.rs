//! The task that keeps a client connected: it opens connections, checks the health of the
//! endpoints, and probes those that have failed.

use std::{sync::Arc, time::Duration};

use redis::{Cmd, cmd};
use tokio::time::{Instant, timeout};

use super::{
    Shared,
    channels::Channel,
    endpoint::Endpoint,
    error::Failure,
    link::{Link, To},
    script,
};

/// Shortest time between two probes of an endpoint that has failed more than once.
const FIRST_REST: Duration = Duration::from_millis(100);

/// Keeps the client connected, until it is dropped.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut checked = Instant::now();
    loop {
        let Some(link) = shared.link() else {
            match shared.connect().await {
                Ok(()) => checked = Instant::now(),
                Err(failure) => {
                    for endpoint in shared.endpoints.all() {
                        shared.open(&endpoint, &failure);
                    }
                    shared.wake_waiting();
                    shared.rest().await;
                }
            }
            continue;
        };
        let due = shared.next_probe(checked + shared.health_interval);
        tokio::select! {
            () = shared.channels.ended.notified() => {
                for channel in shared.channels.used() {
                    if channel.sharded && !shared.subscribe(link.clone(), &channel).await {
                        break;
                    }
                }
                continue;
            }
            () = shared.woken.notified() => {}
            () = tokio::time::sleep_until(due) => {}
        }
        if shared.link().is_some_and(|now| now.number == link.number) {
            let whole = Instant::now() >= checked + shared.health_interval;
            shared.check(link, whole).await;
            if whole {
                checked = Instant::now();
            }
        }
    }
}

// === impl Shared ===

impl Shared {
    /// Opens a connection, and lets one command try it.
    async fn connect(&self) -> Result<(), Failure> {
        let number = self.counts.connections.get() + 1;
        let known = self.channels.used();
        let opened = self
            .topology
            .connect(number, self.command_timeout, &self.channels);
        let link = match timeout(self.connect_timeout, opened).await {
            Ok(Ok(link)) => link,
            Ok(Err(error)) => return Err(Failure::of(error)),
            Err(_) => return Err(Failure::TimedOut),
        };
        self.counts.connections.increment();
        self.refresh_slots(&link).await;
        for endpoint in self.endpoints.all() {
            match self.probe(&link, &endpoint).await {
                Ok(in_time) => {
                    self.load_scripts(&link, &endpoint).await;
                    // Otherwise, it is probed again.
                    if in_time {
                        endpoint.breaker.probed();
                    }
                }
                Err(failure) if self.topology.is_cluster() => self.open(&endpoint, &failure),
                Err(failure) => return Err(failure),
            }
        }
        // Messages were lost while there was no connection. Those who wait try again.
        self.channels.interrupted();
        self.links.send_replace(Some(link.clone()));
        // Those added since do not know of the connection, which does not know of them.
        for channel in self.channels.used() {
            if !known.contains(&channel) && !self.subscribe(link.clone(), &channel).await {
                break;
            }
        }
        Ok(())
    }

    /// Subscribes to a channel that was added after the connection was opened. If this fails, the
    /// connection is replaced by one that subscribes to all. Returns whether it succeeds.
    pub(super) async fn subscribe(&self, mut link: Link, channel: &Channel) -> bool {
        let number = link.number;
        let subscribed = timeout(self.connect_timeout, link.subscribe(channel)).await;
        let done = matches!(subscribed, Ok(Ok(())));
        match done {
            // What was sent before is missing.
            true => self.channels.interrupted(),
            false => {
                tracing::debug!("a channel of Redis was not subscribed; the client reconnects");
                self.drop_link(number);
                self.woken.notify_one();
            }
        }
        done
    }

    /// Checks the endpoints: all of them, or those that have failed.
    async fn check(&self, link: Link, whole: bool) {
        if whole {
            self.refresh_slots(&link).await;
            if self.has_moved(&link).await {
                return self.drop_link(link.number);
            }
        }
        let mut any = false;
        let endpoints = self.endpoints.all();
        for endpoint in &endpoints {
            let is_open = endpoint.breaker.is_open();
            let is_new = !endpoint.clock.is_set();
            if !(whole || is_open && self.is_due(endpoint)) {
                any = any || !is_open;
                continue;
            }
            match self.probe(&link, endpoint).await {
                Ok(in_time) => {
                    any = true;
                    if is_open && in_time || is_new {
                        // It may have been restarted, or never seen them.
                        self.load_scripts(&link, endpoint).await;
                    }
                    match is_open {
                        true if in_time => endpoint.breaker.probed(),
                        // A command would wait in vain.
                        true => self.open(endpoint, &Failure::TimedOut),
                        // No command has come by to try.
                        false if whole && in_time && endpoint.breaker.settle() => {
                            self.recovered(endpoint);
                        }
                        false => {}
                    }
                }
                Err(failure) => self.open(endpoint, &failure),
            }
        }
        if !any && endpoints.iter().all(|endpoint| endpoint.breaker.is_open()) {
            self.drop_link(link.number);
        }
    }

    /// Asks an endpoint for its time, which shows that it serves. Returns whether it answers within the
    /// time of a command.
    async fn probe(&self, link: &Link, endpoint: &Endpoint) -> Result<bool, Failure> {
        let sent = Instant::now();
        let to = endpoint.address.as_ref().map_or(To::Any, To::Node);
        let reply = self.ask(link, cmd("TIME"), to).await?;
        endpoint.clock.set(&reply, sent);
        Ok(sent.elapsed() <= self.command_timeout)
    }

    /// Makes the scripts known. A server that may not load them gets their texts later.
    async fn load_scripts(&self, link: &Link, endpoint: &Endpoint) {
        for command in script::loading() {
            let to = endpoint.address.as_ref().map_or(To::Any, To::Node);
            let _ = self.ask(link, command, to).await;
        }
    }

    /// Asks a cluster which node holds which slots.
    async fn refresh_slots(&self, link: &Link) {
        if self.topology.is_cluster() {
            let mut command = cmd("CLUSTER");
            command.arg("SLOTS");
            if let Ok(reply) = self.ask(link, command, To::Any).await {
                let before = self.endpoints.all();
                self.endpoints.set_slots(&reply);
                let now = self.endpoints.all();
                let gone = before
                    .iter()
                    .filter(|one| !now.iter().any(|other| Arc::ptr_eq(one, other)));
                // Others hold its slots, so nothing waits for it to serve again.
                gone.filter(|one| one.down_since.lock().is_some())
                    .for_each(|one| self.recovered(one));
            }
        }
    }

    /// Reports whether the sentinels name another primary than that of the connection.
    async fn has_moved(&self, link: &Link) -> bool {
        let Some(own) = &link.primary else {
            return false;
        };
        let asked = timeout(self.connect_timeout, self.topology.primary());
        matches!(asked.await, Ok(Some(named)) if *named != **own)
    }

    async fn ask(
        &self,
        link: &Link,
        mut command: Cmd,
        to: To<'_>,
    ) -> Result<redis::Value, Failure> {
        let mut link = link.clone();
        let reply = link.send(&mut command, to, self.connect_timeout).await;
        reply.map_err(Failure::of)
    }

    /// Waits before the next attempt: longer after each failure, and no longer than between two
    /// health checks.
    async fn rest(&self) {
        let all = self.endpoints.all();
        let streak = all.iter().map(|one| one.breaker.streak()).min();
        tokio::time::sleep(self.rest_after(streak.unwrap_or_default())).await;
    }

    fn rest_after(&self, streak: u32) -> Duration {
        match streak {
            0 | 1 => Duration::ZERO,
            more => FIRST_REST
                .saturating_mul(1 << (more - 2).min(16))
                .min(self.health_interval),
        }
    }

    /// Reports whether an endpoint that has failed may be probed again.
    fn is_due(&self, endpoint: &Endpoint) -> bool {
        self.probe_at(endpoint)
            .is_none_or(|at| at <= Instant::now())
    }

    /// Returns the time of the next probe, which is that of the next health check unless an
    /// endpoint has failed.
    fn next_probe(&self, check: Instant) -> Instant {
        let all = self.endpoints.all();
        let open = all.iter().filter(|one| one.breaker.is_open());
        let probes = open.filter_map(|one| self.probe_at(one));
        probes.fold(check, Instant::min)
    }

    fn probe_at(&self, endpoint: &Endpoint) -> Option<Instant> {
        let last = *endpoint.last_failure.lock();
        last.map(|last| last + self.rest_after(endpoint.breaker.streak()))
    }
}
