//! The settings of a layer and of a store in memory.

use crate::common;

use std::{error::Error, time::Duration};

use common::{minute, request};
use http_body_util::BodyExt;
use scrimp_cache::{
    CacheLayer, CacheLayerBuilder, Invalidation, MemoryStore, MemoryStoreBuilder, Rule, RuleError,
};
use scrimp_testkit::Scripted;
use tower::{Layer, ServiceExt};

/// Returns a builder with valid settings.
fn layer() -> CacheLayerBuilder {
    common::layer().rule("path=/a ttl=5m")
}

#[test]
fn a_setting_that_cannot_be_used_is_named_with_what_it_must_be() {
    type Wrong = fn(CacheLayerBuilder) -> CacheLayerBuilder;
    let cases: [(Wrong, &str); 9] = [
        (
            |layer| layer.rule("path=/a tll=5m"),
            "`rule` number 2 must be a rule such as `path=/items ttl=5m`: `tll=5m` means nothing in a rule",
        ),
        (
            |layer| layer.rule(Rule::builder().path("/a").jitter(101.0)),
            "`rule` number 2 must be a rule such as `path=/items ttl=5m`: a jitter is a percentage between 0 and 100",
        ),
        (
            |layer| layer.name(""),
            "`name` must be printable ASCII characters, at least one, not \"\"",
        ),
        (
            |layer| layer.name("edge\n1"),
            "`name` must be printable ASCII characters, at least one, not \"edge\\n1\"",
        ),
        (
            |layer| layer.targets(["CDN-Cache-Control", "two words"]),
            "`targets` must be names of header fields: invalid HTTP header name",
        ),
        (
            |layer| layer.tag_headers([""]),
            "`tag_headers` must be names of header fields: invalid HTTP header name",
        ),
        (
            |layer| layer.price("a cent"),
            "`price` must be an amount such as 0.01: ",
        ),
        (
            |layer| layer.store_timeout(Duration::ZERO),
            "`store_timeout` must be above 0ns, not 0ns",
        ),
        (
            |layer| layer.name("é").rule("").store_timeout(Duration::ZERO),
            "`name` must be printable ASCII characters, at least one, not \"é\"",
        ),
    ];
    for (set, expected) in cases {
        let error = set(layer()).build().unwrap_err();
        let expected = format!("CacheLayer: {expected}");
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert_eq!(error.owner(), "CacheLayer");
    }
}

#[test]
fn the_error_of_a_rule_is_the_source_of_the_layers_error() {
    let error = layer().rule("ttl=5").build().unwrap_err();
    assert_eq!(error.setting(), "rule");
    let source: Option<&RuleError> = error.source().and_then(|source| source.downcast_ref());
    assert!(source.is_some_and(|source| source.to_string().contains("not a duration")));
}

#[test]
fn a_store_that_cannot_be_as_it_is_wanted_says_so() {
    type Wrong = fn(MemoryStoreBuilder) -> MemoryStoreBuilder;
    let cases: [(Wrong, &str); 2] = [
        (
            |store| store.max_body(101),
            "MemoryStore: `max_body` must be at most 100, not 101",
        ),
        (
            |store| store.max_keys_per_tenant(0),
            "MemoryStore: `max_keys_per_tenant` must be at least 1, not 0",
        ),
    ];
    for (set, expected) in cases {
        let error = set(MemoryStore::builder(800)).build().unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let store = MemoryStore::builder(800).max_body(99).build().unwrap();
    assert_eq!(store.max_body_size(), 99);
    assert_eq!(MemoryStore::new(800).max_body_size(), 100);
}

#[test]
fn a_rule_is_taken_as_text_as_a_builder_or_as_a_rule() {
    let rule: Rule = "path=/a ttl=5m".parse().unwrap();
    let built = Rule::builder().path("/a").ttl(Duration::from_secs(300));
    let layer = common::layer()
        .rule("path=/a ttl=5m")
        .rule(built)
        .rule(rule);
    assert!(layer.build().is_ok());
}

#[tokio::test]
async fn handles_watch_all_services_made_of_a_layer_and_of_its_clones() {
    let layer = CacheLayer::new(MemoryStore::new(1 << 20));
    let (invalidator, admin) = (layer.invalidator(), layer.admin(|_| true));
    let (inner, upstream) = Scripted::answering(|_| minute("x"));
    let services = [
        layer.layer(inner.clone()),
        layer.clone().layer(inner.clone()),
        layer.clone().layer(inner),
    ];
    for (turn, service) in services.iter().enumerate() {
        let ask = async || {
            let answer = service.clone().oneshot(request("GET", "/", &[])).await;
            answer.unwrap().into_body().collect().await.unwrap();
        };
        ask().await;
        ask().await;
        let calls = turn as u64 + 1;
        assert_eq!((layer.stats().misses, layer.stats().hits), (calls, calls));
        assert_eq!(layer.clone().stats(), layer.stats());
        assert_eq!(upstream.calls(), turn + 1);
        invalidator.invalidate(&Invalidation::everything());
    }
    let stats = admin.oneshot(request("GET", "/stats", &[])).await.unwrap();
    let stats = stats.into_body().collect().await.unwrap().to_bytes();
    assert!(
        stats.starts_with(b"{\"requests\":6,\"calls\":3,"),
        "{stats:?}"
    );
    assert_eq!(layer.store().stats().entries, 1);
}

#[cfg(feature = "codec")]
mod journal {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use scrimp_cache::{Entry, FillToken, Journal, Lookup, MemoryBudget, Store};
    use scrimp_core::{BoxError, Key, KeyRef};

    use super::*;

    #[derive(Default)]
    struct Reads(AtomicUsize);

    impl Journal for Reads {
        fn read(&self) -> Result<Vec<u8>, BoxError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Vec::new())
        }
        fn append(&self, _: &[u8]) -> Result<(), BoxError> {
            Ok(())
        }
        fn replace(&self, _: &[u8]) -> Result<(), BoxError> {
            Ok(())
        }
    }

    #[derive(Clone)]
    struct Lasting(MemoryStore, Arc<Reads>);

    impl Store for Lasting {
        type Get = <MemoryStore as Store>::Get;
        type Put = <MemoryStore as Store>::Put;

        fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
            self.0.get(key)
        }
        fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
            self.0.put(key, entry, token)
        }
        fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
            self.0.remove(key, which);
        }
        fn budget(&self) -> &MemoryBudget {
            self.0.budget()
        }
        fn max_body(&self) -> u64 {
            self.0.max_body_size()
        }
        fn journal(&self) -> Option<Arc<dyn Journal>> {
            Some(Arc::clone(&self.1) as Arc<dyn Journal>)
        }
    }

    #[test]
    fn a_journal_is_read_once_when_the_layer_is_built() {
        let reads = Arc::new(Reads::default());
        let store = Lasting(MemoryStore::new(1 << 20), Arc::clone(&reads));
        let builder = CacheLayer::builder(store).name("edge");
        assert_eq!(reads.0.load(Ordering::Relaxed), 0);
        let layer = builder.build().unwrap();
        let (other, _) = (layer.clone(), layer.invalidator());
        let _ = (layer.layer(()), other.layer(()), other.admin(|_| true));
        assert_eq!(reads.0.load(Ordering::Relaxed), 1);
    }
}
