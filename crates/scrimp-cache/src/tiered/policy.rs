//! Which responses are kept in which tier, and for how long.

use std::{fmt, sync::Arc, time::Duration};

use scrimp_core::KeyRef;
use tokio::time::Instant;

use super::sketch::Sketch;
use crate::entry::Entry;

/// A response that [`Tiered`](crate::Tiered) may keep, as a [`TierPolicy`] sees it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct TierCandidate<'a> {
    /// The key that the response is stored under.
    pub key: KeyRef<'a>,
    /// The response.
    pub entry: &'a Entry,
    /// The time now.
    pub now: Instant,
    /// Smoothed time of a look-up in the lower tier that finds something. Zero before the first.
    pub lower_time: Duration,
    /// Flag that the upper tier has removed responses lately to make room.
    pub upper_full: bool,
}

/// The tiers that keep a response, and the longest time in each. `None` keeps it out of a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Time in the upper tier.
    pub upper: Option<Duration>,
    /// Time in the lower tier.
    pub lower: Option<Duration>,
}

/// Decides which tiers keep a response.
///
/// It is asked when a response was fetched, when a look-up finds it in the lower tier (then
/// `lower` does not count: it is there), and when its time in the upper tier is over.
pub trait TierPolicy: fmt::Debug + Send + Sync + 'static {
    /// Notes a request for a key. It is called on every look-up.
    fn count(&self, key: KeyRef<'_>, now: Instant) {
        let _ = (key, now);
    }

    /// Decides on a response.
    fn place(&self, candidate: &TierCandidate<'_>) -> Placement;
}

/// Keeps a response where it saves most per byte. The default of [`Tiered`](crate::Tiered).
///
/// - The **lower** tier saves the price of the call, or else the time of the upstream, less that of the
///   look-up. A response without a price that the upstream makes faster than the lower tier finds it
///   is not written there.
/// - The **upper** tier saves the time of the look-up in the lower tier. While it has room, it takes
///   everything; when it removes responses to make room, it only takes those that save as much
///   per byte and second as half of what it took before.
#[derive(Debug)]
pub struct SavingPerByte {
    rates: Sketch,
    /// Smoothed saving per byte of what the upper tier took.
    usual: parking_lot::Mutex<f64>,
    upper: Duration,
    lower: Duration,
}

/// Keeps responses by how often they are requested: hot ones in all tiers, warm ones in the
/// middle, and cold ones only in the last.
///
/// A stack of three tiers has one such policy around the upper two, and [`below`](Self::below) of it
/// around the lower two, which goes by the same counts.
///
/// | | requests per second | first tier | second | third |
/// |---|---|---|---|---|
/// | hot | above 100 | 1 min | 10 min | 24 h |
/// | warm | above 10 | | 30 min | |
/// | cold | | | | 24 h |
#[derive(Debug, Clone)]
pub struct FrequencyTiers {
    rates: Arc<Sketch>,
    settings: Settings,
    is_below: bool,
    weigh: Option<Weigh>,
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    hot: f64,
    warm: f64,
    first: Duration,
    second_hot: Duration,
    second_warm: Duration,
    third: Duration,
}

/// Function that changes a rate by other facts of a response.
#[derive(Clone)]
struct Weigh(Arc<WeighRate>);

