//! The model: contexts of several orders, mixed.

mod context;
mod float;
mod index;
mod mixer;
mod paths;
mod popular;
mod table;
mod weigh;

use std::fmt;

use scrimp_core::{SettingError, Settings};

use self::{
    context::{Contexts, EXPERTS, Expert, context, contexts},
    mixer::Mixer,
    paths::Paths,
    popular::Popular,
    table::{Slot, Table},
    weigh::Weighed,
};
use super::{Next, Prediction, Predictor, Visit};
use crate::{ItemId, Trail};

/// The name of the built type, for errors.
const OWNER: &str = "MarkovPredictor";

/// Predictions for one request.
const MOST: usize = 8;

/// Items of a session that are counted together with a new one.
const TOGETHER: usize = 4;

/// Items to one page whose path is known.
const PAGES: usize = 4;

/// Class of predictions of paths, which are calibrated apart.
const PATHS: u16 = 1;

/// Weights are learned from one of this many new items. More often, they are no better.
const EACH: u64 = 6;

/// A variable-order Markov model, which learns as it goes.
///
/// It predicts items that are new to a session: what a session has asked for already is in the cache. Its
/// experts are contexts: the last item, the last two and three, those before the last, the first, the set of all
/// items, repetitions, the length of the session, items that come together in either order, and popularity. Each counts what new item followed it, and backs off to a shorter context where it has seen
/// little (Witten and Bell's escape, as in PPM). The probabilities are multiplied, with weights that are
/// learned and depend on how much an expert has seen, and on the length of the session.
///
/// It also learns which parts of paths are parameters, so that what follows `/products/17` is expected after
/// `/products/18`, which was never asked for, with the values that the session's last pages had. These predictions are
/// calibrated apart. The text around the values must have come from two sessions.
///
/// Its memory is taken at once and never grows: 154 bytes a context and 105 an item. Counts are halved from time
/// to time, so it follows what changes.
pub struct MarkovPredictor {
    table: Table,
    popular: Popular,
    mixer: Mixer<EXPERTS>,
    paths: Paths,
    weighed: Box<Weighed>,
    learned: u64,
}

/// Settings of a [`MarkovPredictor`].
#[derive(Debug, Clone)]
#[must_use]
pub struct MarkovPredictorBuilder(Settings<Sizes>);

#[derive(Debug, Clone, Copy)]
struct Sizes {
    contexts: usize,
    items: usize,
}

// === impl MarkovPredictor ===

impl Default for MarkovPredictor {
    fn default() -> Self {
        Self::new()
    }
}

impl MarkovPredictor {
    /// Returns a model with room for 65,536 contexts and 16,384 items: 12 MB.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Sizes::default())
    }

    /// Starts a model with other sizes.
    pub fn builder() -> MarkovPredictorBuilder {
        MarkovPredictorBuilder(Settings::new(OWNER, Sizes::default()))
    }

    fn of(sizes: Sizes) -> Self {
        Self {
            table: Table::new(sizes.contexts),
            popular: Popular::new(sizes.items),
            mixer: Mixer::new(),
            paths: Paths::new(sizes.items / PAGES),
            weighed: Box::default(),
            learned: 0,
        }
    }

    /// Returns the memory of the model, in bytes. It never changes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let tables = self.table.bytes() + self.popular.bytes() + self.paths.bytes();
        tables + size_of::<Weighed>() + size_of::<Self>()
    }

    /// Learns the weights of the experts from what came.
    fn mix(&mut self, trail: &Trail, known: (&Contexts, &[Slot; EXPERTS]), item: u32) {
        let is_due = self.learned.is_multiple_of(EACH);
        self.learned += 1;
        if is_due {
            self.weigh(trail, known);
            let surprise = self.weighed.surprise(item);
            let (seen, shape) = (self.weighed.seen(), self.weighed.shape());
            self.mixer.learn(seen, shape, &surprise);
        }
    }

    /// Weighs what a session may ask for next.
    fn weigh(&mut self, trail: &Trail, (contexts, slots): (&Contexts, &[Slot; EXPERTS])) {
        let table = &self.table;
        let nodes = slots.map(|slot| table.node(slot));
        self.weighed
            .weigh(&nodes, contexts, &self.popular, &self.mixer, trail);
    }

    /// Counts an item that is new to a session.
    fn count(
        &mut self,
        trail: &Trail,
        (contexts, slots): (&Contexts, &[Slot; EXPERTS]),
        item: u32,
    ) {
        let counted = contexts.counted().chain([Expert::Any]);
        for expert in counted {
            self.table.count(slots[expert as usize], item);
        }
        let own = self.table.find(context(Expert::Together, item));
        for other in trail.seen().take(TOGETHER) {
            let other = other.get();
            self.table.add(context(Expert::Together, other), item);
            self.table.count(own, other);
        }
        self.popular.add(item);
    }
}

