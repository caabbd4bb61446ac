//! A limit on retries.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::SettingError;

/// Cost of one retry, in the unit of the budget.
const RETRY: u64 = 1_000;
/// Highest number of requests whose deposits a budget keeps.
const MEMORY: u64 = 1_000;

/// Limits retries to a share of the requests, so that a failing upstream does not get more work
/// than a healthy one.
///
/// Each request deposits a part of a token, each retry withdraws a whole one. With a ratio of 0.2,
/// an upstream that fails all calls receives at most 1.2 calls per request, however many layers
/// retry: clones are handles on the same budget, so give one to each layer.
///
/// ```
/// use scrimp_core::RetryBudget;
///
/// let budget = RetryBudget::new(0.2, 1)?;
/// assert!(budget.withdraw()); // the reserve
/// assert!(!budget.withdraw());
/// for _ in 0..5 {
///     budget.deposit();
/// }
/// assert!(budget.withdraw());
/// # Ok::<(), scrimp_core::SettingError>(())
/// ```
#[derive(Clone)]
pub struct RetryBudget(Arc<Purse>);

struct Purse {
    balance: AtomicU64,
    deposit: u64,
    most: u64,
}

// === impl RetryBudget ===

impl RetryBudget {
    /// Allows `ratio` retries per request, and `reserve` retries before the first request. The
    /// budget keeps at most the deposits of 1,000 requests, or the reserve if it is more.
    ///
    /// # Errors
    ///
    /// If `ratio` is not within 0 and 1.
    pub fn new(ratio: f64, reserve: u32) -> Result<Self, SettingError> {
        let ratio = SettingError::within("RetryBudget", "ratio", ratio, 0.0..=1.0)?;
        let reserve = u64::from(reserve) * RETRY;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a number from 0 to 1,000"
        )]
        let deposit = (ratio * RETRY as f64).round() as u64;
        Ok(Self(Arc::new(Purse {
            balance: AtomicU64::new(reserve),
            deposit,
            most: reserve.max(deposit * MEMORY),
        })))
    }

    /// Counts a request (its first attempt).
    pub fn deposit(&self) {
        self.deposit_many(1);
    }

    /// Counts several requests at once.
    pub fn deposit_many(&self, requests: u64) {
        let Purse { deposit, most, .. } = *self.0;
        let amount = deposit.saturating_mul(requests);
        let add = |balance: u64| Some(balance.saturating_add(amount).min(most));
        let _ = self.0.balance.fetch_update(Relaxed, Relaxed, add);
    }

    /// Withdraws one retry; returns false if none is left.
    #[must_use]
    pub fn withdraw(&self) -> bool {
        let take = |balance: u64| balance.checked_sub(RETRY);
        self.0.balance.fetch_update(Relaxed, Relaxed, take).is_ok()
    }

    /// Returns the number of whole retries left.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.0.balance.load(Relaxed) / RETRY
    }
}

/// Allows one retry in five requests, and ten at the start.
impl Default for RetryBudget {
    fn default() -> Self {
        match Self::new(0.2, 10) {
            Ok(budget) => budget,
            Err(error) => unreachable!("0.2 is within 0 and 1: {error}"),
        }
    }
}

/// A budget of tower's retry layer: `tower::retry::Retry` and scrimp's layers draw on one.
#[cfg(feature = "tower-retry")]
impl tower::retry::budget::Budget for RetryBudget {
    fn deposit(&self) {
        Self::deposit(self);
    }

    fn withdraw(&self) -> bool {
        Self::withdraw(self)
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBudget")
            .field("left", &self.left())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_never_exceed_their_share_of_the_requests_plus_the_reserve() {
        let budget = RetryBudget::new(0.1, 3).unwrap();
        let mut retries = 0;
        for _ in 0..500 {
            budget.deposit();
            while budget.withdraw() {
                retries += 1;
            }
        }
        assert_eq!(retries, 3 + 50);
    }

    #[test]
    fn the_budget_keeps_at_most_the_deposits_of_a_thousand_requests() {
        let budget = RetryBudget::new(0.2, 0).unwrap();
        budget.deposit_many(1_000_000);
        assert_eq!(budget.left(), 200);
    }

    #[test]
    fn clones_draw_on_one_budget_from_many_threads() {
        let budget = RetryBudget::new(0.0, 1_000).unwrap();
        let taken: usize = std::thread::scope(|scope| {
            let draw = || (0..500).filter(|_| budget.withdraw()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!((taken, budget.left()), (1_000, 0));
    }

    #[test]
    fn by_default_there_is_a_retry_for_five_requests_and_a_reserve_of_ten() {
        let budget = RetryBudget::default();
        assert_eq!(format!("{budget:?}"), "RetryBudget { left: 10, .. }");
        assert!((0..10).all(|_| budget.withdraw()) && !budget.withdraw());
        budget.deposit_many(4);
        assert!(!budget.withdraw());
        budget.deposit();
        assert!(budget.withdraw() && !budget.withdraw());
    }

    #[test]
    fn a_ratio_outside_0_and_1_is_refused() {
        let error = RetryBudget::new(f64::NAN, 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "RetryBudget: `ratio` must be within 0.0 and 1.0, not NaN"
        );
    }

    #[cfg(feature = "tower-retry")]
    #[test]
    fn towers_retry_layer_draws_on_the_same_budget() {
        use tower::retry::budget::Budget;

        let budget = RetryBudget::new(0.0, 1).unwrap();
        assert!(Budget::withdraw(&budget));
        assert!(!budget.withdraw() && !Budget::withdraw(&budget));
        let budget = RetryBudget::new(1.0, 0).unwrap();
        Budget::deposit(&budget);
        assert_eq!(budget.left(), 1);
    }
}
