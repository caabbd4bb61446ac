//! Prefetches that are not made, since the gate lowers its estimates: it costs nothing to watch whether they would have
//! been useful, and so the gate learns when it was wrong.

use tokio::time::Instant;

use super::{
    Expected, Learner, is_for,
    plans::{PlanKey, Watch},
};
use crate::request::Event;

// === impl Learner ===

impl Learner {
    /// Watches what is not fetched from a time on.
    pub(super) fn watch(&mut self, key: PlanKey, at: Instant, event: &Event, one: &Expected) {
        let known = self.items.get(one.item);
        if known.is_none_or(|known| known.is_fetchable && is_for(known, event, one)) {
            let watch = Watch {
                session: event.session,
                cautious: one.cautious,
                has_begun: false,
            };
            self.plans.watch(key, at, watch);
        }
    }

    /// Begins to watch at the time at which the prefetch would have begun, for as long as its response would have been
    /// of use. A response that is fresh then would have cost nothing, and teaches nothing.
    pub(super) fn begin_watch(&mut self, key: PlanKey, watch: Watch, now: Instant) {
        if !self.sessions.is_alive(watch.session, now) || self.items.is_fresh(key.item, now) {
            return;
        }
        let keep = self.shared.config.keep;
        let lifetime = self.items.lifetime(key.item);
        let keep = lifetime.map_or(keep, |lifetime| lifetime.min(keep));
        self.gate.awaits(watch.cautious);
        let begun = Watch {
            has_begun: true,
            ..watch
        };
        self.plans.watch(key, now + keep, begun);
    }

    /// Learns that a target was asked for while it was watched.
    pub(super) fn end_watch(&mut self, watch: Watch, waited: bool) {
        match waited {
            true => self.gate.was_missed(),
            // It was fresh all the same.
            false => self.gate.awaits_no_more(watch.cautious),
        }
    }

    /// Ends the watching of a target that may be fetched now.
    pub(super) fn give_up_watch(&mut self, key: PlanKey) {
        let watch = self.plans.unwatch(key).filter(|watch| watch.has_begun);
        if let Some(watch) = watch {
            self.gate.awaits_no_more(watch.cautious);
        }
    }
}
