//! `[[budget]]`: money that calls may cost.

use scrimp_core::Money;
use scrimp_cost_route::{Cap, Period, Scope};

use crate::read::Section;

use super::Names;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Budget {
    pub(crate) name: String,
    limit: Money,
    period: Period,
    per: Per,
    tenant: Option<String>,
    provider: Option<String>,
    too_many_requests: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Per {
    #[default]
    All,
    Tenant,
    Provider,
    Route,
}

// === impl Budget ===

impl Budget {
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let name = section.require("name", section.text("name"));
        let limit = section.require("limit", section.by_from_str::<Money>("limit"));
        let period = section.parsed("period", |text| match text {
            "minute" => Ok(Period::Minute),
            "hour" => Ok(Period::Hour),
            "day" => Ok(Period::Day),
            "month" => Ok(Period::Month),
            "forever" => Ok(Period::Forever),
            _ => Err("is no period".into()),
        });
        let per = section.parsed("per", |text| match text {
            "all" => Ok(Per::All),
            "tenant" => Ok(Per::Tenant),
            "provider" => Ok(Per::Provider),
            "route" => Ok(Per::Route),
            _ => Err("is not known".into()),
        });
        let status = section.number::<u16>("status");
        if status.is_some_and(|status| status != 402 && status != 429) {
            let span = section.span_of("status");
            section.add(&span, "`status` must be 402 or 429", "");
        }
        let per = per.map_or(Per::All, |at| at.value);
        let budget = Self {
            name: name?.value,
            limit: limit?.value,
            period: period.map_or(Period::Month, |at| at.value),
            per,
            tenant: section.text("tenant").map(|at| at.value),
            provider: section.text("provider").map(|at| at.value),
            too_many_requests: status == Some(429),
        };
        for (key, other) in [("tenant", Per::Tenant), ("provider", Per::Provider)] {
            if per == other && section.has(key) {
                let message = format!("`per = \"{key}\"` and `{key}` cannot be used together");
                section.add(&section.span_of(key), message, "remove one of them");
            }
        }
        Some(budget)
    }

    pub(crate) fn check(section: &Section<'_>, known: &Names) {
        if let Some(provider) = section.text("provider") {
            Names::expect(section, "provider", &provider, &known.providers);
        }
        if let (Some(tenant), false) = (section.text("tenant"), known.tenants.is_empty()) {
            Names::expect(section, "tenant", &tenant, &known.tenants);
        }
    }

    /// Returns the books of all budgets.
    pub(crate) fn all(budgets: &[Self]) -> scrimp_cost_route::Budget {
        scrimp_cost_route::Budget::new(Self::caps(budgets))
    }

    /// Returns the caps of all budgets.
    pub(crate) fn caps(budgets: &[Self]) -> impl Iterator<Item = Cap> {
        budgets.iter().map(Self::cap)
    }

    fn cap(&self) -> Cap {
        let each = |per: Per, name: &Option<String>| match name {
            Some(name) => Scope::Only(name.as_str().into()),
            None if self.per == per => Scope::Each,
            None => Scope::All,
        };
        let cap = Cap::new(&self.name, self.limit, self.period)
            .tenants(each(Per::Tenant, &self.tenant))
            .providers(each(Per::Provider, &self.provider))
            .routes(each(Per::Route, &None));
        match self.too_many_requests {
            true => cap.too_many_requests(),
            false => cap,
        }
    }
}
