//! Worlds: accounts with their properties, and the requests of a trace.

use std::{io, path::Path, sync::Arc};

use super::{
    account::Spec,
    trace::{self, Demand},
};

/// Share of requests without a caller who waits, in worlds with batch prices.
const DEFERRED: f64 = 0.3;
/// Price of a request in a batch job, as a share of its price.
const BATCH: f64 = 0.5;

/// Accounts and requests.
#[derive(Debug)]
pub(super) struct World {
    pub(super) specs: Vec<Spec>,
    pub(super) demands: Vec<Demand>,
    pub(super) seed: u64,
    /// Share of the price that a request in a batch job costs, if there are such.
    pub(super) batch: Option<f64>,
}

/// Kind of world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Four equal accounts with prompt caches.
    Caches,
    /// The same with quotas, of which the conversations need nine tenths.
    Quotas,
    /// Four accounts that work on a few requests at once.
    Lines,
    /// Two accounts at about one price, of whose calls one in fifty stalls.
    Stalls,
    /// Requests of which some have hours of time.
    Batch,
    /// Accounts with random properties of all these kinds.
    Random,
}

/// Traces that worlds take their requests from.
#[derive(Debug)]
pub(super) struct Traces {
    conversations: Vec<Demand>,
    completions: Vec<Demand>,
}

// === impl Traces ===

impl Traces {
    /// Reads the traces in a folder.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            conversations: trace::conversations(folder)?,
            completions: trace::completions(folder)?,
        })
    }
}

// === impl Kind ===

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::Caches,
        Self::Quotas,
        Self::Lines,
        Self::Stalls,
        Self::Batch,
        Self::Random,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Caches => "caches",
            Self::Quotas => "quotas",
            Self::Lines => "lines",
            Self::Stalls => "stalls",
            Self::Batch => "batch",
            Self::Random => "random",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Caches => "Prompt caches: conversations, four accounts",
            Self::Quotas => {
                "Prompt caches and quotas: conversations that need 92 % of the quotas, four accounts"
            }
            Self::Lines => {
                "Lines: completions, four accounts that work on 4, 4, 2 and 2 calls at once"
            }
            Self::Stalls => {
                "Stalls: completions, two accounts, one call in fifty takes at least 5 s"
            }
            Self::Batch => "Batch prices: completions, 30 % of which have one to twelve hours",
            Self::Random => "All of it: three to eight accounts with random properties",
        }
    }

    /// Makes a world of this kind.
    pub(super) fn world(self, traces: &Traces, seed: u64) -> Arc<World> {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x51f1_5eed);
        let usual = Spec::usual;
        let four = |spec: Spec| vec![spec; 4];
        let specs = match self {
            Self::Caches => four(usual()),
            Self::Quotas => four(Spec {
                quota: Some(500_000.0),
                ..usual()
            }),
            Self::Lines => [4, 4, 2, 2].map(|slots| Spec { slots, ..usual() }).into(),
            // The dearer one costs a tenth more.
            Self::Stalls => [1.0, 1.1]
                .map(|factor| Spec {
                    price: usual().price.map(|dollars| dollars * factor),
                    stalls: 0.02,
                    ..usual()
                })
                .into(),
            // At the list prices of Claude Haiku 4.5, of which only marked prompts are cached.
            Self::Batch => vec![Spec {
                price: [1.0, 0.1, 5.0],
                caches: false,
                ..usual()
            }],
            Self::Random => random(&mut rng),
        };
        let is_of_conversations = match self {
            Self::Caches | Self::Quotas => true,
            Self::Lines | Self::Stalls | Self::Batch => false,
            Self::Random => rng.bool(),
        };
        let demands = match is_of_conversations {
            true => traces.conversations.clone(),
            false => traces.completions.clone(),
        };
        let batch = (self == Self::Batch).then_some(BATCH);
        Arc::new(World {
            specs,
            demands: drawn(demands, &mut rng, batch.is_some()),
            seed,
            batch,
        })
    }
}

/// Draws what a trace does not tell: priorities, deadlines, and the seeds of random numbers.
fn drawn(mut demands: Vec<Demand>, rng: &mut fastrand::Rng, defers: bool) -> Vec<Demand> {
    for demand in &mut demands {
        demand.seed = rng.u64(..);
        demand.priority = match rng.u8(0..10) {
            0..2 => 0,
            2..8 => 1,
            _ => 2,
        };
        if !defers {
            continue;
        }
        // Low priority alone means that there is time.
        demand.priority = demand.priority.max(1);
        if rng.f64() < DEFERRED {
            demand.priority = 0;
            demand.due = Some(demand.at + 3_600.0 * (1.0 + 11.0 * rng.f64()));
        }
    }
    demands
}

fn random(rng: &mut fastrand::Rng) -> Vec<Spec> {
    let count = rng.usize(3..=8);
    (0..count).map(|_| one(rng)).collect()
}

fn one(rng: &mut fastrand::Rng) -> Spec {
    let spread = |rng: &mut fastrand::Rng, low: f64, high: f64| low * (high / low).powf(rng.f64());
    let usual = Spec::usual();
    let factor = spread(rng, 0.5, 2.0);
    let begins = 1_000.0 * rng.f64();
    Spec {
        price: usual.price.map(|dollars| dollars * factor),
        first: spread(rng, 0.3, 3.0),
        reads: spread(rng, 4_000.0, 30_000.0),
        writes: spread(rng, 30.0, 150.0),
        caches: rng.f64() < 0.7,
        quota: (rng.f64() < 0.5).then(|| spread(rng, 200_000.0, 2_000_000.0)),
        slots: if rng.f64() < 0.5 {
            rng.usize(4..40)
        } else {
            usize::MAX
        },
        stalls: if rng.f64() < 0.3 { 0.02 } else { 0.0 },
        errors: spread(rng, 0.001, 0.03),
        down: (rng.f64() < 0.2).then(|| (begins, begins + 30.0 + 90.0 * rng.f64())),
    }
}
