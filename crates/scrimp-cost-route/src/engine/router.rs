//! Choosing, and learning from what came of it.

use super::{
    ask::{Ask, Barred},
    candidate::Candidate,
    choice::{Choice, NoCandidate, Reason, Terms},
    estimate::{Decay, Decays, Discount, Estimate, Prior},
    explore::{Exploration, MOST_IN_VAIN},
    health::Health,
    score::{Formula, Score},
};
use scrimp_core::extensions::Priority;

/// Kinds of requests whose last choice is remembered.
const KINDS: usize = 64;
/// Half-life of what a provider is usually like, in seconds.
const USUAL: f64 = 900.0;
/// Of what waiting it may turn out to need, what part is taken for the best that can be
/// hoped of a candidate that has not been seen for a while.
const HOPE: f64 = 0.3;

/// How a [`Router`] chooses.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RouterConfig {
    /// How candidates are compared.
    pub score: Score,
    /// Seconds after which an observation of latency or success counts half. Default: 15.
    pub half_life: f64,
    /// The same, of quality. Default: 60.
    pub quality_half_life: f64,
    /// Share by which another has to be better to be switched to. Default: 0.05.
    pub hysteresis: f64,
    /// Whether candidates unseen for a while are tried. Default: true.
    pub explore: bool,
    /// Dollars per hour that trying out may cost. Default: no cap but 1 % of the requests.
    pub explore_cap: Option<f64>,
    /// Seconds that trying again after a failure costs by itself. Default: 0.1.
    pub backoff: f64,
}

/// Chooses among candidates, which it knows by index.
///
/// Times are seconds on a clock of the caller's that never goes back.
#[derive(Debug)]
pub struct Router {
    config: RouterConfig,
    candidates: Vec<Candidate>,
    decays: Decays,
    exploration: Exploration,
    /// Per kind of request: who was chosen last, by index and generation.
    incumbents: [Option<(usize, u64)>; KINDS],
    generations: u64,
    switches: u64,
    /// Kept between decisions for its memory only.
    weighed: Vec<Weighed>,
}

/// A call that was begun. It has to be ended by [`Router::ended`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a call that is never ended counts as under way for ever"]
pub struct Ticket {
    index: usize,
    generation: u64,
    call: u64,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The whole answer arrived.
    Succeeded,
    /// It failed: an error, a time-out, a status that says so, a body cut short.
    Failed {
        /// Seconds after which the provider wants to be asked again.
        retry_after: Option<f64>,
    },
    /// The caller went away first.
    Cancelled,
    /// It was not made after all.
    Unmade,
}

/// A candidate that is good enough.
#[derive(Debug, Clone, Copy)]
struct Weighed {
    index: usize,
    cost: Option<f64>,
    estimate: Estimate,
}

/// The two that are worth most as the last one tried: should one fail, the other is next.
#[derive(Default)]
struct Next([Option<(usize, f64)>; 2]);

/// The best seen so far in one pass.
#[derive(Clone, Copy)]
struct Best {
    index: usize,
    score: f64,
    unknown: bool,
}

#[derive(Default)]
struct Pass {
    best: Option<Best>,
    incumbent: Option<Best>,
    probe: Option<Best>,
    /// The one that is asked again soonest, for when all are out.
    last: Option<(f64, Best)>,
    stalest: Option<(f64, usize, f64, Option<f64>)>,
    seen: bool,
    may_settle: bool,
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

    /// A call to a candidate begins.
    pub fn started(&mut self, now: f64, index: usize) -> Ticket {
        let candidate = &mut self.candidates[index];
        candidate.breaker.started();
        candidate.last_seen = now;
        Ticket {
            index,
            generation: candidate.generation,
            call: candidate.flight.start(now),
        }
    }

    /// The first byte of the response has come.
    pub fn first_byte(&mut self, now: f64, ticket: Ticket, seconds: f64) {
        let decays = self.decays;
        if let Some(candidate) = self.find(ticket) {
            candidate.sums.first_byte(seconds, &decays, now);
        }
    }

    /// A call has ended. Calls to candidates that are gone are forgotten.
    pub fn ended(&mut self, now: f64, ticket: Ticket, outcome: Outcome) {
        let discount = self.discount(now);
        let decays = self.decays;
        let Some(candidate) = self.find(ticket) else {
            return;
        };
        let Some(start) = candidate.flight.end(ticket.call) else {
            return;
        };
        let seconds = now - start;
        match outcome {
            Outcome::Succeeded => {
                candidate.sums.latency(seconds, &decays, now);
                candidate.breaker.succeeded(now, start);
                candidate.sums.success(true, &decays, now);
            }
            Outcome::Failed { retry_after } => {
                // Its time says nothing: an error may come at once.
                let rate = 1.0 - candidate.sums.estimate(discount).reliability;
                candidate.sums.success(false, &decays, now);
                let counts = candidate.sums.failures(discount.fast);
                candidate.breaker.failed(now, retry_after, rate, counts);
            }
            Outcome::Unmade => candidate.breaker.cancelled(),
            Outcome::Cancelled => {
                candidate.breaker.cancelled();
                // It would have taken longer: worth knowing only if that is long already.
                if seconds > candidate.sums.estimate(discount).latency {
                    candidate.sums.latency(seconds, &decays, now);
                }
            }
        }
    }

