//! The layers that routes share, kept across a reload where their settings are the same.

use std::{sync::Arc, time::Duration};

use scrimp_audit::AuditLog;
use scrimp_coalesce::CoalesceLayer;
use scrimp_core::{Ledger, SettingError};
use scrimp_cost_route::{Budget, CostRouteLayer};
use scrimp_limit::LimitLayer;
use scrimp_stampede::StampedeLayer;

use crate::config::{self, Config};

use super::{
    LEASE,
    cache::{self, AnyCache},
    counts::Counts,
    fleet::Fleet,
};

/// The layers and books of a configuration.
pub(crate) struct Parts {
    /// The one of the first configuration.
    pub(crate) audit: Option<AuditLog>,
    pub(crate) ledger: Ledger,
    pub(crate) cache: Arc<dyn AnyCache>,
    pub(crate) coalesce: CoalesceLayer,
    pub(crate) stampede: StampedeLayer,
    pub(crate) budget: Budget,
    pub(crate) fleet: Option<Fleet>,
    /// Each with its settings, and a flag that a route uses it.
    routed: Vec<(Paid, CostRouteLayer, bool)>,
    limits: Vec<(Rate, LimitLayer, bool)>,
    counts: Vec<(String, Arc<Counts>, bool)>,
    unrouted: Arc<Counts>,
}

/// An upstream and its rate.
type Rate = (String, (u32, Duration));

/// The settings of a layer that chooses a provider, their keys included.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Paid {
    Upstream(config::Upstream),
    Providers(Vec<config::Provider>, config::Choice),
}

// === impl Parts ===

impl Parts {
    pub(super) fn build(
        config: &Config,
        before: Option<(&Config, &Self)>,
    ) -> Result<Self, SettingError> {
        let same_store = before.filter(|(old, _)| config.cache.keeps_store_of(&old.cache));
        let fleet = match same_store {
            Some((_, parts)) => parts.fleet.clone(),
            None => Fleet::of(&config.cache)?,
        };
        let audit = match (before, &config.audit) {
            (Some((_, parts)), _) => parts.audit.clone(),
            (None, Some(audit)) => Some(audit.open()?),
            (None, None) => None,
        };
        let ledger = before.map_or_else(Ledger::new, |(_, parts)| parts.ledger.clone());
        let cache = match same_store {
            Some((old, parts)) if old.cache == config.cache => Arc::clone(&parts.cache),
            Some((_, parts)) => parts.cache.successor(&config.cache, &ledger)?,
            None => cache::open(&config.cache, &ledger, fleet.as_ref(), audit.as_ref())?,
        };
        let coalesce = match before {
            Some((old, parts))
                if old.coalesce == config.coalesce && old.cache.price == config.cache.price =>
            {
                parts.coalesce.clone()
            }
            _ => {
                let coalesce = config.coalesce.builder().ledger(ledger.clone());
                match config.cache.price {
                    Some(price) => coalesce.price(price).build()?,
                    None => coalesce.build()?,
                }
            }
        };
        let stampede = match before {
            Some((old, parts)) if old.stampede == config.stampede && same_store.is_some() => {
                parts.stampede.clone()
            }
            _ => match &fleet {
                Some(fleet) => config
                    .stampede
                    .builder()
                    .lock(fleet.fill_lock(), LEASE)
                    .build()?,
                None => config.stampede.builder().build()?,
            },
        };
        let same_books =
            before.filter(|(old, _)| old.budgets == config.budgets && same_store.is_some());
        let budget = match same_books {
            Some((_, parts)) => parts.budget.clone(),
            None => books(config, before, fleet.as_ref())?,
        };
        let kept = |(settings, layer, _): &(Paid, CostRouteLayer, bool)| {
            (settings.clone(), layer.clone(), false)
        };
        Ok(Self {
            routed: same_books
                .map_or_else(Vec::new, |(_, it)| it.routed.iter().map(kept).collect()),
            limits: before
                .filter(|_| same_store.is_some())
                .map_or_else(Vec::new, |(_, parts)| {
                    let limits = parts.limits.iter();
                    limits
                        .map(|(key, layer, _)| (key.clone(), layer.clone(), false))
                        .collect()
                }),
            counts: before.map_or_else(Vec::new, |(_, parts)| {
                let counts = parts.counts.iter();
                counts
                    .map(|(name, it, _)| (name.clone(), Arc::clone(it), false))
                    .collect()
            }),
            unrouted: before.map_or_else(Arc::default, |(_, parts)| parts.unrouted()),
            audit,
            ledger,
            cache,
            coalesce,
            stampede,
            budget,
            fleet,
        })
    }

