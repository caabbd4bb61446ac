//! Chooses among candidates.

use super::{
    ask::{Ask, Barred},
    candidate::Candidate,
    choice::{Choice, NoCandidate, Terms},
    config::RouterConfig,
    decay::{Decay, Decays, Discount},
    estimate::{Prior, duration},
    explore::{Exploration, Find, Gains},
    pass::{Best, Next, Pass, Weighed},
    rules::Rules,
    score::Formula,
    traffic::{TRUST, Traffic},
};
use scrimp_core::{Currency, Money, SettingError, extensions::Priority};
use tokio::time::Instant;

/// Number of kinds of requests, per priority, whose last choice is remembered.
const SIZES: usize = 32;
const KINDS: usize = 3 * SIZES;
/// Half-life, in seconds, of a provider's usual values.
const USUAL: f64 = 900.0;

/// Router that chooses among candidates, which it knows by index.
///
/// A router has no clock: its caller tells it the time.
#[derive(Debug)]
pub struct Router {
    pub(super) rules: Rules,
    /// Instant that times within count from, in seconds.
    start: Instant,
    pub(super) candidates: Vec<Candidate>,
    pub(super) decays: Decays,
    /// The last discount, and its time.
    pub(super) discounted: (f64, Discount),
    pub(super) traffic: Traffic,
    pub(super) exploration: Exploration,
    /// Candidate that was chosen last, by index and generation, for each kind of request.
    pub(super) incumbents: [Option<(usize, u64)>; KINDS],
    generations: u64,
    pub(super) switches: u64,
    /// Reused between decisions, for its memory only.
    weighed: Vec<Weighed>,
}

// === impl Router ===

impl Router {
    /// Makes a router without candidates. Later instants must not be before `start`.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range, or in a currency without an exchange rate.
    pub fn new(config: RouterConfig, start: Instant) -> Result<Self, SettingError> {
        let half_lives = [config.half_life, config.quality_half_life].map(|t| t.as_secs_f64());
        let rules = Rules::new(config)?;
        let decays = Decays::new(
            [half_lives[0], half_lives[1], USUAL].map(Decay::new),
            Decay::new(TRUST),
        );
        Ok(Self {
            discounted: (0.0, decays.discount(0.0)),
            decays,
            traffic: Traffic::default(),
            exploration: Exploration::new(rules.hourly),
            candidates: Vec::new(),
            incumbents: [None; KINDS],
            generations: 0,
            switches: 0,
            weighed: Vec::new(),
            rules,
            start,
        })
    }

    /// Returns a time on the router's own clock.
    pub(super) fn seconds(&self, now: Instant) -> f64 {
        now.saturating_duration_since(self.start).as_secs_f64()
    }

    /// Returns the instant of a time on the router's own clock.
    fn instant(&self, seconds: f64) -> Instant {
        let at = self.start.checked_add(duration(seconds));
        at.expect("candidates are out for an hour at most")
    }

    /// Adds a candidate after the last.
    pub fn add(&mut self, prior: Prior) {
        self.generations += 1;
        self.candidates
            .push(Candidate::new(prior, self.generations));
    }

    /// Removes a candidate; those behind it move up by one.
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

    /// Sets the assumptions about a candidate. Its observations stay.
    pub fn set_prior(&mut self, index: usize, prior: Prior) {
        self.candidates[index].sums.set_prior(prior);
    }

