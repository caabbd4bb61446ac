//! No-Vary-Search: parts of the query that do not change the answer.
#![cfg(feature = "no-vary-search")]

use crate::common;

use common::{Rig, layer, reply};

fn search(rules: &str) -> Rig {
    let layer = if rules.is_empty() {
        layer()
    } else {
        layer().rule(rules)
    };
    Rig::answering(layer, |parts| {
        let mut fields = vec![("cache-control", "max-age=60")];
        if parts.uri.path() == "/search" {
            fields.push(("no-vary-search", r#"key-order, params=("utm")"#));
        }
        reply(200, &fields, parts.uri.query().unwrap_or_default())
    })
}

#[tokio::test]
async fn once_a_path_has_shown_it_its_queries_are_compared_so() {
    let rig = search("");
    let shown = rig.get("/search?q=a").await;
    assert!(shown.cache_status().ends_with("detail=no-vary-search"));
    assert_eq!(
        rig.get("/search?q=a&p=1&utm=x").await.text(),
        "q=a&p=1&utm=x"
    );
    assert!(rig.get("/search?p=1&q=a&utm=y").await.is_hit());
    assert!(!rig.get("/search?p=2&q=a").await.is_hit());
    assert!(!rig.get("/other?q=a&utm=x").await.is_hit());
    assert!(!rig.get("/other?q=a&utm=y").await.is_hit());
}

#[tokio::test]
async fn a_rule_that_chooses_parameters_comes_first() {
    let rig = search("path=/search query=q");
    rig.get("/search?q=a").await;
    rig.get("/search?q=a").await;
    assert!(rig.get("/search?q=a&p=2").await.is_hit());
    assert_eq!(rig.upstream.calls(), 1);
}
