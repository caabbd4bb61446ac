//! Providers whose properties change.

/// State of a provider at one time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State {
    /// Dollars for a request of size 1 (about a thousand tokens in, three hundred out).
    pub(crate) price: f64,
    /// Mean latency, in seconds.
    pub(crate) latency: f64,
    /// Share of calls that fail.
    pub(crate) errors: f64,
    /// Quality, from 0 to 1.
    pub(crate) quality: f64,
}

/// A change of a provider between two times, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) provider: usize,
    pub(crate) change: Change,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    Slower(f64),
    Errors(f64),
    Price(f64),
    Quality(f64),
    /// Price and latency change together, by these factors.
    Better(f64, f64),
}

/// A request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) at: f64,
    /// Priority: 0 low, 1 default, 2 high.
    pub(crate) priority: usize,
    pub(crate) size: f64,
    /// Seed of its random numbers, which are equal for every policy.
    pub(crate) seed: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) base: Vec<State>,
    pub(crate) events: Vec<Event>,
    pub(crate) requests: Vec<Request>,
}

const END: f64 = f64::INFINITY;

impl World {
    /// Makes six providers at list prices of 2025, with their changes within 1,000 seconds.
    pub(crate) fn standard(seed: u64, seconds: f64) -> Self {
        // Per million tokens in and out: $2.50/$10, $0.15/$0.60, $0.80/$4, $0.28/$0.42,
        // $0.59/$0.79, $0.30/$2.50.
        let rates = [
            (2.5, 10.0),
            (0.15, 0.6),
            (0.8, 4.0),
            (0.28, 0.42),
            (0.59, 0.79),
            (0.3, 2.5),
        ];
        let rest = [
            (1.2, 0.010, 0.97),
            (1.5, 0.010, 0.88),
            (1.0, 0.010, 0.93),
            (3.5, 0.030, 0.92),
            (0.5, 0.020, 0.86),
            (0.9, 0.015, 0.91),
        ];
        let base = rates
            .iter()
            .zip(rest)
            .map(|((input, output), (latency, errors, quality))| State {
                price: (input * 1_000.0 + output * 300.0) / 1e6,
                latency,
                errors,
                quality,
            });
        let event = |name, from: f64, to: f64, provider, change| Event {
            name,
            from: from * seconds,
            to: to * seconds,
            provider,
            change,
        };
        let events = vec![
            event("slowdown", 0.15, 0.3, 1, Change::Slower(4.0)),
            event("outage", 0.35, 0.42, 4, Change::Errors(1.0)),
            event("price cut", 0.48, END, 3, Change::Price(0.35)),
            event("silent quality loss", 0.55, END, 1, Change::Quality(0.6)),
            event("30 % errors", 0.68, 0.8, 4, Change::Errors(0.3)),
            event("late best", 0.85, END, 5, Change::Better(0.3, 0.5)),
        ];
        Self {
            base: base.collect(),
            events,
            requests: requests(seed, seconds),
        }
    }

    /// Makes three to ten random providers, and as many random changes.
    pub(crate) fn random(seed: u64, seconds: f64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0xabcd_1234);
        let count = rng.usize(3..=10);
        let spread =
            |rng: &mut fastrand::Rng, low: f64, high: f64| low * (high / low).powf(rng.f64());
        let base: Vec<_> = (0..count)
            .map(|_| State {
                price: spread(&mut rng, 0.000_2, 0.006),
                latency: spread(&mut rng, 0.3, 4.0),
                errors: spread(&mut rng, 0.002, 0.05),
                quality: 0.75 + 0.23 * rng.f64(),
            })
            .collect();
        let events = (0..count)
            .map(|_| {
                let from = seconds * (0.1 + 0.75 * rng.f64());
                let change = match rng.u8(0..6) {
                    0 => Change::Slower(spread(&mut rng, 2.0, 6.0)),
                    1 => Change::Errors(1.0),
                    2 => Change::Errors(0.3),
                    3 => Change::Price(spread(&mut rng, 0.3, 3.0)),
                    4 => Change::Quality(0.5 + 0.3 * rng.f64()),
                    _ => Change::Better(0.4, 0.5),
                };
                Event {
                    name: "surprise",
                    from,
                    to: from + seconds * (0.05 + 0.3 * rng.f64()),
                    provider: rng.usize(0..count),
                    change,
                }
            })
            .collect();
        Self {
            base,
            events,
            requests: requests(seed, seconds),
        }
    }

    /// Returns the same providers and changes with the requests of the `time`th run; the first run
    /// has the original ones.
    pub(crate) fn again(&self, seed: u64, time: u64, seconds: f64) -> Self {
        let seed = seed ^ time.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self {
            requests: requests(seed, seconds),
            ..self.clone()
        }
    }

    pub(crate) fn state(&self, provider: usize, now: f64) -> State {
        let mut state = self.base[provider];
        for event in &self.events {
            if event.provider != provider || now < event.from || now >= event.to {
                continue;
            }
            match event.change {
                Change::Slower(factor) => state.latency *= factor,
                Change::Errors(share) => state.errors = share,
                Change::Price(factor) => state.price *= factor,
                Change::Quality(quality) => state.quality = quality,
                Change::Better(price, latency) => {
                    state.price *= price;
                    state.latency *= latency;
                }
            }
        }
        state
    }
}

/// Makes random requests, twenty a second.
fn requests(seed: u64, seconds: f64) -> Vec<Request> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut at = 0.0;
    let mut list = Vec::new();
    loop {
        at += -(1.0 - rng.f64()).ln() / 20.0;
        if at >= seconds {
            return list;
        }
        let priority = match rng.u8(0..10) {
            0..2 => 0,
            2..8 => 1,
            _ => 2,
        };
        let size = (0.6 * normal(&mut rng) - 0.18).exp();
        list.push(Request {
            at,
            priority,
            size,
            seed: rng.u64(..),
        });
    }
}

pub(crate) fn normal(rng: &mut fastrand::Rng) -> f64 {
    (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos()
}
