//! From scores to a choice.

use super::{
    choice::{Choice, NoCandidate, Reason},
    explore::Find,
    pass::Pass,
    router::Router,
    score::Formula,
};

// === impl Router ===

impl Router {
    /// Decides by the result of one pass over all candidates.
    pub(super) fn decide(
        &mut self,
        now: f64,
        formula: &Formula,
        kind: usize,
        pass: &Pass,
    ) -> Result<Choice, NoCandidate> {
        let Some(best) = pass.best else {
            // A candidate that is out is better than none: at worst it fails.
            let (best, reason) = match (pass.probe, pass.last) {
                (Some(probe), _) => (probe, Reason::Probed),
                (None, Some((_, last))) => (last, Reason::LastLeft),
                (None, None) if pass.seen => return Err(NoCandidate::NoneGoodEnough),
                (None, None) => return Err(NoCandidate::NoneLeft),
            };
            return Ok(best.choice(reason, formula));
        };
        if let Some(find) = pass.find.filter(|find| find.index != best.index) {
            if self.exploration.take(find.dollars, now) {
                return Ok(self.try_out(find, formula));
            }
            self.exploration.found_none(now);
        }
        if let Some(probe) = pass.probe
            && probe.beats(Some(best))
        {
            return Ok(probe.choice(Reason::Probed, formula));
        }
        if let Some(incumbent) = pass.incumbent
            && incumbent.index != best.index
            && incumbent.unknown == best.unknown
            && best.score >= formula.better_by(incumbent.score, self.rules.hysteresis)
        {
            return Ok(incumbent.choice(Reason::Kept, formula));
        }
        // A substitute for a candidate that was tried or is full is not remembered.
        if pass.may_settle {
            self.settle(kind, best.index);
        }
        Ok(best.choice(Reason::Best, formula))
    }

    /// Remembers the choice, unless the candidate is only on its way back.
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

    fn try_out(&mut self, find: Find, formula: &Formula) -> Choice {
        let candidate = &mut self.candidates[find.index];
        candidate.try_out();
        let reason = if candidate.breaker.is_up() {
            Reason::Explored
        } else {
            Reason::Probed
        };
        Choice {
            index: find.index,
            reason,
            score: formula.scored(find.hope),
        }
    }
}
