//! Each setting is checked when the gateway is built.

use std::time::Duration;

use scrimp_gateway::{Gateway, GatewayBuilder};

type Set = fn(GatewayBuilder) -> GatewayBuilder;

const HTTP: &str = "http://a.test";
const NEVER: Duration = Duration::ZERO;
const DAYS: Duration = Duration::from_secs(86_401);

#[test]
fn a_setting_out_of_its_range_is_named_with_the_range() {
    let numbers: [(&str, Set, &str); 14] = [
        ("max_connections", |b| b.max_connections(0), "1 and 1000000"),
        (
            "max_connections",
            |b| b.max_connections(1_000_001),
            "1 and 1000000",
        ),
        (
            "max_connections_per_address",
            |b| b.max_connections_per_address(0),
            "1 and 1000000",
        ),
        ("max_requests", |b| b.max_requests(0), "1 and 1000000"),
        ("max_streams", |b| b.max_streams(0), "1 and 1000"),
        ("max_streams", |b| b.max_streams(1001), "1 and 1000"),
        (
            "max_header_bytes",
            |b| b.max_header_bytes(8191),
            "8192 and 1048576",
        ),
        ("header_timeout", |b| b.header_timeout(NEVER), "above 0ns"),
        ("idle_timeout", |b| b.idle_timeout(DAYS), "at most 86400s"),
        ("body_pace", |b| b.body_pace(NEVER, 1), "above 0ns"),
        ("body_pace", |b| b.body_pace(Duration::MAX, 1), "86400s"),
        ("send_pace", |b| b.send_pace(DAYS, 1), "at most 86400s"),
        (
            "send_pace",
            |b| b.send_pace(Duration::from_secs(1), 0),
            "1 and 1073741824",
        ),
        ("drain", |b| b.drain(DAYS), "at most 86400s"),
    ];
    for (setting, set, range) in numbers {
        let error = set(Gateway::builder(HTTP)).build().unwrap_err();
        assert_eq!(error.setting(), setting);
        assert!(error.to_string().contains(range), "{error}");
    }
}

#[test]
fn a_certificate_that_cannot_be_used_is_an_error_of_its_setting() {
    let rubbish = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "not PEM", rubbish] {
        let https = Gateway::builder("https://a.test").upstream_ca(pem);
        assert_eq!(https.build().unwrap_err().setting(), "upstream_ca");
        let served = Gateway::builder(HTTP).tls(pem, pem);
        assert_eq!(served.build().unwrap_err().setting(), "tls");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let both = Gateway::builder(HTTP).upstream_http2().preserve_host();
    assert_eq!(both.build().unwrap_err().setting(), "upstream_http2");
    let ca = crate::tls::Authority::new();
    let plain = Gateway::builder(HTTP).upstream_ca(ca.pem());
    assert_eq!(plain.build().unwrap_err().setting(), "upstream_ca");
}

#[test]
fn an_upstream_is_a_url_with_a_host_and_no_path() {
    for url in [
        "a.test",
        "ftp://a.test",
        "https://a.test/path",
        "https://u@a.test",
        "http://a.test?x",
    ] {
        let error = Gateway::builder(url).build().unwrap_err();
        assert_eq!(error.setting(), "upstream", "{url}");
    }
}
