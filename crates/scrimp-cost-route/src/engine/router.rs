//! Choosing.

use super::{
    ask::{Ask, Barred},
    candidate::Candidate,
    choice::{Choice, NoCandidate, Terms},
    config::RouterConfig,
    decay::{Decay, Decays, Discount},
    estimate::Prior,
    explore::{Exploration, Find, Gains},
    pass::{Best, Next, Pass, Weighed},
    score::Formula,
    traffic::{TRUST, Traffic},
};
use scrimp_core::extensions::Priority;

/// Kinds of requests, per priority, whose last choice is remembered.
const SIZES: usize = 32;
const KINDS: usize = 3 * SIZES;
/// Half-life of what a provider is usually like, in seconds.
const USUAL: f64 = 900.0;
/// Chooses among candidates, which it knows by index.
///
/// Times are seconds on a clock of the caller's that never goes back.
#[derive(Debug)]
pub struct Router {
    pub(super) config: RouterConfig,
    pub(super) candidates: Vec<Candidate>,
    pub(super) decays: Decays,
    /// The last discount, and of when it is.
    pub(super) discounted: (f64, Discount),
    pub(super) traffic: Traffic,
    pub(super) exploration: Exploration,
    /// Per kind of request: who was chosen last, by index and generation.
    pub(super) incumbents: [Option<(usize, u64)>; KINDS],
    generations: u64,
    pub(super) switches: u64,
    /// Kept between decisions for its memory only.
    weighed: Vec<Weighed>,
}

// === impl Router ===

impl Router {
    /// A router without candidates.
    ///
    /// # Panics
    ///
    /// If a setting is out of its range; the message names it.
    #[must_use]
    pub fn new(config: RouterConfig) -> Self {
        if let Err(message) = config.check() {
            panic!("{message}");
        }
        let decays = Decays::new(
            [config.half_life, config.quality_half_life, USUAL].map(Decay::new),
            Decay::new(TRUST),
        );
        Self {
            discounted: (0.0, decays.discount(0.0)),
            decays,
            traffic: Traffic::default(),
            exploration: Exploration::new(config.explore_cap),
            candidates: Vec::new(),
            incumbents: [None; KINDS],
            generations: 0,
            switches: 0,
            weighed: Vec::new(),
            config,
        }
    }

    /// Adds a candidate behind the last.
    pub fn add(&mut self, prior: Prior) {
        self.generations += 1;
        self.candidates
            .push(Candidate::new(prior, self.generations));
    }

    /// Takes a candidate out; those behind it move up by one.
    ///
    /// # Panics
    ///
    /// If there is none of this index.
    pub fn remove(&mut self, index: usize) {
        self.candidates.remove(index);
        for incumbent in &mut self.incumbents {
            match incumbent {
                Some((i, _)) if *i > index => *i -= 1,
                Some((i, _)) if *i == index => *incumbent = None,
                _ => {}
            }
        }
    }

    /// Sets what is taken for granted of a candidate; what was seen of it stays.
    pub fn set_prior(&mut self, index: usize, prior: Prior) {
        self.candidates[index].sums.set_prior(prior);
    }

    /// How many candidates there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.candidates.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// How often the choice for a kind of request went from one candidate to another.
    #[must_use]
    pub fn switches(&self) -> u64 {
        self.switches
    }

