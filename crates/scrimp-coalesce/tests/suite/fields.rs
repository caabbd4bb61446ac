//! The request fields that are part of the key.

use crate::rig;

use std::iter::once;

use http::HeaderName;
use rig::{begun, fetch, get, over, with};
use scrimp_coalesce::{CoalesceLayer, Credentials};
use scrimp_http::{credentials::KNOWN, names::FieldNames, trace_fields::TRACE_FIELDS};
use scrimp_testkit::{Gate, Reply, ScriptedBody};

/// Counts the calls for one request without a field and two requests with it.
fn calls(layer: &CoalesceLayer, field: &str) -> usize {
    let gate = Gate::new();
    let (service, upstream) = over(layer, move |_| Reply::body(ScriptedBody::new()).gate(&gate));
    let name = HeaderName::from_bytes(field.as_bytes()).unwrap();
    let requests = once(None).chain(["1", "2"].map(Some)).map(|value| {
        let mut request = get("/");
        if let Some(value) = value {
            request.headers_mut().insert(&name, value.parse().unwrap());
        }
        begun(fetch(service.clone(), request))
    });
    let _under_way: Vec<_> = requests.collect();
    upstream.calls()
}

/// Returns every field of a list, in both spellings.
fn all(list: &FieldNames) -> impl Iterator<Item = String> {
    let begun = list.prefixes().iter().map(|prefix| format!("{prefix}x"));
    let names = list.names().iter().map(|&name| name.to_owned());
    names
        .chain(begun)
        .flat_map(|name| [name.replace('-', "_"), name])
}

#[tokio::test(start_paused = true)]
async fn requests_that_differ_in_a_trace_field_alone_share_a_call() {
    for field in all(&TRACE_FIELDS) {
        assert_eq!(calls(&CoalesceLayer::new(), &field), 1, "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_differ_in_a_credential_alone_do_not() {
    for field in all(&KNOWN) {
        assert_eq!(calls(&CoalesceLayer::new(), &field), 3, "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_client_tells_of_itself_is_no_part_of_a_key() {
    let fields = ["user-agent", "User_Agent", "sec-fetch-mode", "x-real-ip"];
    for field in fields {
        assert_eq!(calls(&CoalesceLayer::new(), field), 1, "{field}");
    }
    assert_eq!(calls(&CoalesceLayer::new(), "x-customer-tier"), 3);
}

#[tokio::test(start_paused = true)]
async fn the_operator_has_the_last_word_about_credentials() {
    let agent = HeaderName::from_static("user-agent");
    let tenant = HeaderName::from_static("x-tenant-id");
    let list = || {
        let list = Credentials::default().with(agent.clone());
        CoalesceLayer::builder()
            .credentials(list.without(&tenant))
            .build()
            .unwrap()
    };
    assert_eq!(
        calls(&list(), "user-agent"),
        3,
        "added, although it describes the client"
    );
    assert_eq!(calls(&list(), "x-tenant-id"), 1, "removed");
    assert_eq!(calls(&list(), "x_tenant_id"), 1, "removed");
    // A field that a custom list omits is an ordinary field.
    let own = || CoalesceLayer::builder().credentials([http::header::AUTHORIZATION]);
    assert_eq!(calls(&own().build().unwrap(), "cookie"), 3);
    let ignored = own().ignore_headers(["authorization"]).build().unwrap();
    assert_eq!(calls(&ignored, "authorization"), 1, "ignored");
}

/// Returns the number of calls for requests with these fields that are under way together.
fn calls_for<const N: usize>(layer: &CoalesceLayer, requests: [&[(&str, &str)]; N]) -> usize {
    let gate = Gate::new();
    let (service, upstream) = over(layer, move |_| Reply::body(ScriptedBody::new()).gate(&gate));
    let _under_way = requests.map(|fields| begun(fetch(service.clone(), with("/", fields))));
    upstream.calls()
}

#[tokio::test(start_paused = true)]
async fn a_connection_field_without_an_upgrade_is_no_part_of_a_key() {
    let layer = CoalesceLayer::new();
    assert_eq!(calls(&layer, "connection"), 1);
    let fields: [&[(&str, &str)]; 5] = [
        &[],
        &[("connection", "keep-alive")],
        &[("connection", "close, X-Mine")],
        &[("connection", "keep-alive"), ("keep-alive", "timeout=5")],
        &[("connection", "upgraded")],
    ];
    assert_eq!(calls_for(&layer, fields), 1);
    for asks in ["upgrade", "keep-alive, Upgrade"] {
        let fields = [("connection", asks)];
        assert_eq!(calls_for(&layer, [&fields; 2]), 2, "{asks}");
    }
}

#[tokio::test(start_paused = true)]
async fn fields_that_ask_for_a_call_of_ones_own_get_one_under_a_key_of_ones_own_too() {
    let own = CoalesceLayer::builder().key_with(|_| {
        let mut key = scrimp_core::KeyBuf::new();
        key.part(b"all");
        Some(key.to_key())
    });
    let own = own.build().unwrap();
    for layer in [&CoalesceLayer::new(), &own] {
        for field in [
            ("upgrade", "websocket"),
            ("expect", "100-continue"),
            ("connection", "upgrade"),
        ] {
            let fields = [field];
            assert_eq!(calls_for(layer, [&fields; 2]), 2, "{field:?}");
        }
        let fields = [("connection", "keep-alive")];
        assert_eq!(calls_for(layer, [&fields; 2]), 1);
    }
    let others: [&[(&str, &str)]; 2] = [&[("x-a", "1")], &[("x-a", "2")]];
    assert_eq!(calls_for(&own, others), 1, "its key has no fields");
}
