//! scrimp's policy.

use std::{collections::HashMap, time::Duration};

use scrimp::{
    core::{Currency, Money, extensions::Priority},
    cost_route::engine::{Ask, Barred, Outcome, Prior, Reason, Router, RouterConfig, Ticket},
};

use tokio::time::Instant;

use super::Policy;
use crate::world::{Request, State};

/// scrimp's router, with the initial state of the providers.
pub(crate) struct Scrimp {
    pub(crate) router: Router,
    /// Start of the world.
    start: Instant,
    pub(crate) reasons: Vec<Reason>,
    tickets: HashMap<u64, Ticket>,
    calls: u64,
}

impl Scrimp {
    pub(crate) fn new(base: &[State], config: RouterConfig) -> Self {
        let start = Instant::now();
        let mut router = Router::new(config, start).expect("settings in their ranges");
        for state in base {
            let latency = Duration::from_secs_f64(state.latency);
            router.add(Prior {
                first_byte: latency,
                latency,
                reliability: 1.0 - state.errors,
                quality: state.quality,
            });
        }
        Self {
            router,
            start,
            reasons: Vec::new(),
            tickets: HashMap::new(),
            calls: 0,
        }
    }

    fn instant(&self, seconds: f64) -> Instant {
        self.start + Duration::from_secs_f64(seconds)
    }

    fn end(&mut self, now: f64, call: u64, outcome: Outcome, quality: Option<f64>) {
        let now = self.instant(now);
        if let Some(ticket) = self.tickets.remove(&call) {
            self.router.ended(now, ticket, outcome);
            if let Some(quality) = quality {
                self.router.judged(now, ticket, quality);
            }
        }
    }
}

/// Returns the amount nearest to this many dollars.
fn dollars(amount: f64) -> Money {
    Money::from_pico((amount * 1e12).round() as i128, Currency::USD)
}

impl Policy for Scrimp {
    fn name(&self) -> &'static str {
        "scrimp"
    }

    fn choose(
        &mut self,
        request: &Request,
        states: &[State],
        tried: Option<usize>,
    ) -> (usize, u64) {
        let priority = [Priority::Low, Priority::Default, Priority::High][request.priority];
        let ask = Ask {
            priority,
            // A failed call is retried only once.
            replayable: tried.is_none(),
            // As in the layer: sizes of about the same number of tokens are of one kind.
            kind: (1_300.0 * request.size).log2() as u64,
            ..Ask::default()
        };
        let mut barred = Barred::default();
        if let Some(tried) = tried {
            barred.bar(tried);
        }
        let cost = |index: usize| Some(dollars(states[index].price * request.size));
        let now = self.instant(request.at);
        let choice = self
            .router
            .choose(now, &ask, &barred, cost)
            .expect("a provider is left");
        if tried.is_none() {
            self.reasons.push(choice.reason);
        }
        self.calls += 1;
        let ticket = self.router.started(now, choice.index);
        self.tickets.insert(self.calls, ticket);
        (choice.index, self.calls)
    }

    fn succeeded(
        &mut self,
        now: f64,
        _provider: usize,
        call: u64,
        _latency: f64,
        quality: Option<f64>,
    ) {
        self.end(now, call, Outcome::Succeeded, quality);
    }

    fn failed(&mut self, now: f64, _provider: usize, call: u64) {
        self.end(now, call, Outcome::Failed { retry_after: None }, None);
    }
}