    /// Returns the number of switches between candidates, over all kinds of requests.
    #[must_use]
    #[cfg_attr(
        not(any(test, feature = "engine")),
        expect(dead_code, reason = "the simulation counts them")
    )]
    pub fn switches(&self) -> u64 {
        self.switches
    }

    /// Chooses a candidate. `cost` returns the cost of a call to a candidate, if known.
    ///
    /// # Errors
    ///
    /// If there is no candidate to choose.
    pub fn choose(
        &mut self,
        now: Instant,
        ask: &Ask,
        barred: &Barred,
        mut cost: impl FnMut(usize) -> Option<Money>,
    ) -> Result<Choice, NoCandidate> {
        let limits = ask.filters.limits(&self.rules.exchange)?;
        let now = self.seconds(now);
        let discount = self.discount(now);
        let formula = self.rules.formula(ask.priority);
        let kind = Self::kind(ask);
        let incumbent = self.incumbents[kind].filter(|_| !ask.apart);
        self.traffic.add(ask.priority, discount);
        self.exploration.request();
        let may_risk = ask.replayable && ask.priority != Priority::High;
        let exploring = may_risk && self.rules.explore && self.exploration.may_look(now);
        let mut weighed = std::mem::take(&mut self.weighed);
        weighed.clear();
        let mut next = Next::default();
        let mut pass = Pass {
            may_settle: !ask.apart,
            ..Pass::default()
        };
        for (index, candidate) in self.candidates.iter_mut().enumerate() {
            if barred.is_barred(index) {
                pass.may_settle &= incumbent != Some((index, candidate.generation));
                continue;
            }
            pass.seen = true;
            let cost = self.rules.dollars(cost(index));
            let mut expected = candidate.expected(now, discount);
            let wait = barred.wait(index);
            if wait > 0.0 {
                expected.latency += wait;
                // Others of its kind may find room.
                pass.may_settle &= incumbent != Some((index, candidate.generation));
            }
            if !limits.pass(cost, &expected) {
                continue;
            }
            if let Some(cost) = cost
                && ask.replayable
                && candidate.breaker.is_up()
            {
                next.add(index, formula.last(cost, &expected));
            }
            weighed.push(Weighed {
                index,
                cost,
                expected,
                admitted: false,
                waits: wait > 0.0,
            });
        }
        for one in &mut weighed {
            let candidate = &mut self.candidates[one.index];
            let cost = one.cost.unwrap_or(0.0);
            let this = Best {
                index: one.index,
                score: formula.score(cost, &one.expected, next.but(one.index)),
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

    /// Looks for a candidate that is worth exploring with this request.
    fn look(
        &mut self,
        now: f64,
        discount: Discount,
        weighed: &[Weighed],
        formula: &Formula,
        best: f64,
    ) -> Option<Find> {
        let gains = Gains::new(
            &self.rules,
            &self.traffic,
            discount,
            &self.candidates,
            weighed,
        );
        let mut found: Option<Find> = None;
        for one in weighed.iter().filter(|one| !one.waits) {
            let candidate = &self.candidates[one.index];
            let find = gains.find(now, candidate, one, formula, best);
            if let Some(find) = find.filter(|find| find.beats(found)) {
                found = Some(find);
            }
        }
        if found.is_none() {
            self.exploration.found_none(now);
        }
        found
    }

    fn kind(ask: &Ask) -> usize {
        ask.priority as usize * SIZES + (ask.kind % SIZES as u64) as usize
    }

    /// Returns the present terms of every candidate, in their order.
    pub fn terms(
        &self,
        now: Instant,
        ask: &Ask,
        barred: &Barred,
        mut cost: impl FnMut(usize) -> Option<Money>,
    ) -> Vec<Terms> {
        let limits = ask.filters.limits(&self.rules.exchange);
        let now = self.seconds(now);
        let formula = self.rules.formula(ask.priority);
        let discount = self.decays.discount(now);
        let mut next = Next::default();
        let mut weighed = Vec::with_capacity(self.candidates.len());
        for (index, candidate) in self.candidates.iter().enumerate() {
            let cost = cost(index);
            let cost = cost.and_then(|cost| self.rules.exchange.convert(cost, Currency::USD).ok());
            let price = cost.map(Money::as_f64);
            let mut expected = candidate.expected(now, discount);
            expected.latency += barred.wait(index);
            let good_enough = limits.is_ok_and(|limits| limits.pass(price, &expected));
            let eligible = good_enough && !barred.is_barred(index) && candidate.breaker.is_up();
            if let Some(price) = price
                && ask.replayable
                && eligible
            {
                next.add(index, formula.last(price, &expected));
            }
            weighed.push((cost, expected, good_enough));
        }
        let all = weighed.into_iter().zip(&self.candidates).enumerate();
        all.map(|(index, ((cost, expected, good_enough), candidate))| {
            let price = cost.map_or(0.0, Money::as_f64);
            let score = formula.score(price, &expected, next.but(index));
            Terms {
                cost,
                score: formula.scored(score),
                wait: duration(barred.wait(index)),
                health: candidate.breaker.health(now, |until| self.instant(until)),
                in_flight: candidate.flight.count(),
                estimate: candidate.expected(now, discount).into(),
                good_enough,
                barred: barred.is_barred(index),
            }
        })
        .collect()
    }

    /// Returns the number of calls to a candidate that are under way.
    #[must_use]
    pub fn in_flight(&self, index: usize) -> usize {
        self.candidates[index].flight.count()
    }
}
