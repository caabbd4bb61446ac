//! What is known of a provider, newer observations counting more.

/// The prior's weight, in observations. A first success or failure already moves the
/// estimate; ten have it settled.
const LATENCY_PRIOR: f64 = 1.0;
const SUCCESS_PRIOR: f64 = 6.0;
const QUALITY_PRIOR: f64 = 4.0;

/// What is taken for granted of a provider before it was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Seconds until the first byte of the response, and until its last.
    pub first_byte: f64,
    /// Seconds until the last byte.
    pub latency: f64,
    /// Share of calls that succeed.
    pub reliability: f64,
    /// Quality of the answers, 0 to 1.
    pub quality: f64,
}

/// What is thought of a provider now.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Estimate {
    /// Seconds until the first byte of the response.
    pub first_byte: f64,
    /// Seconds until its last byte.
    pub latency: f64,
    /// Share of calls that succeed.
    pub reliability: f64,
    /// Quality of the answers, 0 to 1.
    pub quality: f64,
}

/// Forward decay: instead of making old sums smaller at each look, new observations weigh
/// more, by the time since a landmark. One power per decision then serves all providers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decay {
    half_life: f64,
    landmark: f64,
}

/// A weighted sum and the sum of the weights.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    weight: f64,
}

/// The sums of one provider.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    pub(super) prior: Prior,
    first_byte: Mean,
    latency: Mean,
    success: Mean,
    quality: Mean,
    /// The long run. What is recent shrinks to it, and it to the prior: a provider that
    /// has not been asked for a while is taken to be as it used to be, not as it was told.
    usual_latency: Mean,
    usual_success: Mean,
}

/// The decays of all sums.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decays {
    /// Of latency and success.
    pub(super) fast: Decay,
    /// Of quality.
    pub(super) slow: Decay,
    /// Of the long run.
    pub(super) long: Decay,
}

/// What one power makes of every provider's sums.
#[derive(Debug, Clone, Copy)]
pub(super) struct Discount {
    pub(super) fast: f64,
    pub(super) slow: f64,
    pub(super) long: f64,
}

// === impl Decay ===

impl Decay {
    pub(super) fn new(half_life: f64) -> Self {
        Self {
            half_life,
            landmark: 0.0,
        }
    }

    fn weight(&self, now: f64) -> f64 {
        ((now - self.landmark) / self.half_life).exp2()
    }

    pub(super) fn discount(&self, now: f64) -> f64 {
        ((self.landmark - now) / self.half_life).exp2()
    }

    /// Weights would overflow one day: whether the landmark has to move.
    pub(super) fn is_far(&self, now: f64) -> bool {
        now - self.landmark > 200.0 * self.half_life
    }

    pub(super) fn move_to(&mut self, now: f64) {
        self.landmark = now;
    }
}

// === impl Mean ===

impl Mean {
    fn add(&mut self, value: f64, weight: f64) {
        self.sum += value * weight;
        self.weight += weight;
    }

    fn get(&self, prior: f64, strength: f64, discount: f64) -> f64 {
        (strength * prior + discount * self.sum) / (strength + discount * self.weight)
    }

    fn scale(&mut self, factor: f64) {
        self.sum *= factor;
        self.weight *= factor;
    }
}

// === impl Decays ===

impl Decays {
    pub(super) fn discount(&self, now: f64) -> Discount {
        Discount {
            fast: self.fast.discount(now),
            slow: self.slow.discount(now),
            long: self.long.discount(now),
        }
    }
}

// === impl Sums ===

impl Sums {
    pub(super) fn new(prior: Prior) -> Self {
        Self {
            prior,
            first_byte: Mean::default(),
            latency: Mean::default(),
            success: Mean::default(),
            quality: Mean::default(),
            usual_latency: Mean::default(),
            usual_success: Mean::default(),
        }
    }

    pub(super) fn estimate(&self, discount: Discount) -> Estimate {
        let Discount { fast, slow, long } = discount;
        let prior = &self.prior;
        let usual_success = self
            .usual_success
            .get(prior.reliability, SUCCESS_PRIOR, long);
        let first_byte = &self.first_byte;
        Estimate {
            first_byte: first_byte.get(prior.first_byte, LATENCY_PRIOR, fast),
            latency: self.latency_with(0.0, 0.0, discount),
            reliability: self.success.get(usual_success, SUCCESS_PRIOR, fast),
            quality: self.quality.get(prior.quality, QUALITY_PRIOR, slow),
        }
    }

    /// The mean latency as it would be with `count` more observations of `age`.
    pub(super) fn latency_with(&self, age: f64, count: f64, discount: Discount) -> f64 {
        let Discount { fast, long, .. } = discount;
        let usual = self
            .usual_latency
            .get(self.prior.latency, LATENCY_PRIOR, long);
        let sum = LATENCY_PRIOR * usual + fast * self.latency.sum + count * age;
        sum / (LATENCY_PRIOR + fast * self.latency.weight + count)
    }

    /// Failures and attempts that still count, for bounds on the failure rate.
    pub(super) fn failures(&self, fast: f64) -> (f64, f64) {
        let Mean { sum, weight } = self.success;
        ((weight - sum).max(0.0) * fast, weight * fast)
    }

    pub(super) fn first_byte(&mut self, seconds: f64, decays: &Decays, now: f64) {
        self.first_byte.add(seconds, decays.fast.weight(now));
    }

    pub(super) fn latency(&mut self, seconds: f64, decays: &Decays, now: f64) {
        self.latency.add(seconds, decays.fast.weight(now));
        self.usual_latency.add(seconds, decays.long.weight(now));
    }

    pub(super) fn success(&mut self, succeeded: bool, decays: &Decays, now: f64) {
        let value = f64::from(u8::from(succeeded));
        self.success.add(value, decays.fast.weight(now));
        self.usual_success.add(value, decays.long.weight(now));
    }

    pub(super) fn quality(&mut self, quality: f64, decays: &Decays, now: f64) {
        self.quality.add(quality, decays.slow.weight(now));
    }

    pub(super) fn rescale_fast(&mut self, factor: f64) {
        self.first_byte.scale(factor);
        self.latency.scale(factor);
        self.success.scale(factor);
    }

    pub(super) fn rescale_slow(&mut self, factor: f64) {
        self.quality.scale(factor);
    }

    pub(super) fn rescale_long(&mut self, factor: f64) {
        self.usual_latency.scale(factor);
        self.usual_success.scale(factor);
    }
}
