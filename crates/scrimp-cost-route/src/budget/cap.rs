//! What may be spent, by whom, within which time.

use http::StatusCode;
use scrimp_core::Money;

use crate::Period;

/// Most money that may be spent within a period.
#[derive(Debug, Clone)]
pub struct Cap {
    pub(super) name: Box<str>,
    pub(super) limit: Money,
    pub(super) period: Period,
    pub(super) tenant: Scope,
    pub(super) provider: Scope,
    pub(super) route: Scope,
    pub(super) status: StatusCode,
    pub(super) degrade: bool,
}

/// Whose spending counts towards a cap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Scope {
    /// Everybody's, together.
    #[default]
    All,
    /// Everybody's, each by itself.
    Each,
    /// This one's only.
    Only(Box<str>),
}

// === impl Cap ===

impl Cap {
    /// A cap on everything together, until it is narrowed.
    ///
    /// # Panics
    ///
    /// If the limit is negative.
    #[must_use]
    pub fn new(name: &str, limit: Money, period: Period) -> Self {
        assert!(
            !limit.is_negative(),
            "Cap: `limit` must not be negative, and is {limit}"
        );
        Self {
            name: name.into(),
            limit,
            period,
            tenant: Scope::All,
            provider: Scope::All,
            route: Scope::All,
            status: StatusCode::PAYMENT_REQUIRED,
            degrade: false,
        }
    }

    /// Whose requests count, by [`Tenant`](scrimp_core::extensions::Tenant).
    #[must_use]
    pub fn tenants(mut self, scope: Scope) -> Self {
        self.tenant = scope;
        self
    }

    /// Which providers count. A provider whose cap is used up is passed over.
    #[must_use]
    pub fn providers(mut self, scope: Scope) -> Self {
        self.provider = scope;
        self
    }

    /// Which routes count, as [`Hints`](crate::Hints) name them.
    #[must_use]
    pub fn routes(mut self, scope: Scope) -> Self {
        self.route = scope;
        self
    }

    /// Refuses with 429 and `Retry-After` in place of 402.
    #[must_use]
    pub fn too_many_requests(mut self) -> Self {
        self.status = StatusCode::TOO_MANY_REQUESTS;
        self
    }

    /// Goes to cheaper providers while what is left is enough for those, before it refuses.
    #[must_use]
    pub fn degrade(mut self) -> Self {
        self.degrade = true;
        self
    }

    /// Whether all calls that count to it count to the same account.
    pub(super) fn is_one_account(&self) -> bool {
        let scopes = [&self.tenant, &self.provider, &self.route];
        !scopes.contains(&&Scope::Each)
    }

    /// Whether calls to a provider count, at least some.
    pub(super) fn counts_provider(&self, name: &str) -> bool {
        !matches!(&self.provider, Scope::Only(only) if **only != *name)
    }

    /// Which account a call counts to; `None` if it does not count.
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
}
