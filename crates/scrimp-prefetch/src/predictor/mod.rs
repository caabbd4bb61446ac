//! Predictors: what a session will ask for next.

pub(crate) mod markov;
mod rules;

use std::{fmt, time::Duration};

use http::Uri;

pub use self::{
    markov::{MarkovPredictor, MarkovPredictorBuilder},
    rules::RulePredictor,
};
use crate::{ItemId, Trail};

/// Predicts what a session will ask for next, and learns from what it does.
///
/// Predictors run behind the requests, never in their way. One that is slow makes predictions late, and
/// events that do not fit into the queue meanwhile are not learned. One that panics makes no prediction
/// for the request, and is asked again for the next one.
///
/// A confidence need not be right: the layer compares what was predicted with what came, and acts upon
/// the [calibrated](crate::Calibration) value.
pub trait Predictor: fmt::Debug + Send + 'static {
    /// Learns that a session asks for something, after all that is on its trail.
    fn observe(&mut self, trail: &Trail, next: &Visit<'_>);

    /// Adds predictions of what the session will ask for, after it has asked for `last`, which is on its
    /// trail.
    fn predict(&mut self, trail: &Trail, last: &Visit<'_>, predictions: &mut Vec<Prediction>);

    /// Forgets what it keeps of a session, by its [number](Visit::session): an operator erases the data of a person.
    /// What it has counted of many sessions may stay, as far as it holds no text that only this one has shown.
    /// Default: nothing is kept of one session.
    fn forget(&mut self, session: u64) {
        let _ = session;
    }

    /// Reports whether its confidences are declared: then they count from the beginning. Nothing is fetched upon
    /// others before outcomes have shown how often they are right, which costs nothing. Default: false.
    fn is_declared(&self) -> bool {
        false
    }

    /// Reports whether it takes microseconds only. Others run on the threads for blocking work. Default:
    /// false.
    fn is_quick(&self) -> bool {
        false
    }
}

/// One request of a session.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Visit<'a> {
    /// Identity of the target.
    pub item: ItemId,
    /// The target.
    pub uri: &'a Uri,
    /// Time since the request of the session before it. `None` for the first one.
    pub since: Option<Duration>,
    /// Number of the session, without a meaning of its own. 0 if it is not known.
    pub session: u64,
}

/// A request that is expected.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Prediction {
    /// The target that will be asked for.
    pub next: Next,
    /// Probability, in the opinion of the predictor.
    pub confidence: f64,
    /// Time until it is asked for.
    pub delay: Duration,
    /// Predictions of one class are calibrated together, apart from those of others.
    pub class: u16,
}

/// The target of a prediction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A target that was seen before.
    Item(ItemId),
    /// A path with its query, on the host of the last request. It may never have been asked for.
    Path(String),
}

// === impl Visit ===

impl<'a> Visit<'a> {
    /// Makes a visit of a session that is not known.
    #[must_use]
    pub const fn new(item: ItemId, uri: &'a Uri, since: Option<Duration>) -> Self {
        Self {
            item,
            uri,
            since,
            session: 0,
        }
    }

    /// Sets the number of the session.
    #[must_use]
    pub const fn session(mut self, session: u64) -> Self {
        self.session = session;
        self
    }
}

// === impl Prediction ===

impl Prediction {
    /// Makes a prediction of class 0.
    #[must_use]
    pub const fn new(next: Next, confidence: f64, delay: Duration) -> Self {
        Self {
            next,
            confidence,
            delay,
            class: 0,
        }
    }

    /// Sets the class.
    #[must_use]
    pub fn class(mut self, class: u16) -> Self {
        self.class = class;
        self
    }
}
