//! How a router chooses.

use std::time::Duration;

use scrimp_core::{ExchangeRates, Money};

use super::score::Score;

/// How a [`Router`](super::Router) chooses.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RouterConfig {
    /// How candidates are compared.
    pub score: Score,
    /// Time after which an observation of latency or success counts half. Default: 15 s.
    pub half_life: Duration,
    /// The same, of quality. Default: 60 s. What has surely changed is found sooner than that,
    /// and what was seen before is forgotten at once.
    pub quality_half_life: Duration,
    /// Share by which another has to be better to be switched to. Default: 0.05.
    pub hysteresis: f64,
    /// Whether candidates unseen for a while are tried, where that is likely to pay.
    /// Default: true.
    pub explore: bool,
    /// Whether failures put a candidate out for a while; one that says when it wants to be
    /// asked again is left alone until then anyhow. Default: true.
    pub eject: bool,
    /// What trying out may cost per hour. Default: no cap but 1 % of the requests.
    pub explore_cap: Option<Money>,
    /// Time that trying again after a failure takes by itself. Default: 0.1 s.
    pub backoff: Duration,
    /// How amounts in other currencies become dollars, which is what all are compared in.
    /// Default: they do not. Settings in other currencies need a rate; costs without one are
    /// as good as unknown.
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
            backoff: Duration::from_millis(100),
            exchange: ExchangeRates::new(),
        }
    }
}

impl RouterConfig {
    /// # Errors
    ///
    /// A message that names the setting and its range. Exchange rates are not looked at: they
    /// may be given last.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.score.check()?;
        let within = |name: &str, value: f64, low: f64, high: f64, unit: &str| {
            if value >= low && value <= high {
                return Ok(());
            }
            Err(format!(
                "CostRouteLayer: `{name}` must be within {low} and {high} {unit}, not {value}"
            ))
        };
        let seconds = |name: &str, time: Duration, low: f64, high: f64| {
            within(name, time.as_secs_f64(), low, high, "seconds")
        };
        seconds("half_life", self.half_life, 0.1, 86_400.0)?;
        let quality = self.quality_half_life;
        seconds("quality_half_life", quality, 0.1, 8_640_000.0)?;
        within("hysteresis", self.hysteresis, 0.0, 0.9, "(a share)")?;
        seconds("backoff", self.backoff, 0.0, 3_600.0)?;
        match self.explore_cap.filter(|cap| cap.is_negative()) {
            Some(cap) => Err(format!(
                "CostRouteLayer: `explore_cap` must not be negative (per hour), and is {cap}"
            )),
            None => Ok(()),
        }
    }
}
