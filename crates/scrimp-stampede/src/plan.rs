//! Decides what to do with a request, as far as the records tell.

use std::time::Duration;

use http::Request;
use http_body::Body;

use crate::{
    Moment,
    config::Shared,
    fingerprint::{self, Asked},
    records::{Micros, Slot, flag, to_micros},
};

/// Action for a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plan {
    /// The layer does not handle this request.
    Pass,
    /// Pass it on: it will be a hit. If hits come `at_once`, one that does not is a miss.
    Hit { asked: Asked, at_once: bool },
    /// A hit whose draw says that it refreshes, if the cache agrees on the expiry.
    Look {
        asked: Asked,
        uniform: f64,
        at_once: bool,
    },
    /// The stored response has expired. It may be served for this time while it is refreshed.
    Stale {
        asked: Asked,
        window: Duration,
        at_once: bool,
    },
    /// Responses were not stored when last seen: pass it on, and check whether that has changed.
    Peek(Asked),
    /// Unknown or expired: it goes to the gate.
    Gate(Asked),
}

// === impl Shared ===

impl Shared {
    /// Plans a request. Every request takes this path: no lock, no allocation, one clock reading.
    pub(crate) fn plan<B: Body>(&self, request: &Request<B>) -> Plan {
        let config = &self.config;
        let Some(asked) = fingerprint::read(request, &self.secret, &config.select) else {
            return Plan::Pass;
        };
        let Some(slot) = self.records.get(asked.fingerprint) else {
            return Plan::Gate(asked);
        };
        let now = self.records.micros(config.clock.instant());
        if slot.has(flag::PASS | flag::SUSPECT) {
            return self.plan_by_flags(slot, now, asked);
        }
        // A hit that comes later now and then costs others at most the time of a hit.
        let at_once = slot.has(flag::AT_ONCE | flag::EXPLAINED);
        if !slot.is_fresh(now) {
            return match self.stale_window(slot, now) {
                Some(window) => Plan::Stale {
                    asked,
                    window,
                    at_once,
                },
                None => Plan::Gate(asked),
            };
        }
        slot.hit(config.hits_per_refresh);
        if let Some(uniform) = self.draws(slot, now) {
            return Plan::Look {
                asked,
                uniform,
                at_once,
            };
        }

        Plan::Hit { asked, at_once }
    }

    #[cold]
    fn plan_by_flags(&self, slot: &Slot, now: Micros, asked: Asked) -> Plan {
        if !slot.has(flag::PASS) {
            return Plan::Gate(asked);
        }
        if slot.is_fresh(now) || !asked.fills {
            return Plan::Pass;
        }
        // One request checks again. None waits for it, because it most likely sees the same.
        slot.set_lifetime(
            now.saturating_add(to_micros(self.config.remember)),
            Duration::ZERO,
        );
        Plan::Peek(asked)
    }

    /// Draws for a refresh, unless it is too early, in flight, resting or not paid for.
    fn draws(&self, slot: &Slot, now: Micros) -> Option<f64> {
        if !slot.is_in_reach(now) || slot.has(flag::REFRESHING) || slot.is_resting(now) {
            return None;
        }
        let config = &self.config;
        let moment = Moment {
            remaining: slot.remaining(now),
            lifetime: slot.lifetime(),
            cost: slot.cost(),
        };
        let uniform = self.draw();
        if !config.strategy.is_due(&moment, uniform) {
            return None;
        }
        if slot.hits() < config.hits_per_refresh {
            self.counters.refreshes_unpaid.increment();
            return None;
        }
        Some(uniform)
    }

    /// Returns how long an expired response may be served: as the strategy says, or longer while
    /// its refreshes fail, unless the upstream refuses them. It needs a cache that is known to obey directives.
    fn stale_window(&self, slot: &Slot, now: Micros) -> Option<Duration> {
        if !slot.has(flag::EXPLAINED) || slot.has(flag::NEVER_STALE) {
            return None;
        }
        let mut window = self.config.strategy.stale_for();
        if slot.failures() > 0 && !slot.has(flag::REFUSED) {
            window = window.max(self.config.stale_if_failing);
        }
        // In whole seconds, as `max-stale` counts.
        (window.as_secs() > 0 && slot.staleness(now) < window).then_some(window)
    }
}