impl Predictor for MarkovPredictor {
    fn observe(&mut self, trail: &Trail, next: &Visit<'_>) {
        let template = self.paths.learn(trail, next);
        let Some(last) = trail.recent(0) else {
            return;
        };
        if last == next.item {
            return;
        }
        let item = next.item.get();
        if trail.has_seen(next.item) {
            self.table.add(context(Expert::Any, last.get()), item);
            return;
        }
        let contexts = contexts(trail);
        let slots = self.table.find_all(&contexts.hashes);
        self.mix(trail, (&contexts, &slots), item);
        self.count(trail, (&contexts, &slots), item);
        if let Some(since) = next.since {
            self.popular.stayed(last.get(), since);
            if let Some(template) = template {
                self.popular.stayed(template, since);
            }
        }
    }

    fn predict(&mut self, trail: &Trail, last: &Visit<'_>, predictions: &mut Vec<Prediction>) {
        let contexts = contexts(trail);
        let slots = self.table.find_all(&contexts.hashes);
        self.weigh(trail, (&contexts, &slots));
        let delay = self.popular.stay(last.item.get());
        for (item, probability) in self.weighed.best::<MOST>() {
            if let Some(item) = ItemId::new(item) {
                let next = Next::Item(item);
                predictions.push(Prediction::new(next, f64::from(probability), delay));
            }
        }
        let (template, paths) = self.paths.expect(trail);
        let delay = self.popular.stay(template);
        for expected in paths.into_iter().flatten() {
            let next = Next::Path(expected.path);
            let prediction = Prediction::new(next, expected.confidence, delay);
            predictions.push(prediction.class(PATHS));
        }
        // Where both predict the same, the more confident one counts.
        predictions.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    }

    fn forget(&mut self, session: u64) {
        self.paths.forget(session);
    }

    fn is_quick(&self) -> bool {
        true
    }
}

impl fmt::Debug for MarkovPredictor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MarkovPredictor")
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

// === impl MarkovPredictorBuilder ===

impl MarkovPredictorBuilder {
    /// Sets how many contexts are known. Default: 65,536. Range: 64 to 2²⁴.
    pub fn contexts(self, count: usize) -> Self {
        let set = |sizes: &mut Sizes, count| sizes.contexts = count;
        Self(self.0.within("contexts", count, 64..=1 << 24, set))
    }

    /// Sets how many items have a popularity of their own. Default: 16,384. Range: 64 to 2²⁴.
    pub fn items(self, count: usize) -> Self {
        let set = |sizes: &mut Sizes, count| sizes.items = count;
        Self(self.0.within("items", count, 64..=1 << 24, set))
    }

    /// Builds the model.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range. The error names the first one.
    pub fn build(self) -> Result<MarkovPredictor, SettingError> {
        Ok(MarkovPredictor::of(self.0.finish()?))
    }
}

// === impl Sizes ===

impl Default for Sizes {
    fn default() -> Self {
        Self {
            contexts: 1 << 16,
            items: 1 << 14,
        }
    }
}
