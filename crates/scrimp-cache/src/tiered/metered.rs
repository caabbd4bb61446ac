//! Metrics of a store of two tiers.

use scrimp_core::metrics::{Metered, Metric, Readings};

use crate::{Store, Tiered};

scrimp_core::metered! {
    counter LOOK_UPS["tier"] = "scrimp_tier_look_ups_total", "Look-ups by the tier that answered.";
    counter PROMOTED = "scrimp_tier_promoted_total",
        "Responses put into the upper tier because they were found in the lower one.";
    counter DEMOTED = "scrimp_tier_demoted_total",
        "Responses put into the lower tier because their time in the upper one was over.";
    counter DROPPED_WRITES = "scrimp_tier_dropped_writes_total",
        "Writes to the lower tier that were left out.";
    counter FAILED = "scrimp_tier_failed_total", "Look-ups and writes that failed in either tier.";
    counter TIMED_OUT = "scrimp_tier_timed_out_total",
        "Look-ups whose wait for the lower tier reached its limit.";
}

impl<U: Store, L: Store> Metered for Tiered<U, L> {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let stats = self.tiers();
        for (label, count) in [
            ("upper", stats.upper),
            ("lower", stats.lower),
            ("none", stats.missing),
        ] {
            readings.count(&LOOK_UPS, &[label], count);
        }
        for (metric, count) in [
            (&PROMOTED, stats.promoted),
            (&DEMOTED, stats.demoted),
            (&DROPPED_WRITES, stats.dropped),
            (&FAILED, stats.failed),
            (&TIMED_OUT, stats.timed_out),
        ] {
            readings.count(metric, &[], count);
        }
    }
}
