//! Lifetimes that are learned from changes.

use crate::common;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use common::{Rig, layer, reply};
use scrimp_cache::{Invalidation, Rule};

/// A page that counts its versions.
#[derive(Clone, Default)]
struct Page {
    version: Arc<AtomicU64>,
    validates: Arc<AtomicBool>,
}

impl Page {
    fn change(&self) {
        self.version.fetch_add(1, Relaxed);
    }

    fn cached(&self, rule: &str) -> Rig {
        let page = self.clone();
        let rule: Rule = rule.parse().unwrap();
        Rig::answering(layer().rule(rule), move |parts| {
            let version = page.version.load(Relaxed);
            let tag = format!("\"{version}\"");
            let known = parts.headers.get("if-none-match");
            match known.is_some_and(|known| known == tag.as_str()) {
                true => reply(304, &[("etag", &tag)], ""),
                false if page.validates.load(Relaxed) => {
                    reply(200, &[("etag", &tag)], &format!("version {version}"))
                }
                false => reply(200, &[], &format!("version {version}")),
            }
        })
    }
}

/// Asks until the response is fetched again, and returns the seconds that took.
async fn lifetime(rig: &Rig) -> u64 {
    let calls = rig.upstream.calls();
    for waited in 0.. {
        rig.get("/a").await;
        if rig.upstream.calls() > calls {
            return waited;
        }
        rig.wait(1);
    }
    unreachable!("a lifetime ends")
}

#[tokio::test]
async fn a_page_that_stays_is_stored_for_longer_each_time_with_and_without_validators() {
    for validates in [true, false] {
        let page = Page::default();
        page.validates.store(validates, Relaxed);
        let rig = page.cached("path=/** ttl=learned(10s,60s)");
        rig.get("/a").await;
        let mut lifetimes = Vec::new();
        for _ in 0..30 {
            lifetimes.push(lifetime(&rig).await);
        }
        assert!(lifetimes.is_sorted(), "{lifetimes:?}");
        assert_eq!((lifetimes[0], lifetimes[29]), (10, 60), "{lifetimes:?}");
        let learned = rig.layer.stats().learned;
        assert_eq!((learned.observed, learned.changed), (30, 0));
    }
}

#[tokio::test]
async fn a_page_that_changes_is_stored_for_a_shorter_time_at_once() {
    let page = Page::default();
    let rig = page.cached("path=/** ttl=learned(10s,10h,20%)");
    rig.get("/a").await;
    for _ in 0..8 {
        lifetime(&rig).await;
    }
    let before = lifetime(&rig).await;
    page.change();
    // The change is found at the end of this lifetime, and the next is shorter.
    lifetime(&rig).await;
    let after = lifetime(&rig).await;
    assert!(before > 30 && after < before, "{before} {after}");
    let learned = rig.layer.stats().learned;
    assert_eq!((learned.observed, learned.changed), (11, 1));
    assert!(learned.stale_share() > 0.0 && learned.stale_share() < 0.2);
}

#[tokio::test]
async fn a_change_that_an_invalidation_announced_is_no_reason_for_a_shorter_lifetime() {
    let page = Page::default();
    let rig = page.cached("path=/** ttl=learned(10s,1h) tag=page");
    rig.get("/a").await;
    for _ in 0..20 {
        lifetime(&rig).await;
    }
    let before = lifetime(&rig).await;
    for _ in 0..20 {
        page.change();
        rig.layer
            .invalidator()
            .invalidate(&Invalidation::tag("page"));
        rig.get("/a").await;
    }
    assert_eq!(rig.layer.stats().learned.changed, 0);
    assert!(lifetime(&rig).await >= before);
}

#[tokio::test]
async fn bounds_of_the_rule_and_a_lifetime_for_nothing_found_come_first() {
    let page = Page::default();
    let rig = page.cached("path=/** ttl=learned(10s,60s) max-ttl=5s");
    rig.get("/a").await;
    assert_eq!(lifetime(&rig).await, 5);

    let rule: Rule = "path=/** ttl=learned(10s,60s) negative-ttl=3s"
        .parse()
        .unwrap();
    let rig = Rig::answering(layer().rule(rule), |_| reply(404, &[], "nothing"));
    rig.get("/a").await;
    assert_eq!(lifetime(&rig).await, 3);
    assert_eq!(rig.layer.stats().learned, Default::default());
}

#[tokio::test]
async fn a_head_shows_that_a_page_has_not_changed_only_by_a_validator() {
    for validator in [None, Some("etag"), Some("last-modified")] {
        let rule: Rule = "path=/** ttl=learned(10s,1h)".parse().unwrap();
        let rig = Rig::answering(layer().rule(rule), move |parts| {
            let body = if parts.method == "HEAD" { "" } else { "page" };
            match validator {
                None => reply(200, &[("content-length", "4")], body),
                Some("etag") => reply(200, &[("etag", "\"1\""), ("content-length", "4")], body),
                Some(name) => {
                    let date = common::date(-60);
                    reply(200, &[(name, &date), ("content-length", "4")], body)
                }
            }
        });
        rig.get("/a").await;
        rig.wait(11);
        rig.ask("HEAD", "/a", &[]).await;
        assert_eq!(rig.upstream.calls(), 2);
        let learned = rig.layer.stats().learned;
        let expected = u64::from(validator.is_some());
        assert_eq!(
            (learned.observed, learned.changed),
            (expected, 0),
            "{validator:?}"
        );
    }
}