type WeighRate = dyn Fn(f64, &TierCandidate<'_>) -> f64 + Send + Sync;

/// Part of the usual saving that a response has to reach.
const ENOUGH: f64 = 0.5;

/// Weight of the last response in what is usual.
const SMOOTHING: f64 = 0.05;

// === impl Placement ===

impl Placement {
    /// Keeps a response in both tiers for as long as it is of use.
    pub const BOTH: Self = Self {
        upper: Some(Duration::MAX),
        lower: Some(Duration::MAX),
    };
}

// === impl SavingPerByte ===

impl SavingPerByte {
    /// Returns the policy with these longest times in the tiers.
    #[must_use]
    pub fn new(upper: Duration, lower: Duration) -> Self {
        Self {
            rates: Sketch::new(),
            usual: parking_lot::Mutex::new(0.0),
            upper,
            lower,
        }
    }

    fn upper_takes(&self, candidate: &TierCandidate<'_>) -> bool {
        let rate = self.rates.rate(candidate.key, candidate.now);
        let bytes = candidate.entry.weight().max(1) as f64;
        let saving = rate * candidate.lower_time.as_secs_f64() / bytes;
        let mut usual = self.usual.lock();
        let takes = !candidate.upper_full || saving >= *usual * ENOUGH;
        if takes {
            *usual += (saving - *usual) * SMOOTHING;
        }
        takes
    }
}

impl Default for SavingPerByte {
    /// Returns the policy with one minute in the upper tier, and a day in the lower one.
    fn default() -> Self {
        Self::new(Duration::from_secs(60), Duration::from_secs(24 * 60 * 60))
    }
}

impl TierPolicy for SavingPerByte {
    fn count(&self, key: KeyRef<'_>, now: Instant) {
        self.rates.count(key, now);
    }

    fn place(&self, candidate: &TierCandidate<'_>) -> Placement {
        let entry = candidate.entry;
        let price = entry.booking.as_ref().map(|booking| booking.charge);
        let costs = price.is_some_and(|price| price.pico() > 0);
        let saves = costs || entry.recompute_cost.get() >= candidate.lower_time;
        Placement {
            upper: self.upper_takes(candidate).then_some(self.upper),
            lower: saves.then_some(self.lower),
        }
    }
}

// === impl FrequencyTiers ===

impl FrequencyTiers {
    /// Returns the policy with the numbers of the table.
    #[must_use]
    pub fn new() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            rates: Arc::new(Sketch::new()),
            settings: Settings {
                hot: 100.0,
                warm: 10.0,
                first: minutes(1),
                second_hot: minutes(10),
                second_warm: minutes(30),
                third: minutes(24 * 60),
            },
            is_below: false,
            weigh: None,
        }
    }

    /// Sets the rates above which a response is hot and warm, in requests per second.
    ///
    /// Requests are counted up to 16,383 per second and key; above that, a rate is known to be at
    /// least as high, and no more. A higher limit may never be reached.
    #[must_use]
    pub fn rates(mut self, hot: f64, warm: f64) -> Self {
        (self.settings.hot, self.settings.warm) = (hot, warm);
        self
    }

    /// Changes the rate that decides, by the size of a response, the tenant in its key, or anything
    /// else: `|rate, one| if one.tenant() == "gold" { rate * 10.0 } else { rate }`.
    #[must_use]
    pub fn weigh(
        mut self,
        weigh: impl Fn(f64, &TierCandidate<'_>) -> f64 + Send + Sync + 'static,
    ) -> Self {
        self.weigh = Some(Weigh(Arc::new(weigh)));
        self
    }

    /// Returns the same policy for the second and the third tier. It goes by the same counts,
    /// which include the requests that the first tier answers.
    #[must_use]
    pub fn below(&self) -> Self {
        Self {
            is_below: true,
            ..self.clone()
        }
    }
}

impl Default for FrequencyTiers {
    fn default() -> Self {
        Self::new()
    }
}

impl TierPolicy for FrequencyTiers {
    fn count(&self, key: KeyRef<'_>, now: Instant) {
        // The policy around it has counted already.
        if !self.is_below {
            self.rates.count(key, now);
        }
    }

    fn place(&self, candidate: &TierCandidate<'_>) -> Placement {
        let rate = self.rates.rate(candidate.key, candidate.now);
        let rate = match &self.weigh {
            Some(Weigh(weigh)) => weigh(rate, candidate),
            None => rate,
        };
        let settings = &self.settings;
        let (hot, warm) = (rate > settings.hot, rate > settings.warm);
        if !self.is_below {
            return Placement {
                upper: hot.then_some(settings.first),
                lower: Some(Duration::MAX),
            };
        }
        Placement {
            upper: match (hot, warm) {
                (true, _) => Some(settings.second_hot),
                (false, true) => Some(settings.second_warm),
                (false, false) => None,
            },
            lower: (hot || !warm).then_some(settings.third),
        }
    }
}

impl fmt::Debug for Weigh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Weigh(..)")
    }
}

// === impl TierCandidate ===

impl TierCandidate<'_> {
    /// Returns the tenant of the key; empty if it has none.
    #[must_use]
    pub fn tenant(&self) -> &str {
        let first = self.key.parts().next();
        first
            .and_then(|part| std::str::from_utf8(part).ok())
            .unwrap_or_default()
    }
}
