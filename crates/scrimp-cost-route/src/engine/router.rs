//! Choosing.

use super::{
    ask::{Ask, Barred},
    candidate::Candidate,
    choice::{Choice, NoCandidate, Reason, Terms},
    config::RouterConfig,
    estimate::{Decay, Decays, Prior},
    explore::{Exploration, MOST_IN_VAIN},
    pass::{Best, Next, Pass, Weighed},
    score::Formula,
};
use scrimp_core::extensions::Priority;

/// Kinds of requests whose last choice is remembered.
const KINDS: usize = 64;
/// Half-life of what a provider is usually like, in seconds.
const USUAL: f64 = 900.0;
/// Of what waiting it may turn out to need, what part is taken for the best that can be
/// hoped of a candidate that has not been seen for a while.
const HOPE: f64 = 0.3;

/// Chooses among candidates, which it knows by index.
///
/// Times are seconds on a clock of the caller's that never goes back.
#[derive(Debug)]
pub struct Router {
    config: RouterConfig,
    pub(super) candidates: Vec<Candidate>,
    pub(super) decays: Decays,
    exploration: Exploration,
    /// Per kind of request: who was chosen last, by index and generation.
    incumbents: [Option<(usize, u64)>; KINDS],
    generations: u64,
    switches: u64,
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
        Self {
            decays: Decays {
                fast: Decay::new(config.half_life),
                slow: Decay::new(config.quality_half_life),
                long: Decay::new(USUAL),
            },
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
        self.candidates[index].sums.prior = prior;
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
        let may_risk = ask.replayable && ask.priority != Priority::High;
        self.exploration.request();
        let exploring = may_risk && self.config.explore && self.exploration.has_credit();
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
            });
        }
        for one in &weighed {
            let candidate = &mut self.candidates[one.index];
            let cost = one.cost.unwrap_or(0.0);
            let this = Best {
                index: one.index,
                score: formula.score(cost, &one.estimate, next.but(one.index)),
                unknown: one.cost.is_none(),
            };
            let is_incumbent = incumbent == Some((one.index, candidate.generation));
            let admitted = pass.add(candidate, this, now, is_incumbent, may_risk);
            let age = now - candidate.last_seen;
            let older = pass.stalest.is_none_or(|(oldest, ..)| age > oldest);
            if exploring && admitted && age > candidate.stale_after() && older {
                let hope = formula.at_best(cost, &one.estimate, HOPE);
                pass.stalest = Some((age, one.index, hope, one.cost));
            }
        }
        self.weighed = weighed;
        self.decide(now, &formula, kind, &pass)
    }

    fn decide(
        &mut self,
        now: f64,
        formula: &Formula,
        kind: usize,
        pass: &Pass,
    ) -> Result<Choice, NoCandidate> {
        let Some(best) = pass.best else {
            // Never nobody, if there is somebody: an error is better than none at all.
            let (best, reason) = match (pass.probe, pass.last) {
                (Some(probe), _) => (probe, Reason::Probed),
                (None, Some((_, last))) => (last, Reason::LastLeft),
                (None, None) if pass.seen => return Err(NoCandidate::NoneGoodEnough),
                (None, None) => return Err(NoCandidate::NoneLeft),
            };
            return Ok(best.choice(reason));
        };
        if let Some((_, index, hope, dollars)) = pass.stalest
            && index != best.index
            && hope < best.score
            && dollars.is_some_and(|dollars| self.exploration.take(dollars, now))
        {
            let reason = if self.candidates[index].breaker.is_up() {
                Reason::Explored
            } else {
                Reason::Probed
            };
            let score = hope;
            let tried = &mut self.candidates[index].tried_in_vain;
            *tried = (*tried + 1).min(MOST_IN_VAIN);
            return Ok(Choice {
                index,
                reason,
                score,
            });
        }
        if let Some(probe) = pass.probe
            && probe.beats(Some(best))
        {
            return Ok(probe.choice(Reason::Probed));
        }
        if let Some(incumbent) = pass.incumbent
            && incumbent.index != best.index
            && incumbent.unknown == best.unknown
            && best.score >= formula.better_by(incumbent.score, self.config.hysteresis)
        {
            return Ok(incumbent.choice(Reason::Kept));
        }
        // A stand-in for one that was tried or is full takes no place.
        if pass.may_settle {
            self.settle(kind, best.index);
        }
        Ok(best.choice(Reason::Best))
    }

    /// Remembers the choice, unless it is of one that is only on its way back.
    fn settle(&mut self, kind: usize, index: usize) {
        let candidate = &mut self.candidates[index];
        candidate.tried_in_vain = 0;
        if !candidate.breaker.is_up() {
            return;
        }
        let settled = Some((index, candidate.generation));
        if self.incumbents[kind] != settled {
            self.switches += u64::from(self.incumbents[kind].is_some());
            self.incumbents[kind] = settled;
        }
    }

    fn kind(ask: &Ask) -> usize {
        let mixed = (ask.kind ^ (ask.priority as u64) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 58) as usize % KINDS
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
