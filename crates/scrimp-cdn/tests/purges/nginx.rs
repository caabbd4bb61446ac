//! nginx: the requests. `tests/peers` sends them to a real one.

use scrimp_cache::Invalidation;
use scrimp_cdn::{CdnApi, Nginx};

use crate::rig::{Seen, sent};

async fn purged(
    change: impl Fn(Nginx) -> Nginx,
    invalidation: Invalidation,
) -> Vec<(String, String)> {
    let api =
        |endpoint: &str| -> Box<dyn CdnApi> { Box::new(change(Nginx::new(endpoint.to_owned()))) };
    let line = |seen: Seen| {
        let host = seen.fields["host"].clone();
        let host = if host.starts_with("127.") {
            "itself".into()
        } else {
            host
        };
        (format!("{} {}", seen.method, seen.target), host)
    };
    sent(api, &[invalidation])
        .await
        .into_iter()
        .map(line)
        .collect()
}

fn uri(text: &str) -> http::Uri {
    text.parse().unwrap()
}

#[tokio::test]
async fn each_purge_is_a_request_with_the_method_purge() {
    let cases = [
        (
            Invalidation::uri(uri("http://a.test/7?x=1")),
            "PURGE /7?x=1",
            "a.test",
        ),
        (Invalidation::uri(uri("/7")), "PURGE /7", "itself"),
        (
            Invalidation::uri_prefix(uri("http://a.test/f/")),
            "PURGE /f/*",
            "a.test",
        ),
        (Invalidation::authority("a.test"), "PURGE /*", "a.test"),
        (Invalidation::group("a.test", "g"), "PURGE /*", "a.test"),
        (Invalidation::everything().soft(), "PURGE /*", "itself"),
        (Invalidation::tag("a"), "PURGE /*", "itself"),
    ];
    for (invalidation, line, host) in cases {
        let seen = purged(Nginx::wildcards, invalidation).await;
        assert_eq!(seen, [(line.to_owned(), host.to_owned())]);
    }
}

#[tokio::test]
async fn everything_is_each_site_or_one_location() {
    let sites = |api: Nginx| {
        api.wildcards()
            .site("https://a.test")
            .site("https://b.test")
    };
    let seen = purged(sites, Invalidation::everything()).await;
    let all = ["a.test", "b.test"].map(|host| ("PURGE /*".to_owned(), host.to_owned()));
    assert_eq!(seen, all);
    let seen = purged(|api| api.purge_all("/empty"), Invalidation::tag("a")).await;
    assert_eq!(seen, [("PURGE /empty".to_owned(), "itself".to_owned())]);
}
