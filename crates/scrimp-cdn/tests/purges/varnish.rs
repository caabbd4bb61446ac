//! Varnish: the requests. `tests/peers` sends them to a real one.

use scrimp_cache::Invalidation;
use scrimp_cdn::{CdnApi, Varnish};

use crate::rig::{Seen, sent, tags};

async fn purged(invalidations: &[Invalidation]) -> Vec<Seen> {
    let api = |endpoint: &str| -> Box<dyn CdnApi> { Box::new(Varnish::new(endpoint.to_owned())) };
    sent(api, invalidations).await
}

fn uri(text: &str) -> http::Uri {
    text.parse().unwrap()
}

#[tokio::test]
async fn each_purge_is_a_request_with_the_method_purge_or_ban() {
    let page = || Invalidation::uri(uri("http://a.test/7?x=1"));
    let host = "obj.http.x-scrimp-host ~ (?i)^a[.]test[.]?(:(80|443))?$";
    let folder = format!("{host} && obj.http.x-scrimp-url ~ ^/f/");
    let soft = ("x-scrimp-soft", "1");
    let cases = [
        (page(), "PURGE /7?x=1", vec![("host", "a.test")]),
        (
            page().soft(),
            "PURGE /7?x=1",
            vec![("host", "a.test"), soft],
        ),
        (Invalidation::tag("a b"), "PURGE /", vec![("xkey", "a%20b")]),
        (
            Invalidation::tag("a").soft(),
            "PURGE /",
            vec![("xkey", "a"), soft],
        ),
        (Invalidation::prefix("a:"), "PURGE /", vec![("xkey", "a:")]),
        (
            Invalidation::authority("A.test"),
            "BAN /",
            vec![("x-scrimp-ban", host)],
        ),
        (
            Invalidation::uri_prefix(uri("http://a.test/f/")),
            "BAN /",
            vec![("x-scrimp-ban", &folder)],
        ),
        (
            Invalidation::uri(uri("/7?x=1")),
            "BAN /",
            vec![("x-scrimp-ban", "obj.http.x-scrimp-url ~ ^/7[?]x=1$")],
        ),
        (
            Invalidation::everything(),
            "BAN /",
            vec![("x-scrimp-ban", "obj.status != 0")],
        ),
    ];
    for (invalidation, line, fields) in cases {
        let seen = purged(&[invalidation]).await;
        assert_eq!(seen.len(), 1);
        seen[0].assert_is(line, &fields, "");
    }
}

#[tokio::test]
async fn keys_are_sent_together_as_long_as_a_field_can_hold_them() {
    let seen = purged(&tags(257)).await;
    assert_eq!(seen.len(), 2);
    let long: Vec<_> = (0..8)
        .map(|n| Invalidation::tag(format!("{n:0>1000}")))
        .collect();
    let seen = purged(&long).await;
    let lengths: Vec<_> = seen.iter().map(|seen| seen.fields["xkey"].len()).collect();
    assert_eq!(lengths, [7_006, 1_000]);
}
