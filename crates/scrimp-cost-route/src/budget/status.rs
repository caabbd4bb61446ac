//! A report on each cap, for people.

use std::{fmt, time::SystemTime};

use scrimp_core::Money;
use serde::Serialize;

use super::{
    Budget,
    books::{Account, Key},
    cap::CapRules,
};
use crate::price::since_epoch;

/// State of one account of a cap, as returned by [`Budget::report`].
///
/// It can be serialized by serde: amounts are strings such as `"0.01 USD"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BudgetStatus {
    /// The cap's name.
    pub cap: String,
    /// Tenant whose spending counts. `None` if that of all tenants does.
    pub tenant: Option<String>,
    /// Provider whose calls count. `None` if those of all providers do.
    pub provider: Option<String>,
    /// Route whose calls count. `None` if those of all routes do.
    pub route: Option<String>,
    /// Limit of the cap.
    pub limit: Money,
    /// Amount that this process has spent in the present period.
    pub spent: Money,
    /// Amount that it has reserved for calls under way.
    pub reserved: Money,
    /// Rest of the limit: what a further call can reserve. If a fleet shares the cap, it is less what
    /// all processes have spent or hold, as of the last word of them.
    pub rest: Money,
    /// Time at which the cap resets, in seconds since 1970. `None` if it never does.
    pub resets: Option<u64>,
}

// === impl Budget ===

impl Budget {
    /// Returns the state of each account, ordered by cap and names: its tenant, limit and rest. A
    /// cap whose spending all goes to one account is there before anything is spent.
    ///
    /// The report has tenants' names: restrict access to it.
    #[must_use]
    pub fn report(&self) -> Vec<BudgetStatus> {
        let now = self.inner.now();
        let caps = self.inner.caps.iter().enumerate();
        let mut report: Vec<BudgetStatus> = Vec::new();
        {
            let books = self.inner.books.lock();
            for (key, account) in books.iter() {
                let cap = &self.inner.caps[key.0];
                let others = self.inner.used_by_all(cap, &key.1, now);
                report.push(BudgetStatus::new(cap, key, account, others, now));
            }
        }
        for (index, cap) in caps.filter(|(_, cap)| cap.is_one_account()) {
            if report.iter().all(|status| *status.cap != *cap.name) {
                let key = (index, cap.own_key());
                let began = since_epoch(cap.period.bounds(now).0);
                let others = self.inner.used_by_all(cap, &key.1, now);
                let account = Account::new(began);
                report.push(BudgetStatus::new(cap, &key, &account, others, now));
            }
        }
        report.sort_by(|a, b| a.names().cmp(&b.names()));
        report
    }
}

// === impl BudgetStatus ===

impl BudgetStatus {
    fn new(
        cap: &CapRules,
        key: &Key,
        account: &Account,
        used_by_all: Option<i128>,
        now: SystemTime,
    ) -> Self {
        let [tenant, provider, route] = cap.names(&key.1);
        let (began, resets) = cap.period.bounds(now);
        let spent = account.spent_at(began);
        let money = |pico: i128| Money::from_pico(pico, cap.limit.currency());
        let used = spent.saturating_add(account.reserved);
        let used = used_by_all.map_or(used, |all| all.max(used));
        let rest = cap.limit.pico().saturating_sub(used).max(0);
        Self {
            cap: cap.name.to_string(),
            tenant,
            provider,
            route,
            limit: cap.limit,
            spent: money(spent),
            reserved: money(account.reserved),
            rest: money(rest),
            resets: resets.map(since_epoch),
        }
    }

    fn names(&self) -> [Option<&str>; 4] {
        [
            Some(&self.cap),
            self.tenant.as_deref(),
            self.provider.as_deref(),
            self.route.as_deref(),
        ]
    }
}

impl fmt::Display for BudgetStatus {
    /// Writes one line. Control characters in names are escaped: a tenant may have chosen its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cap.escape_debug())?;
        let names = [
            ("tenant", &self.tenant),
            ("provider", &self.provider),
            ("route", &self.route),
        ];
        for (kind, name) in names {
            if let Some(name) = name {
                write!(f, ", {kind} {name:?}")?;
            }
        }
        let Self {
            limit,
            spent,
            reserved,
            rest,
            ..
        } = self;
        write!(
            f,
            ": {rest} of {limit} left, {spent} spent, {reserved} reserved"
        )
    }
}