    /// Chooses. `cost` gives the dollars a call to a candidate would cost, if known.
    ///
    /// # Errors
    ///
    /// If there is nobody to choose.
    pub fn choose(
        &mut self,
        now: f64,
        ask: &Ask,
        barred: &Barred,
        mut cost: impl FnMut(usize) -> Option<f64>,
    ) -> Result<Choice, NoCandidate> {
        let discount = self.discount(now);
        let formula = self.config.score.formula(ask.priority, self.config.backoff);
        let kind = Self::kind(ask);
        let incumbent = self.incumbents[kind];
        self.traffic.add(ask.priority, discount);
        self.exploration.request();
        let may_risk = ask.replayable && ask.priority != Priority::High;
        let exploring = may_risk && self.config.explore && self.exploration.may_look(now);
        let mut weighed = std::mem::take(&mut self.weighed);
        weighed.clear();
        let mut next = Next::default();
        let mut pass = Pass {
            may_settle: true,
            ..Pass::default()
        };
        for (index, candidate) in self.candidates.iter_mut().enumerate() {
            if barred.is_barred(index) {
                pass.may_settle &= incumbent != Some((index, candidate.generation));
                continue;
            }
            pass.seen = true;
            let (cost, estimate) = (cost(index), candidate.estimate(now, discount));
            if !ask.filters.pass(cost, &estimate) {
                continue;
            }
            if ask.replayable && cost.is_some() && candidate.breaker.is_up() {
                next.add(index, formula.last(cost.unwrap_or(0.0), &estimate));
            }
            weighed.push(Weighed {
                index,
                cost,
                estimate,
                admitted: false,
            });
        }
        for one in &mut weighed {
            let candidate = &mut self.candidates[one.index];
            let cost = one.cost.unwrap_or(0.0);
            let this = Best {
                index: one.index,
                score: formula.score(cost, &one.estimate, next.but(one.index)),
                unknown: one.cost.is_none(),
            };
            let is_incumbent = incumbent == Some((one.index, candidate.generation));
            one.admitted = pass.add(candidate, this, now, is_incumbent);
        }
        if exploring && let Some(best) = pass.best {
            pass.find = self.look(now, discount, &weighed, &formula, best.score);
        }
        self.weighed = weighed;
        self.decide(now, &formula, kind, &pass)
    }

    /// Looks for somebody who is worth trying out with this request.
    fn look(
        &mut self,
        now: f64,
        discount: Discount,
        weighed: &[Weighed],
        formula: &Formula,
        best: f64,
    ) -> Option<Find> {
        let gains = Gains::new(
            &self.config.score,
            self.config.backoff,
            &self.traffic,
            discount,
            &self.candidates,
            weighed,
        );
        let mut found: Option<Find> = None;
        for one in weighed {
            let candidate = &self.candidates[one.index];
            let find = gains.find(now, candidate, one, formula, best);
            if let Some(find) = find.filter(|find| find.beats(found)) {
                found = Some(find);
            }
        }
        if found.is_none() {
            self.exploration.found_nobody(now);
        }
        found
    }

    fn kind(ask: &Ask) -> usize {
        ask.priority as usize * SIZES + (ask.kind % SIZES as u64) as usize
    }

    /// What every candidate is judged by now, in their order.
    pub fn terms(
        &self,
        now: f64,
        ask: &Ask,
        barred: &Barred,
        mut cost: impl FnMut(usize) -> Option<f64>,
    ) -> Vec<Terms> {
        let formula = self.config.score.formula(ask.priority, self.config.backoff);
        let discount = self.decays.discount(now);
        let mut next = Next::default();
        let mut list = Vec::with_capacity(self.candidates.len());
        for (index, candidate) in self.candidates.iter().enumerate() {
            let (cost, estimate) = (cost(index), candidate.estimate(now, discount));
            let terms = Terms {
                cost,
                score: 0.0,
                health: candidate.breaker.health(now),
                in_flight: candidate.flight.count(),
                good_enough: ask.filters.pass(cost, &estimate),
                estimate,
                barred: barred.is_barred(index),
            };
            let eligible = terms.good_enough && !terms.barred && candidate.breaker.is_up();
            if ask.replayable && eligible && cost.is_some() {
                next.add(index, formula.last(cost.unwrap_or(0.0), &estimate));
            }
            list.push(terms);
        }
        for (index, terms) in list.iter_mut().enumerate() {
            let cost = terms.cost.unwrap_or(0.0);
            terms.score = formula.score(cost, &terms.estimate, next.but(index));
        }
        list
    }

    /// Calls to a candidate that are under way.
    #[must_use]
    pub fn in_flight(&self, index: usize) -> usize {
        self.candidates[index].flight.count()
    }
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