    /// Returns the layer of these settings, or makes it.
    pub(super) fn routed(
        &mut self,
        settings: Paid,
        make: impl FnOnce(Budget, Ledger) -> Result<CostRouteLayer, SettingError>,
    ) -> Result<CostRouteLayer, SettingError> {
        let found = self
            .routed
            .iter_mut()
            .find(|(other, ..)| *other == settings);
        if let Some((_, layer, used)) = found {
            *used = true;
            return Ok(layer.clone());
        }
        let layer = make(self.budget.clone(), self.ledger.clone())?;
        self.routed.push((settings, layer.clone(), true));
        Ok(layer)
    }

    /// Returns the limit of an upstream, or makes it.
    pub(super) fn limit(
        &mut self,
        upstream: &str,
        rate: (u32, Duration),
    ) -> Result<LimitLayer, SettingError> {
        let key = (upstream.to_owned(), rate);
        if let Some((_, layer, used)) = self.limits.iter_mut().find(|(other, ..)| *other == key) {
            *used = true;
            return Ok(layer.clone());
        }
        let limit = LimitLayer::per(rate.0, rate.1);
        let limit = match &self.fleet {
            Some(fleet) => limit.shared(fleet.rate(upstream)).build()?,
            None => limit.build()?,
        };
        self.limits.push((key, limit.clone(), true));
        Ok(limit)
    }

    /// Returns the counts of a route.
    pub(super) fn counts_of(&mut self, route: &str) -> Arc<Counts> {
        if let Some((_, counts, used)) = self.counts.iter_mut().find(|(name, ..)| name == route) {
            *used = true;
            return Arc::clone(counts);
        }
        let counts = Arc::<Counts>::default();
        self.counts
            .push((route.to_owned(), Arc::clone(&counts), true));
        counts
    }

    /// Returns the counts of requests that no route takes.
    pub(crate) fn unrouted(&self) -> Arc<Counts> {
        Arc::clone(&self.unrouted)
    }

    /// Drops what no route has asked for.
    pub(super) fn forget_unused(&mut self) {
        self.routed.retain(|(.., used)| *used);
        self.limits.retain(|(.., used)| *used);
        self.counts.retain(|(.., used)| *used);
    }

    /// Returns the limits, each with the name of its upstream.
    pub(crate) fn limits(&self) -> impl Iterator<Item = (&str, &LimitLayer)> {
        self.limits
            .iter()
            .map(|((name, _), limit, _)| (name.as_str(), limit))
    }
}

/// Opens the books of the budgets. What was spent under a cap of the same name still counts.
fn books(
    config: &Config,
    before: Option<(&Config, &Parts)>,
    fleet: Option<&Fleet>,
) -> Result<Budget, SettingError> {
    let caps = config::Budget::caps(&config.budgets);
    let budget = match fleet {
        Some(fleet) => Budget::shared(caps, fleet.allowance.clone()),
        None => Budget::new(caps),
    };
    if let Some((_, parts)) = before {
        budget.restore(&parts.budget.snapshot()).map_err(|error| {
            let problem = format!("must not change the currency of a budget in use: {error}");
            SettingError::new("Budget", "limit", problem)
        })?;
    }
    Ok(budget)
}
