//! A subscriber that hears every span and event, at every level: of all crates, or of ours alone.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

#[derive(Clone, Default)]
pub(super) struct Ear {
    lines: Arc<Mutex<Vec<String>>>,
    spans: Arc<AtomicU64>,
    /// Beginning of the targets that it hears.
    target: &'static str,
}

struct Line(String);

impl Ear {
    /// Returns one that does not hear what HTTP libraries trace of the bytes that they send.
    pub(super) fn of_ours() -> Self {
        Self {
            target: "scrimp",
            ..Self::default()
        }
    }

    pub(super) fn heard(&self) -> Vec<String> {
        self.lines.lock().clone()
    }

    fn note(&self, name: &str, record: impl FnOnce(&mut Line)) {
        let mut line = Line(name.to_owned());
        record(&mut line);
        self.lines.lock().push(line.0);
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {field}={value:?}"));
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(self.target)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.note(span.metadata().name(), |line| span.record(line));
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.note("record", |line| values.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.note(event.metadata().name(), |line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
