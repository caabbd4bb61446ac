//! The plan of a run, and its length.

use std::time::Duration;

use crate::sabotage::Sabotage;

/// Place of a stack of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Stampede protection, cache and coalescing on axum, called over sockets.
    Server,
    /// All five layers on a client, over a server with two providers.
    Client,
}

/// Version of HTTP on all sockets of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    /// HTTP/2 without TLS.
    H2,
}

/// Settings of a run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Time under load, before the drain.
    pub(crate) load: Duration,
    /// Seed of every random choice. A failure can be repeated with it, as far as the timing of
    /// sockets allows.
    pub(crate) seed: u64,
    /// Time after which a request without an answer counts as hung.
    pub(crate) patience: Duration,
    /// Time after the chaos in which every answer must come right.
    pub(crate) recovery: Duration,
    /// Lets upstreams, closures and callers misbehave.
    pub(crate) chaos: bool,
    pub(crate) stacks: Vec<(Place, Protocol)>,
    pub(crate) callers: u64,
    /// A fault that the run must find.
    pub(crate) sabotage: Option<Sabotage>,
}

const ALL: [(Place, Protocol); 4] = [
    (Place::Server, Protocol::Http1),
    (Place::Server, Protocol::H2),
    (Place::Client, Protocol::Http1),
    (Place::Client, Protocol::H2),
];

// === impl Plan ===

impl Plan {
    /// Returns the plan of the environment: `SCRIMP_SOAK_SECONDS` (5 if it is not set) and
    /// `SCRIMP_SOAK_SEED` (random if it is not set).
    pub(crate) fn of_environment() -> Self {
        let number = |name: &str| {
            let text = std::env::var(name).ok()?;
            let number = text.parse::<u64>();
            Some(number.unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
        };
        Self {
            load: Duration::from_secs(number("SCRIMP_SOAK_SECONDS").unwrap_or(5)),
            seed: number("SCRIMP_SOAK_SEED").unwrap_or_else(|| fastrand::u64(..)),
            patience: Duration::from_secs(30),
            recovery: Duration::from_secs(20),
            chaos: true,
            stacks: ALL.into(),
            callers: 24,
            sabotage: None,
        }
    }

    /// Returns a short plan without chaos, for a check of the checker.
    pub(crate) fn sabotaged(place: Place, sabotage: Sabotage) -> Self {
        let protocol = match sabotage {
            // Many calls on few connections.
            Sabotage::NoBatches => Protocol::H2,
            _ => Protocol::Http1,
        };
        Self {
            load: Duration::from_secs(1),
            seed: 7,
            patience: Duration::from_secs(5),
            recovery: Duration::from_secs(10),
            chaos: false,
            stacks: vec![(place, protocol)],
            callers: 8,
            sabotage: Some(sabotage),
        }
    }
}
