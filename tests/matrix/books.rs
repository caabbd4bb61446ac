//! Money in the layers' ledger, compared with the real calls.

use futures_util::future::join_all;
use scrimp::core::{Ledger, Line, Money};

use crate::{front::Front, order::Order};

/// Requests stored pages, unstored pages, and items of batches; each twice.
async fn traffic(front: &Front) {
    let page = |n| match n % 2 {
        0 => "/bytes/100",
        _ => "/live/7",
    };
    for _ in 0..2 {
        join_all((0..50).map(|n| front.get(page(n)))).await;
        let paths: Vec<_> = (0..20).map(|n| format!("/api/items/3{}", n % 10)).collect();
        join_all(paths.iter().map(|path| front.get(path))).await;
    }
}

fn line<'a>(lines: &'a [Line], layer: &str) -> &'a Line {
    let line = lines.iter().find(|line| line.layer == layer);
    line.unwrap_or_else(|| panic!("no line of {layer}: {lines:?}"))
}

#[tokio::test]
async fn every_layer_books_each_payment_once() {
    let price: Money = "0.001".parse().expect("an amount");
    for order in Order::sensible() {
        let ledger = Ledger::new();
        let front = Front::booked(&order, &ledger);
        traffic(&front).await;
        let calls = front.world.calls() as u64;
        let lines = ledger.lines();
        assert_eq!(line(&lines, "cost-route").calls_made, calls, "{front:?}");
        // The charge of a batch is split over its items, and each share passes all outer layers.
        for layer in ["cost-route", "coalesce", "cache"] {
            let spent = line(&lines, layer).spent;
            assert_eq!(spent, price * calls, "{front:?}: {layer}: {lines:?}");
        }
        let batch = line(&lines, "batch");
        assert_eq!((batch.calls_made, batch.spent), (1, price), "{front:?}");
        // Summed up over all layers, no call and no payment counts twice.
        let totals = ledger.totals();
        assert_eq!(totals.calls_made, calls, "{front:?}: {ledger}");
        assert_eq!(totals.spent, (price * calls).into(), "{front:?}: {ledger}");
        // Each of the 140 requests was made, shared, batched or answered from store.
        let avoided: u64 = lines.iter().map(|line| line.calls_avoided).sum();
        assert!(avoided + calls >= 140, "{front:?}: {lines:?}");
    }
}
