//! Caps on spending, by request and period.

use http::StatusCode;
use scrimp_core::{BoxError, Money, SettingError, Settings};

use crate::{Period, price::MONEY};

/// Limit on the money that may be spent within a period.
///
/// Its settings are checked when a layer is built with its budget.
#[derive(Debug, Clone)]
pub struct Cap(Settings<CapRules>);

/// Settings of a [`Cap`].
#[derive(Debug, Clone)]
pub(super) struct CapRules {
    pub(super) name: Box<str>,
    pub(super) limit: Money,
    pub(super) period: Period,
    pub(super) tenant: Scope,
    pub(super) provider: Scope,
    pub(super) route: Scope,
    pub(super) status: StatusCode,
    pub(super) degrade: bool,
}

/// Selection of the spending that counts towards a cap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Scope {
    /// All spending counts, together.
    #[default]
    All,
    /// All spending counts, to an account of its own for each name.
    Each,
    /// Only spending of this name counts.
    Only(Box<str>),
}

// === impl Cap ===

impl Cap {
    /// Caps all spending together, until the cap is narrowed:
    /// `Cap::new("day", "25", Period::Day)`. The name must not be empty. Range of `limit`: 0 or
    /// more.
    #[must_use]
    pub fn new(
        name: &str,
        limit: impl TryInto<Money, Error: Into<BoxError>>,
        period: Period,
    ) -> Self {
        let named = if name.is_empty() {
            Err(SettingError::new("Cap", "name", "must not be empty"))
        } else {
            Ok(())
        };
        let limit = SettingError::read("Cap", "limit", limit, MONEY).and_then(|limit: Money| {
            SettingError::within("Cap", "limit", limit, Money::zero(limit.currency())..)
        });
        let rules = CapRules {
            name: name.into(),
            // A cap whose limit cannot be used lets nothing through.
            limit: Money::ZERO,
            period,
            tenant: Scope::All,
            provider: Scope::All,
            route: Scope::All,
            status: StatusCode::PAYMENT_REQUIRED,
            degrade: false,
        };
        let settings = Settings::new("Cap", rules).checked(named, |_, ()| {});
        Self(settings.checked(limit, |rules, limit| rules.limit = limit))
    }

    /// Sets whose requests count, by [`Tenant`](scrimp_core::extensions::Tenant). Default:
    /// [`Scope::All`].
    #[must_use]
    pub fn tenants(self, scope: Scope) -> Self {
        self.set(|rules| rules.tenant = scope)
    }

    /// Sets which providers count. A provider whose cap is used up is skipped. Default:
    /// [`Scope::All`].
    #[must_use]
    pub fn providers(self, scope: Scope) -> Self {
        self.set(|rules| rules.provider = scope)
    }

    /// Sets which routes count, as [`Hints`](crate::Hints) name them. Default:
    /// [`Scope::All`].
    #[must_use]
    pub fn routes(self, scope: Scope) -> Self {
        self.set(|rules| rules.route = scope)
    }

    /// Refuses with 429 and `Retry-After` instead of 402.
    #[must_use]
    pub fn too_many_requests(self) -> Self {
        self.set(|rules| rules.status = StatusCode::TOO_MANY_REQUESTS)
    }

    /// Tries cheaper providers that the rest of the limit can pay for, before it refuses.
    #[must_use]
    pub fn degrade(self) -> Self {
        self.set(|rules| rules.degrade = true)
    }

    fn set(self, change: impl FnOnce(&mut CapRules)) -> Self {
        Self(self.0.set(change))
    }

    /// Returns the settings, and the first error.
    pub(super) fn into_parts(self) -> (CapRules, Option<SettingError>) {
        let rules = self.0.values().clone();
        (rules, self.0.finish().err())
    }
}

// === impl CapRules ===

impl CapRules {
    /// Reports whether all calls that count towards the cap share one account.
    pub(super) fn is_one_account(&self) -> bool {
        let scopes = [&self.tenant, &self.provider, &self.route];
        !scopes.contains(&&Scope::Each)
    }

    /// Reports whether at least some calls to a provider count.
    pub(super) fn counts_provider(&self, name: &str) -> bool {
        !matches!(&self.provider, Scope::Only(only) if **only != *name)
    }

    /// Returns the name of the account that a call counts to. `None` if it does not count.
    pub(super) fn key(&self, tenant: &str, provider: &str, route: &str) -> Option<Box<str>> {
        let mut key = String::new();
        for (scope, value) in [
            (&self.tenant, tenant),
            (&self.provider, provider),
            (&self.route, route),
        ] {
            match scope {
                Scope::All => key.push('*'),
                Scope::Each => {
                    // With its length, so that no two triples make the same key.
                    key.push_str(&value.len().to_string());
                    key.push(':');
                    key.push_str(value);
                }
                Scope::Only(only) if **only == *value => key.push('='),
                Scope::Only(_) => return None,
            }
            key.push('/');
        }
        Some(key.into())
    }

    /// Returns the name of the only account of a cap that has one.
    pub(super) fn own_key(&self) -> Box<str> {
        let parts = [&self.tenant, &self.provider, &self.route].map(|scope| match scope {
            Scope::Only(_) => "=/",
            Scope::All | Scope::Each => "*/",
        });
        parts.concat().into()
    }

    /// Returns the tenant, provider and route of an account, as far as the cap tells them apart.
    pub(super) fn names(&self, account: &str) -> [Option<String>; 3] {
        let mut rest = account;
        [&self.tenant, &self.provider, &self.route].map(|scope| {
            let name = match scope {
                Scope::Each => {
                    let (length, behind) = rest.split_once(':')?;
                    let name = behind.get(..length.parse().ok()?)?;
                    rest = &behind[name.len()..];
                    Some(name.to_owned())
                }
                Scope::All | Scope::Only(_) => {
                    rest = rest.get(1..)?;
                    match scope {
                        Scope::Only(only) => Some(only.to_string()),
                        Scope::All | Scope::Each => None,
                    }
                }
            };
            rest = rest.strip_prefix('/').unwrap_or(rest);
            name
        })
    }
}
