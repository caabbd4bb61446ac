//! Fields that are not in the key, and that an upstream copies into its response.

use scrimp_tests::{Fields, Rig, layer};

/// Sends a poisoned request first; all other clients must get the same as without it.
async fn is_harmless(field: (&'static str, &str)) {
    let rig = Rig::reflecting(layer(&[]));
    let poisoned = rig.ask("GET", "/", &[field]).await;
    assert!(
        poisoned.text().contains("evil"),
        "the upstream reflects {field:?}"
    );
    let next = rig.get("/").await;
    assert!(!next.is_hit(), "{field:?}");
    assert!(!next.text().contains("evil"), "{field:?}");
}

#[tokio::test]
async fn claims_about_host_scheme_and_path_reach_no_other_client() {
    for name in [
        "forwarded",
        "x-forwarded-host",
        "x-forwarded-path",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-proto",
        "x-forwarded-scheme",
        "x-forwarded-server",
        "x-forwarded-ssl",
        "x-host",
        "x-http-host-override",
        "x-original-host",
    ] {
        let value = if name == "forwarded" {
            "for=1;host=evil"
        } else {
            "evil"
        };
        is_harmless((name, value)).await;
    }
}

#[tokio::test]
async fn a_response_to_a_field_with_another_path_or_method_is_not_stored() {
    for name in [
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-uri",
        "x-original-url",
        "x-rewrite-url",
    ] {
        is_harmless((name, "/evil")).await;
    }
}

#[tokio::test]
async fn a_poisoned_request_is_not_answered_from_store_either() {
    let rig = Rig::reflecting(layer(&[]));
    rig.get("/").await;
    for fields in [
        [("x-original-url", "/admin")],
        [("x-forwarded-host", "evil")],
    ] {
        assert!(!rig.ask("GET", "/", &fields).await.is_hit(), "{fields:?}");
    }
    assert!(rig.get("/").await.is_hit(), "and affects no other client");
}

#[tokio::test]
async fn addresses_of_clients_do_not_separate_stored_responses() {
    let rig = Rig::reflecting(layer(&[]));
    let from = |address: &'static str| -> [(&'static str, &str); 2] {
        [("x-forwarded-for", address), ("x-real-ip", address)]
    };
    rig.ask("GET", "/", &from("10.0.0.1")).await;
    assert!(rig.ask("GET", "/", &from("10.0.0.2")).await.is_hit());
}

#[tokio::test]
async fn a_rule_keeps_values_of_an_application_field_apart() {
    let evil: Fields<'_> = &[("x-theme", "evil")];
    let rig = Rig::reflecting(layer(&["path=/** header=x-theme"]));
    rig.ask("GET", "/", evil).await;
    assert!(!rig.get("/").await.text().contains("evil"));
}

#[tokio::test]
async fn several_lines_of_one_field_are_not_taken_for_the_first() {
    let rig = Rig::reflecting(layer(&[]));
    let one: Fields<'_> = &[("x-forwarded-host", "shop.example")];
    let two: Fields<'_> = &[
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-host", "evil"),
    ];
    rig.ask("GET", "/", two).await;
    assert!(!rig.ask("GET", "/", one).await.text().contains("evil"));
}
