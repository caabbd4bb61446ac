//! The end of work in the background.

use std::{fmt, sync::LazyLock};

use tokio::sync::watch;
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// Names of the work whose spans have ended. A span is exported when it ends, so a program that is about to
/// leave waits for those that it wants to see.
static ENDED: LazyLock<watch::Sender<Vec<String>>> =
    LazyLock::new(|| watch::Sender::new(Vec::new()));

/// Notes the end of work in the background.
pub(crate) struct Background;

/// Name of the work that a span is for.
struct Work(String);

// === impl Background ===

impl Background {
    /// Waits until work of each of these names has ended.
    pub(crate) async fn ended(names: &[&str]) {
        let all = |ended: &Vec<String>| names.iter().all(|name| ended.iter().any(|it| it == name));
        let mut ended = ENDED.subscribe();
        let _ = ended.wait_for(all).await;
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Background {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().target() == "scrimp::background"
            && let Some(span) = context.span(id)
        {
            let mut work = Work(String::new());
            attributes.record(&mut work);
            span.extensions_mut().insert(work);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if let Some(span) = context.span(&id)
            && let Some(Work(name)) = span.extensions_mut().remove()
        {
            ENDED.send_modify(|ended| ended.push(name));
        }
    }
}

// === impl Work ===

impl Visit for Work {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "work" {
            self.0 = value.to_owned();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
