//! Parameters that the upstream reads and the cache does not.

use scrimp_tests::{Rig, layer};

const RULE: &str = "path=/** query=category ttl=1m";

#[tokio::test]
async fn a_chosen_parameter_cannot_be_cloaked_from_the_key() {
    for uri in [
        "/p?utm=x;category=evil",
        "/p?utm=x&categor%79=evil",
        "/p?utm=%&category=evil",
        "/p?utm=x&category[]=evil",
        "/p?utm=x&category%5B%5D=evil",
        "/p?utm=x&category%00=evil",
        "/p?utm=x&Category=evil",
        "/p?utm=x&%20category=evil",
        "/p?utm=x&+category=evil",
        "/p?category=evil",
        "/p?category=evil&category=a",
        "/p?category=a&category=evil",
        "/p?category=a%26category=evil",
    ] {
        let rig = Rig::reflecting(layer(&[RULE]));
        rig.get(uri).await;
        for honest in ["/p", "/p?utm=x", "/p?category=a", "/p?utm=x&category=a"] {
            let answer = rig.get(honest).await;
            assert!(!answer.text().contains("evil"), "{uri} then {honest}");
        }
    }
}

#[tokio::test]
async fn parameters_that_a_rule_leaves_out_do_not_count() {
    let rig = Rig::reflecting(layer(&[RULE]));
    rig.get("/p?category=a&utm=1").await;
    assert!(rig.get("/p?utm=2&category=a").await.is_hit());
}

#[tokio::test]
async fn without_a_rule_every_parameter_counts_as_it_is() {
    let rig = Rig::reflecting(layer(&[]));
    rig.get("/p?a=1&utm=evil").await;
    for other in [
        "/p?a=1",
        "/p?a=1&utm=",
        "/p?utm=evil&a=1",
        "/p?a=1;utm=evil",
    ] {
        assert!(!rig.get(other).await.is_hit(), "{other}");
    }
}

#[tokio::test]
async fn the_order_of_repeated_values_counts() {
    // Some upstreams use the first, others the last.
    let rig = Rig::reflecting(layer(&[RULE]));
    rig.get("/p?category=a&category=b").await;
    assert!(!rig.get("/p?category=b&category=a").await.is_hit());
}