    /// An answer was judged, 0 to 1.
    pub fn judged(&mut self, now: f64, ticket: Ticket, quality: f64) {
        let decays = self.decays;
        if let Some(candidate) = self.find(ticket) {
            candidate
                .sums
                .quality(quality.clamp(0.0, 1.0), &decays, now);
        }
    }

    /// An answer of a candidate was judged, 0 to 1, after its call had ended.
    ///
    /// # Panics
    ///
    /// If there is none of this index.
    pub fn judge(&mut self, now: f64, index: usize, quality: f64) {
        let decays = self.decays;
        let sums = &mut self.candidates[index].sums;
        sums.quality(quality.clamp(0.0, 1.0), &decays, now);
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

    fn find(&mut self, ticket: Ticket) -> Option<&mut Candidate> {
        let is = |candidate: &Candidate| candidate.generation == ticket.generation;
        // It may have moved up since.
        let end = self.candidates.len().min(ticket.index + 1);
        self.candidates[..end].iter_mut().rev().find(|c| is(c))
    }

    /// Also moves the landmarks of decays that have come far from them.
    fn discount(&mut self, now: f64) -> Discount {
        type Rescale = fn(&mut super::estimate::Sums, f64);
        let rescale: [(&mut Decay, Rescale); 3] = [
            (&mut self.decays.fast, super::estimate::Sums::rescale_fast),
            (&mut self.decays.slow, super::estimate::Sums::rescale_slow),
            (&mut self.decays.long, super::estimate::Sums::rescale_long),
        ];
        for (decay, rescale) in rescale {
            if decay.is_far(now) {
                let factor = decay.discount(now);
                for candidate in &mut self.candidates {
                    rescale(&mut candidate.sums, factor);
                }
                decay.move_to(now);
            }
        }
        self.decays.discount(now)
    }
}

// === impl Next ===

impl Next {
    fn add(&mut self, index: usize, worth: f64) {
        let better = |than: Option<(usize, f64)>| than.is_none_or(|(_, other)| worth < other);
        if better(self.0[0]) {
            self.0 = [Some((index, worth)), self.0[0]];
        } else if better(self.0[1]) {
            self.0[1] = Some((index, worth));
        }
    }

    fn but(&self, index: usize) -> Option<f64> {
        let other = self.0.iter().flatten().find(|(other, _)| *other != index);
        other.map(|(_, worth)| *worth)
    }
}

// === impl Pass ===

impl Pass {
    /// Ranks a candidate where it belongs; true if it may be chosen.
    fn add(
        &mut self,
        candidate: &mut Candidate,
        this: Best,
        now: f64,
        is_incumbent: bool,
        may_risk: bool,
    ) -> bool {
        if candidate.breaker.is_up() {
            self.rank(this, is_incumbent);
            return true;
        }
        let until = candidate.breaker.out_until();
        if self.last.is_none_or(|(other, _)| until < other) {
            self.last = Some((until, this));
        }
        let admitted = candidate.breaker.admits(now);
        if admitted && candidate.breaker.health(now) != Health::HalfOpen {
            self.rank(this, is_incumbent);
        } else if admitted && may_risk && this.beats(self.probe) {
            self.probe = Some(this);
        }
        admitted
    }

    fn rank(&mut self, this: Best, is_incumbent: bool) {
        if this.beats(self.best) {
            self.best = Some(this);
        }
        if is_incumbent {
            self.incumbent = Some(this);
        }
    }
}

// === impl Best ===

impl Best {
    /// Whether it is better. One with a known price always is better than one without.
    fn beats(self, other: Option<Self>) -> bool {
        other.is_none_or(|other| match (self.unknown, other.unknown) {
            (false, true) => true,
            (true, false) => false,
            _ => self.score < other.score,
        })
    }

    fn choice(self, reason: Reason) -> Choice {
        Choice {
            index: self.index,
            reason,
            score: self.score,
        }
    }
}

// === impl Filters ===

impl super::ask::Filters {
    /// A price that is not known is not below a limit.
    pub(super) fn pass(&self, cost: Option<f64>, estimate: &Estimate) -> bool {
        self.min_quality
            .is_none_or(|least| estimate.quality >= least)
            && self.max_latency.is_none_or(|most| estimate.latency <= most)
            && self
                .max_price
                .is_none_or(|most| cost.is_some_and(|cost| cost <= most))
    }
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
