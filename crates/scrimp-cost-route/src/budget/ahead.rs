//! Calls that are made ahead of time, without a caller who waits.

use scrimp_core::Money;

use super::{Budget, Refusal};

/// Part of each limit that such calls leave to callers: a tenth.
const KEPT: i128 = 10;

// === impl Budget ===

impl Budget {
    /// Checks that a call ahead of time leaves a tenth of each cap to callers. When money is short, it is
    /// refused before any of theirs.
    ///
    /// # Errors
    ///
    /// If a cap has less left.
    pub(crate) fn check_ahead(
        &self,
        amount: Option<Money>,
        tenant: &str,
        provider: &str,
        route: &str,
    ) -> Result<(), Box<Refusal>> {
        let now = self.inner.now();
        for (index, cap) in self.inner.caps.iter().enumerate() {
            let Some(name) = cap.key(tenant, provider, route) else {
                continue;
            };
            // Without an exchange rate it is refused when the money is set aside.
            let amount = amount.map_or(Ok(0), |amount| self.in_currency_of(cap, amount));
            let amount = amount.unwrap_or(0);
            let key = (index, name);
            let mut books = self.inner.books.lock();
            let account = books.open(&self.inner.caps, &key, now);
            let own = account.map_or(i128::MAX, |account| account.used());
            drop(books);
            let all = self.inner.used_by_all(cap, &key.1, now);
            let used = all.map_or(own, |all| all.max(own));
            let limit = cap.limit.pico();
            if used.saturating_add(amount) > limit - limit / KEPT {
                return Err(Box::new(cap.refusal(used, now, None)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Budget, Cap, Period};

    #[test]
    fn a_call_ahead_of_time_is_refused_while_callers_still_have_money() {
        let budget = Budget::new([Cap::new("day", "1", Period::Day)]);
        let amount = "0.5".parse().expect("an amount");
        let ahead = |amount: &str| {
            let amount = amount.parse().expect("an amount");
            budget.check_ahead(Some(amount), "t", "p", "/").is_ok()
        };
        let reserved = budget
            .reserve(amount, "t", "p", "/")
            .expect("room for half");
        assert!(ahead("0.4") && !ahead("0.41"));
        let rest = "0.41".parse().expect("an amount");
        assert!(budget.reserve(rest, "t", "p", "/").is_ok());
        drop(reserved);
    }
}
