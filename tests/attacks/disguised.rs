//! Field names with `_`: a program behind a CGI-like interface (WSGI, Rack, PHP) reads
//! `X_Original_URL` and `X-Original-URL` as one field.

use http::{HeaderName, HeaderValue};
use scrimp_tests::{Answer, Rig, layer, reply, request};

/// Makes an upstream that reads names as such programs do, and trusts the fields.
fn believing(rules: &[&str]) -> Rig {
    Rig::new(layer(rules), |parts| {
        let read = |wanted: &str| {
            let mut fields = parts.headers.iter();
            let found = fields.find(|(name, _)| name.as_str().replace('_', "-") == wanted);
            found.map(|(_, value)| value.to_str().expect("text").to_owned())
        };
        let told = [
            "x-original-url",
            "x-forwarded-host",
            "x-tier",
            "accept-language",
            "x-api-key",
        ];
        let told: Vec<_> = told.iter().filter_map(|name| read(name)).collect();
        let fields = [("cache-control", "max-age=60"), ("vary", "accept-language")];
        reply(200, &fields, &format!("{} {told:?}", parts.uri))
    })
}

async fn ask(rig: &Rig, name: &str, value: &str) -> Answer {
    let mut request = request("GET", "/", &[]);
    let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
    let value = HeaderValue::from_str(value).expect("a value");
    request.headers_mut().insert(name, value);
    rig.send(request).await.expect("a response")
}

#[tokio::test]
async fn a_value_under_such_a_name_reaches_no_other_client() {
    for rules in [&[][..], &["path=/** header=x-tier ttl=1h"]] {
        for name in [
            "X_Original_URL",
            "x_original_url",
            "x-original_url",
            "x_forwarded_host",
            "accept_language",
            "x_api_key",
        ] {
            let rig = believing(rules);
            let poisoned = ask(&rig, name, "evil").await;
            assert!(
                poisoned.text().contains("evil"),
                "{name}: the upstream trusts it"
            );
            let next = rig.get("/").await;
            assert!(
                !next.is_hit() && !next.text().contains("evil"),
                "{name} {rules:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_field_of_a_rules_key_cannot_be_set_under_such_a_name() {
    let rig = believing(&["path=/** header=x-tier ttl=1h"]);
    let poisoned = ask(&rig, "x_tier", "gold").await;
    assert!(poisoned.text().contains("gold") && !poisoned.is_stored());
    assert!(
        poisoned
            .header("cache-status")
            .contains("detail=field-name")
    );
    assert!(!rig.get("/").await.text().contains("gold"));
}

#[tokio::test]
async fn a_field_that_selects_nothing_may_have_any_name() {
    let rig = believing(&[]);
    ask(&rig, "some_client_field", "1").await;
    assert!(rig.get("/").await.is_hit());
}
