//! Learns from responses.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use scrimp_http::status::is_passing;
use tokio::time::Instant;

use crate::{
    config::Shared,
    records::{Slot, flag, to_micros},
    seen::{From, Seen},
};

/// Ages and `ttl` are whole seconds: a record that differs by less is more exact.
const GRAIN: Duration = Duration::from_secs(1);

/// A fill in flight, to measure how long it takes.
#[derive(Debug)]
pub(crate) struct Fill {
    pub(crate) shared: Arc<Shared>,
    pub(crate) fingerprint: u64,
    pub(crate) seen: Seen,
    pub(crate) sent: Instant,
    pub(crate) head: Instant,
}

// === impl Shared ===

impl Shared {
    /// Notes what the response to a request for the whole says.
    pub(crate) fn learn(&self, fingerprint: u64, seen: &Seen, status: StatusCode, at_once: bool) {
        match seen.from {
            From::Hit | From::Stale => self.learn_hit(fingerprint, seen, at_once),
            From::Fill => self.learn_fill(fingerprint, seen),
            // A failure says nothing about later successful responses.
            From::Pass | From::Unknown if is_passing(status) => {}
            From::Pass | From::Unknown => self.learn_pass(fingerprint),
        }
    }

    pub(crate) fn learn_hit(&self, fingerprint: u64, seen: &Seen, at_once: bool) {
        let now = self.records.micros(self.config.clock.instant());
        let slot = self.records.claim(fingerprint);
        // A hit without a known age is taken to be new: its expiry will show. A response that is
        // served stale keeps its recorded expiry; only the first look has to guess it.
        let known_stale = seen.from == From::Stale && slot.has_expired(now);
        if let Some(remaining) = seen.remaining.or(seen.lifetime).filter(|_| !known_stale) {
            let known = slot.remaining(now);
            let agrees = slot.is_fresh(now)
                && !slot.has(flag::PASS)
                && (seen.remaining.is_none() || known.abs_diff(remaining) <= GRAIN);
            if seen.explained || !agrees {
                let lifetime = seen.lifetime.unwrap_or(remaining);
                slot.set_lifetime(now.saturating_add(to_micros(remaining)), lifetime);
            }
        }
        if let Some(cost) = seen.cost {
            slot.set_cost(cost);
        }
        self.aim(slot);
        slot.unset(flag::PASS | flag::SUSPECT);
        slot.set(if at_once { flag::AT_ONCE } else { 0 });
        slot.set(if seen.explained { flag::EXPLAINED } else { 0 });
    }

    fn learn_fill(&self, fingerprint: u64, seen: &Seen) {
        let Some(remaining) = seen.remaining.filter(|left| !left.is_zero()) else {
            // Stale on arrival: waiters would find nothing.
            return self.learn_pass(fingerprint);
        };
        let now = self.records.micros(self.config.clock.instant());
        let slot = self.records.claim(fingerprint);
        slot.filled();
        let lifetime = seen.lifetime.unwrap_or(remaining);
        slot.set_lifetime(now.saturating_add(to_micros(remaining)), lifetime);
        slot.set(if seen.explained { flag::EXPLAINED } else { 0 });
        if let Some(cost) = seen.cost {
            slot.set_cost(cost);
        }
        self.aim(slot);
    }

    /// Notes the earliest time at which a refresh may be due.
    fn aim(&self, slot: &Slot) {
        let strategy = &self.config.strategy;
        slot.set_reach(strategy.reach(slot.lifetime(), slot.cost()));
    }

    /// Averages in the time that a fill or a refresh took.
    pub(crate) fn measure(&self, fingerprint: u64, took: Duration) {
        let slot = self.records.claim(fingerprint);
        slot.measure(took);
        self.aim(slot);
    }

    fn learn_pass(&self, fingerprint: u64) {
        let now = self.records.micros(self.config.clock.instant());
        let slot = self.records.claim(fingerprint);
        slot.set_lifetime(
            now.saturating_add(to_micros(self.config.remember)),
            Duration::ZERO,
        );
        slot.unset(flag::SUSPECT | flag::AT_ONCE);
        slot.set(flag::PASS);
    }

    /// Notes that a response came without waiting.
    pub(crate) fn came_at_once(&self, fingerprint: u64) {
        if let Some(slot) = self.records.get(fingerprint) {
            slot.set(flag::AT_ONCE);
        }
    }

    /// Notes that a call that should be a hit waits for the upstream. Other requests then ask
    /// first.
    pub(crate) fn suspect(&self, fingerprint: u64) {
        if let Some(slot) = self.records.get(fingerprint) {
            slot.set(flag::SUSPECT);
        }
    }

    /// Notes that the cache did not serve stale when it was allowed to.
    pub(crate) fn never_stale(&self, fingerprint: u64) {
        self.records.claim(fingerprint).set(flag::NEVER_STALE);
    }
}

// === impl Fill ===

impl Fill {
    /// Notes that the body has come in. The key counts as fresh only from now on: requests that
    /// came before had to find the fill in flight.
    pub(crate) fn done(&self) {
        let now = self.shared.config.clock.instant();
        let since = now.saturating_duration_since(self.head);
        self.shared
            .learn_fill(self.fingerprint, &self.seen.after(since));
        let took = now.saturating_duration_since(self.sent);
        self.shared.measure(self.fingerprint, took);
    }
}
