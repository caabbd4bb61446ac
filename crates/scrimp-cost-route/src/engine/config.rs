//! How a router chooses.

use super::score::Score;

/// How a [`Router`](super::Router) chooses.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RouterConfig {
    /// How candidates are compared.
    pub score: Score,
    /// Seconds after which an observation of latency or success counts half. Default: 15.
    pub half_life: f64,
    /// The same, of quality. Default: 60. What has surely changed is found sooner than that,
    /// and what was seen before is forgotten at once.
    pub quality_half_life: f64,
    /// Share by which another has to be better to be switched to. Default: 0.05.
    pub hysteresis: f64,
    /// Whether candidates unseen for a while are tried, where that is likely to pay.
    /// Default: true.
    pub explore: bool,
    /// Whether failures put a candidate out for a while; one that says when it wants to be
    /// asked again is left alone until then anyhow. Default: true.
    pub eject: bool,
    /// Dollars per hour that trying out may cost. Default: no cap but 1 % of the requests.
    pub explore_cap: Option<f64>,
    /// Seconds that trying again after a failure costs by itself. Default: 0.1.
    pub backoff: f64,
}

// === impl RouterConfig ===

impl Default for RouterConfig {
    fn default() -> Self {
        Self {
            score: Score::default(),
            half_life: 15.0,
            quality_half_life: 60.0,
            hysteresis: 0.05,
            explore: true,
            eject: true,
            explore_cap: None,
            backoff: 0.1,
        }
    }
}

impl RouterConfig {
    /// # Errors
    ///
    /// A message that names the setting and its range.
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
        within("half_life", self.half_life, 0.1, 86_400.0, "seconds")?;
        let quality = self.quality_half_life;
        within("quality_half_life", quality, 0.1, 8_640_000.0, "seconds")?;
        within("hysteresis", self.hysteresis, 0.0, 0.9, "(a share)")?;
        within("backoff", self.backoff, 0.0, 3_600.0, "seconds")?;
        within(
            "explore_cap",
            self.explore_cap.unwrap_or(0.0),
            0.0,
            1e12,
            "dollars per hour",
        )
    }
}
