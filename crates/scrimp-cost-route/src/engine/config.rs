//! Settings of a router.

use std::time::Duration;

use scrimp_core::{ExchangeRates, Money, SettingError};

use super::score::Score;

/// Settings of a [`Router`](super::Router).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RouterConfig {
    /// Rule by which candidates are compared.
    pub score: Score,
    /// Time after which an observation of latency or success counts half. Default: 15 s.
    pub half_life: Duration,
    /// Time after which an observation of quality counts half. Default: 60 s. A sure change is
    /// found sooner, and earlier observations are forgotten at once.
    pub quality_half_life: Duration,
    /// Share by which another candidate must be better to replace the last choice. Default: 0.05.
    pub hysteresis: f64,
    /// Exploration of candidates without recent observations, where that is likely to pay.
    /// Default: true.
    pub explore: bool,
    /// Ejection of a candidate for a while after failures. A candidate's `Retry-After` is
    /// respected either way. Default: true.
    pub eject: bool,
    /// Limit on the cost of exploration per hour. Default: no limit but 1 % of the requests.
    pub explore_cap: Option<Money>,
    /// Worth of a second of waiting, for second calls beside slow ones. Default: there are none.
    pub hedge: Option<Money>,
    /// Assumed pause before another attempt after a failure. Default: 0.1 s.
    pub backoff: Duration,
    /// Rates that convert amounts to dollars, in which all amounts are compared. Default: none.
    /// Settings in other currencies need a rate. Costs without a rate count as unknown.
    pub exchange: ExchangeRates,
}

// === impl RouterConfig ===

impl Default for RouterConfig {
    fn default() -> Self {
        Self {
            score: Score::default(),
            half_life: Duration::from_secs(15),
            quality_half_life: Duration::from_secs(60),
            hysteresis: 0.05,
            explore: true,
            eject: true,
            explore_cap: None,
            hedge: None,
            backoff: Duration::from_millis(100),
            exchange: ExchangeRates::new(),
        }
    }
}

impl RouterConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range. Exchange rates are not checked: amounts are converted
    /// later.
    pub(super) fn check(&self) -> Result<(), SettingError> {
        const OWNER: &str = "CostRouteLayer";
        const LEAST: Duration = Duration::from_millis(100);
        const DAY: Duration = Duration::from_secs(86_400);
        self.score.check()?;
        SettingError::within(OWNER, "half_life", self.half_life, LEAST..=DAY)?;
        let quality = self.quality_half_life;
        SettingError::within(OWNER, "quality_half_life", quality, LEAST..=DAY * 100)?;
        SettingError::within(OWNER, "hysteresis", self.hysteresis, 0.0..=0.9)?;
        SettingError::within(
            OWNER,
            "backoff",
            self.backoff,
            ..=Duration::from_secs(3_600),
        )?;
        if let Some(worth) = self.hedge {
            SettingError::within(OWNER, "hedge", worth, Money::zero(worth.currency())..)?;
        }
        if let Some(cap) = self.explore_cap {
            SettingError::within(OWNER, "explore_cap", cap, Money::zero(cap.currency())..)?;
        }
        Ok(())
    }
}
