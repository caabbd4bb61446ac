//! Hits that are compared with the upstream, within a price per hour.

use crate::common;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use common::{Rig, layer, reply};
use scrimp_cache::{CacheLayer, CacheLayerBuilder, Invalidation, MemoryStore};
use scrimp_core::Ledger;
use scrimp_testkit::Reply;

/// A document with a version.
#[derive(Clone, Default)]
struct Document(Arc<AtomicUsize>);

impl Document {
    fn change(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    fn reply(&self, validates: bool, condition: bool) -> Reply {
        let version = self.0.load(SeqCst);
        let tag = format!("\"{version}\"");
        let mut fields = vec![("cache-control", "max-age=36000")];
        if validates {
            fields.push(("etag", &tag));
        }
        match condition && version == 0 {
            true => reply(304, &fields, ""),
            false => reply(200, &fields, &format!("version {version}")),
        }
    }

    /// Returns a cache over it, whose responses have a validator or none.
    fn cached(&self, layer: CacheLayerBuilder, validates: bool) -> Rig {
        let document = self.clone();
        Rig::answering(layer, move |parts| {
            document.reply(validates, parts.headers.contains_key("if-none-match"))
        })
    }
}

/// Lets tasks in the background end.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_hour_has_comparisons_for_its_price_and_none_beyond() {
    let ledger = Ledger::new();
    let document = Document::default();
    let layer = layer()
        .price("0.03")
        .monitor(1, "0.10")
        .ledger(ledger.clone());
    let rig = document.cached(layer, false);
    rig.get("/").await;
    for hour in 1..=2 {
        for _ in 0..300 {
            assert!(rig.get("/").await.is_hit());
            settle().await;
        }
        assert_eq!(rig.upstream.calls(), 1 + 3 * hour);
        assert_eq!(rig.layer.stats().compared, 3 * hour as u64);
        rig.wait(3_600);
    }
    let line = |layer| {
        let line = ledger.lines().into_iter().find(|line| line.layer == layer);
        line.expect("a line")
    };
    assert_eq!(line("cache-monitor").spent.to_string(), "$0.18");
    // The totals count each call once.
    assert_eq!(line("cache").spent.to_string(), "$0.21");
    assert_eq!(ledger.totals().calls_made, 7);
    assert_eq!(rig.layer.stats().stale_reads, 0);
}

#[tokio::test]
async fn a_hit_that_the_upstream_has_replaced_is_a_stale_read_and_leaves_the_store() {
    for validates in [true, false] {
        let document = Document::default();
        let layer = layer().price("0.001").monitor(1, "1");
        let rig = document.cached(layer, validates);
        rig.get("/").await;
        rig.wait(5);
        assert_eq!(rig.get("/").await.text(), "version 0");
        settle().await;
        let stats = rig.layer.stats();
        assert_eq!((stats.compared, stats.stale_reads), (1, 0), "{validates}");
        rig.wait(7);
        document.change();
        // No caller waits for a comparison.
        assert_eq!(rig.get("/").await.text(), "version 0");
        settle().await;
        let stats = rig.layer.stats();
        assert_eq!((stats.compared, stats.stale_reads), (2, 1), "{validates}");
        assert_eq!(stats.stale_ms, 7_000, "since the last comparison");
        assert_eq!(rig.get("/").await.text(), "version 1");
    }
}

#[tokio::test]
async fn a_response_that_is_purged_meanwhile_is_no_stale_read() {
    let document = Document::default();
    let rig = document.cached(layer().price("0.001").monitor(1, "1"), false);
    rig.get("/").await;
    rig.get("/").await;
    // Before the comparison has its answer.
    document.change();
    rig.layer
        .invalidator()
        .invalidate(&Invalidation::everything());
    settle().await;
    let stats = rig.layer.stats();
    assert_eq!((stats.compared, stats.stale_reads), (0, 0));
}

#[tokio::test]
async fn without_the_setting_no_hit_is_compared() {
    let document = Document::default();
    let rig = document.cached(layer().price("0.001"), false);
    rig.get("/").await;
    for _ in 0..100 {
        assert!(rig.get("/").await.is_hit());
        settle().await;
    }
    assert_eq!((rig.upstream.calls(), rig.layer.stats().compared), (1, 0));
}

#[test]
fn a_monitor_needs_a_price_in_its_currency() {
    let builder = || CacheLayer::builder(MemoryStore::new(1 << 20));
    let error = |builder: CacheLayerBuilder| builder.build().unwrap_err().to_string();
    assert!(error(builder().monitor(1, "0.10")).contains("`price` above zero"));
    let other = builder().price("0.01 EUR").monitor(1, "0.10");
    assert!(error(other).contains("`monitor` must be used with a `price`"));
    assert!(error(builder().price("0.01").monitor(0, "0.10")).contains("`monitor`"));
    assert!(error(builder().price("0.01").monitor(1, "-1")).contains("`monitor`"));
    assert!(error(builder().price("0.01").monitor(1, "much")).contains("such as 0.10"));
    assert!(builder().price("0.01").monitor(1, "0").build().is_ok());
}
