//! An operator's bounds on the use of a stored response.

use std::time::Duration;

use super::{
    freshness::{Grace, Policy, Source},
    judge::Span,
};

// === impl Policy ===

impl Policy {
    /// Takes back a lifetime that is a guess.
    pub(crate) fn without_heuristics(&mut self) {
        if self.source == Source::Heuristic {
            (self.lifetime, self.source) = (Span::ZERO, Source::None);
        }
    }

    /// Replaces an operator's lifetime by another one.
    pub(crate) fn set_lifetime(&mut self, lifetime: Duration) {
        self.lifetime = lifetime.into();
    }

    /// Cuts a random part off the lifetime, at most this many thousandths.
    pub(crate) fn jitter(&mut self, thousandths: u16) {
        if thousandths > 0 {
            self.bound(None, None, chance(thousandths));
        }
    }

    /// Applies an operator's bounds to the lifetime, and the jitter that `chance` (0 to 1)
    /// selects.
    pub(crate) fn bound(&mut self, min: Option<Duration>, max: Option<Duration>, cut: f64) {
        let lifetime = match self.lifetime() {
            // An infinite lifetime stays infinite: a part of it would have no meaning.
            Duration::MAX => Duration::MAX,
            lifetime => lifetime.mul_f64((1.0 - cut).clamp(0.0, 1.0)),
        };
        let lifetime = max.map_or(lifetime, |max| lifetime.min(max));
        self.lifetime = min.map_or(lifetime, |min| lifetime.max(min)).into();
    }

    /// Ends every use at this age.
    pub(crate) fn retain(&mut self, most: Duration) {
        let lifetime = self.lifetime().min(most);
        self.lifetime = lifetime.into();
        let rest = most - lifetime;
        let grace = self.grace();
        self.grace = Grace {
            while_revalidate: grace.while_revalidate.min(rest),
            if_error: grace.if_error.map(|time| time.min(rest)),
        }
        .boxed();
    }

    /// Lets the response stand in for a failing upstream for at least this long.
    pub(crate) fn fail_safe(&mut self, window: Duration) {
        let grace = self.grace();
        let if_error = grace.if_error.map_or(window, |present| present.max(window));
        self.grace = Grace {
            if_error: Some(if_error),
            ..grace
        }
        .boxed();
    }
}

/// Returns a random part of a lifetime, at most this many thousandths.
pub(crate) fn chance(thousandths: u16) -> f64 {
    fastrand::f64() * f64::from(thousandths) / 1000.0
}
