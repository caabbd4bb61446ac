//! Tokens and the names in purges are in no log and no debug output.

use std::{fmt, sync::Arc};

use parking_lot::Mutex;
use scrimp_cache::Invalidation;
use scrimp_cdn::{CdnApi, CdnPurger, Cloudflare, Fastly};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use crate::rig::{
    Answer::{Panic, Status, Unreachable},
    Script, invalidate,
};

const TOKEN: &str = "s3cr3t-token";
const NAME: &str = "user:ann@example.com";

/// Keeps the text of all events and spans.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use std::fmt::Write;
        write!(self.0.lock(), "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

async fn log_of(api: impl CdnApi, log: &Log) {
    let script = Script::new([Status(403, &[]), Status(400, &[]), Unreachable, Panic]);
    let builder = CdnPurger::builder(api);
    record(log, &builder);
    let purger = builder.build(script.service()).unwrap();
    record(log, &purger);
    let url = "https://a.test/reset?token=s3cr3t-token".parse().unwrap();
    invalidate(&purger, &[Invalidation::tag(NAME), Invalidation::uri(url)]);
    purger.delivered().await;
    record(log, &purger.stats());
}

fn record(log: &Log, value: &dyn fmt::Debug) {
    use std::fmt::Write;
    write!(log.0.lock(), "{value:?} {value:#?}").unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_secret_and_no_name_is_written() {
    let log = Log::default();
    let _guard = scrimp_testkit::listen(log.clone());
    log_of(Fastly::new("s", TOKEN), &log).await;
    log_of(Cloudflare::new("z", TOKEN), &log).await;
    let text = log.0.lock().clone();
    assert!(
        text.contains("a purge was not accepted") && text.contains("Fastly"),
        "{text}"
    );
    for secret in [TOKEN, "s3cr3t", "ann"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test]
async fn a_token_that_no_field_can_hold_is_not_in_the_error() {
    for token in ["s3cr3t\n", ""] {
        let purger = CdnPurger::builder(Fastly::new("s", token));
        let error = purger
            .build(Script::default().service())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`token`") && !error.contains("s3cr3t"),
            "{error}"
        );
    }
}
