//! A subscriber that records spans.

use std::{fmt, sync::Arc};

use parking_lot::Mutex;
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

/// The spans of a test's thread, in the order in which they were opened.
#[derive(Clone, Default)]
pub struct Spans(Arc<Mutex<Vec<Seen>>>);

/// A span that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    id: Id,
    /// Its field `work`, or its name without one.
    pub name: String,
    /// Name of its parent.
    pub parent: Option<String>,
    /// Names of the spans that it follows from.
    pub causes: Vec<String>,
    /// True until all that hold it are gone.
    pub open: bool,
}

struct Work(Option<String>);

// === impl Spans ===

impl Spans {
    /// Records for as long as the guard is held.
    #[must_use]
    pub fn record() -> (Self, DefaultGuard) {
        let spans = Self::default();
        let subscriber = tracing_subscriber::registry().with(spans.clone());
        let guard = scrimp_testkit::listen(subscriber);
        (spans, guard)
    }

    /// Returns the last span of this name.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn last(&self, name: &str) -> Seen {
        let spans = self.0.lock();
        let found = spans.iter().rfind(|seen| seen.name == name);
        found
            .cloned()
            .unwrap_or_else(|| panic!("no span {name} among {spans:?}"))
    }

    /// Returns the number of spans of this name.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        let spans = self.0.lock();
        spans.iter().filter(|seen| seen.name == name).count()
    }

    /// Returns the number of spans of this name that are open.
    #[must_use]
    pub fn open(&self, name: &str) -> usize {
        let spans = self.0.lock();
        let named = spans.iter().filter(|seen| seen.name == name);
        named.filter(|seen| seen.open).count()
    }

    fn name(&self, id: &Id) -> Option<String> {
        let spans = self.0.lock();
        let found = spans.iter().rev().find(|seen| seen.id == *id);
        found.map(|seen| seen.name.clone())
    }

    fn change(&self, id: &Id, change: impl FnOnce(&mut Seen)) {
        let mut spans = self.0.lock();
        // Ids are used again, so the last one counts.
        if let Some(seen) = spans.iter_mut().rev().find(|seen| seen.id == *id) {
            change(seen);
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut work = Work(None);
        attributes.record(&mut work);
        let name = attributes.metadata().name().to_owned();
        let parent = context.span(id).and_then(|span| span.parent());
        let parent = parent.and_then(|parent| self.name(&parent.id()));
        self.0.lock().push(Seen {
            id: id.clone(),
            name: work.0.unwrap_or(name),
            parent,
            causes: Vec::new(),
            open: true,
        });
    }

    fn on_follows_from(&self, id: &Id, cause: &Id, _: Context<'_, S>) {
        let cause = self.name(cause).unwrap_or_default();
        self.change(id, |seen| seen.causes.push(cause));
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.change(&id, |seen| seen.open = false);
    }
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.lock().fmt(f)
    }
}

// === impl Work ===

impl Visit for Work {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "work" {
            self.0 = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
