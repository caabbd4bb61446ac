//! Metrics of a layer.

use std::collections::BTreeMap;

use scrimp_core::metrics::{Attachment, Metered, Metric, Readings};

use crate::{CostRouteLayer, engine::Health, figures::terms};

scrimp_core::metered! {
    counter REQUESTS = "scrimp_route_requests_total", "Requests.";
    counter CALLS["provider", "outcome"] = "scrimp_route_calls_total",
        "Calls of providers by their end.";
    counter SPENT["provider", "currency"] = "scrimp_route_spent_micros_total",
        "Cost of calls, in millionths of the currency's unit.";
    counter UNPRICED = "scrimp_route_unpriced_total", "Paid calls with an unknown cost.";
    counter DRAINED = "scrimp_route_drained_total",
        "Calls whose answer was read on in the background after their caller had left.";
    counter FAILOVERS = "scrimp_route_failovers_total",
        "Calls made because the previous call, to another provider, brought no answer or a rejected one.";
    counter HEDGES = "scrimp_route_hedges_total", "Second calls made beside slow ones.";
    counter HEDGES_WON = "scrimp_route_hedges_won_total", "Second calls that brought the answer.";
    counter REJECTED = "scrimp_route_rejected_total", "Answers that the quality gate rejected.";
    counter THROTTLED = "scrimp_route_throttled_total",
        "Calls that a provider refused because a quota was used up.";
    counter WAITED = "scrimp_route_quota_waits_total",
        "Calls that waited for room in a quota before they were made.";
    counter BREAKS["kind"] = "scrimp_route_prompt_breaks_total",
        "Parts of prompts that prevent the reuse of what follows in a prompt cache.";
    counter BREAK_TOKENS["kind"] = "scrimp_route_prompt_break_tokens_total",
        "Tokens behind such parts that could have been read from a prompt cache.";
    counter BREAK_LOST["kind", "currency"] = "scrimp_route_prompt_break_lost_micros_total",
        "Additional cost of these tokens, in millionths of the currency's unit.";
    gauge QUOTA_LEFT["account", "unit"] = "scrimp_route_quota_left_ratio",
        "Part of an account's quota that is left; of several models, that with the least.";
    counter REFUSED["reason"] = "scrimp_route_refused_total", "Requests that the layer refused.";
    gauge UP["provider"] = "scrimp_route_provider_up",
        "1 if a provider gets all requests that it is chosen for, otherwise 0.";
    gauge IN_FLIGHT["provider"] = "scrimp_route_provider_in_flight", "Calls in flight.";
    gauge LATENCY["provider"] = "scrimp_route_provider_latency_seconds",
        "Estimate of a provider's time for an answer.";
    gauge RELIABILITY["provider"] = "scrimp_route_provider_reliability_ratio",
        "Estimate of the share of calls that a provider answers.";
    gauge QUALITY["provider"] = "scrimp_route_provider_quality_ratio",
        "Estimate of the quality of a provider's answers.";
    gauge BUDGET_LIMIT["cap", "currency"] = "scrimp_route_budget_limit",
        "Limit of a cap, in units of its currency.";
    gauge BUDGET_SPENT["cap", "currency"] = "scrimp_route_budget_spent",
        "Amount spent in the present period of a cap, in units of its currency, over all its accounts.";
    gauge BUDGET_RESERVED["cap", "currency"] = "scrimp_route_budget_reserved",
        "Amount reserved under a cap for calls under way, in units of its currency, over all its accounts.";
    counter BUDGET_REFUSALS["cap"] = "scrimp_route_budget_refusals_total",
        "Calls that a cap did not let through.";
    gauge RETRIES = "scrimp_route_retries_left", "Retries that the retry budget has left.";
    histogram CALL_SECONDS["provider"] = "scrimp_route_call_seconds",
        "Time from the choice of a provider to the end of its answer.";
}

impl Metered for CostRouteLayer {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    fn read(&self, readings: &mut Readings) {
        let shared = self.shared();
        let stats = self.stats();
        for (metric, count) in [
            (&REQUESTS, stats.requests),
            (&UNPRICED, stats.unpriced),
            (&DRAINED, stats.drained),
            (&FAILOVERS, stats.failovers),
            (&HEDGES, stats.hedges),
            (&HEDGES_WON, stats.hedges_won),
            (&REJECTED, stats.rejected),
            (&THROTTLED, stats.throttled),
            (&WAITED, stats.waited),
        ] {
            readings.count(metric, &[], count);
        }
        for (reason, count) in stats.refused.by_reason() {
            readings.count(&REFUSED, &[reason], count);
        }
        for (kind, found) in stats.prompt_breaks.iter() {
            readings.count(&BREAKS, &[kind.name()], found.breaks);
            readings.count(&BREAK_TOKENS, &[kind.name()], found.tokens);
            for lost in found.lost.iter() {
                readings.money(&BREAK_LOST, &[kind.name()], lost);
            }
        }
        readings.gauge(&RETRIES, &[], shared.config.retries.left() as f64);
        self.read_providers(readings);
        self.read_quotas(readings);
        if let Some(budget) = &shared.config.budget {
            for (name, count) in budget.refusals() {
                readings.count(&BUDGET_REFUSALS, &[name], count);
            }
            for cap in budget.sums() {
                let currency = cap.limit.currency();
                let labels = [cap.name, currency.code()];
                readings.gauge(&BUDGET_LIMIT, &labels, cap.limit.as_f64());
                readings.gauge(&BUDGET_SPENT, &labels, cap.spent.as_f64());
                readings.gauge(&BUDGET_RESERVED, &labels, cap.reserved.as_f64());
            }
        }
    }

    fn attach(&self, attachment: Attachment) {
        self.shared().call_times.attach(attachment, &CALL_SECONDS);
    }
}

impl CostRouteLayer {
    fn read_quotas(&self, readings: &mut Readings) {
        let shared = self.shared();
        let state = shared.state.lock();
        let mut least: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        for quota in state.quotas.figures(shared.now()) {
            if let Some(account) = state.account(quota.account)
                && quota.limit.is_finite()
            {
                let share = quota.left / quota.limit;
                let account: &str = account;
                let least = least.entry((account, quota.unit.name())).or_insert(share);
                *least = least.min(share);
            }
        }
        for ((account, unit), share) in least {
            readings.gauge(&QUOTA_LEFT, &[account, unit], share);
        }
    }

    fn read_providers(&self, readings: &mut Readings) {
        let shared = self.shared();
        let state = shared.state.lock();
        for (entry, terms) in state.entries.iter().zip(terms(&state, shared.now())) {
            let name = &*entry.provider.name;
            let tally = &entry.tally;
            for (outcome, count) in [
                ("succeeded", tally.succeeded),
                ("failed", tally.failed),
                ("cancelled", tally.cancelled),
            ] {
                readings.count(&CALLS, &[name, outcome], count);
            }
            for spent in tally.spent.iter() {
                readings.money(&SPENT, &[name], spent);
            }
            let estimate = &terms.estimate;
            for (metric, value) in [
                (&UP, f64::from(u8::from(matches!(terms.health, Health::Up)))),
                (&IN_FLIGHT, terms.in_flight as f64),
                (&LATENCY, estimate.latency.as_secs_f64()),
                (&RELIABILITY, estimate.reliability),
                (&QUALITY, estimate.quality),
            ] {
                readings.gauge(metric, &[name], value);
            }
        }
    }
}
