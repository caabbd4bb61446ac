//! nginx: the requests. `tests/peers` sends them to a real one.

use scrimp_cache::Invalidation;
use scrimp_cdn::{CdnApi, Expressed, Nginx};
use scrimp_core::{Purge, PurgeTarget};

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
        (Invalidation::uri(uri("/7")), "PURGE /7", "s.test"),
        (
            Invalidation::uri_prefix(uri("http://a.test/f/")),
            "PURGE /f/*",
            "a.test",
        ),
        (Invalidation::authority("a.test"), "PURGE /*", "a.test"),
        (Invalidation::group("a.test", "g"), "PURGE /*", "a.test"),
        (Invalidation::everything().soft(), "PURGE /*", "s.test"),
        (Invalidation::tag("a"), "PURGE /*", "s.test"),
    ];
    for (invalidation, line, host) in cases {
        let site = |api: Nginx| api.wildcards().site("https://s.test");
        let seen = purged(site, invalidation).await;
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

#[test]
fn a_purge_that_names_no_host_is_not_sent_to_that_of_nginx_itself() {
    let nginx = || Nginx::new("http://127.0.0.1:8080").wildcards();
    for target in [PurgeTarget::Everything, PurgeTarget::Uri(uri("/7"))] {
        let purge = Purge::new(target);
        assert_eq!(nginx().express(&purge), Expressed::Not, "{purge:?}");
        let of_site = nginx().site("https://s.test").express(&purge);
        assert!(matches!(of_site, Expressed::Exactly(items) if items.len() == 1));
    }
    assert!(nginx().everything().is_empty());
}
