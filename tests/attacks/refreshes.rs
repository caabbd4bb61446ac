//! Calls that no caller waits for: whose credentials they carry, and what they may replace.

use std::time::Duration;

use http::{HeaderMap, request::Parts};
use scrimp::cache::{CacheLayer, Mode};
use scrimp_testkit::{Gate, Reply};
use scrimp_tests::{Answer, Fields, Rig, builder, layer, reply};
use tokio::time::sleep;

/// Stale at once, and served for a minute while it is refreshed.
const MINUTE: &str = "public, max-age=0, stale-while-revalidate=60";

/// Lets tasks run until nothing is left to do.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// Fills a cache by the first request, has the second start a refresh, and returns the fields of
/// the refresh.
async fn refreshed(
    layer: CacheLayer,
    reply: impl Fn() -> Reply + Send + Sync + 'static,
    first: Fields<'_>,
    second: Fields<'_>,
) -> HeaderMap {
    let rig = Rig::new(layer, move |_| reply());
    rig.ask("GET", "/", first).await;
    let stale = rig.ask("GET", "/", second).await;
    assert!(stale.is_hit(), "{}", stale.header("cache-status"));
    settle().await;
    let mut calls = rig.upstream.requests();
    assert_eq!(calls.len(), 2, "it is refreshed");
    calls.remove(1).headers
}

fn page() -> Reply {
    reply(200, &[("cache-control", MINUTE)], "page")
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_sent_without_the_credentials_of_the_caller_who_starts_it() {
    let secrets: Fields<'_> = &[
        ("authorization", "Bearer alice"),
        ("x-api-key", "alice"),
        ("x_api_key", "alice"),
        ("x-forwarded-user", "alice"),
        ("cookie", "session=alice"),
        ("cookie", "theme=dark"),
    ];
    let others = [("accept", "text/html"), ("x-request-id", "7")];
    let all = [secrets, &others].concat();
    // The cache was filled by a stranger, or by a caller with credentials of its own.
    for first in [&[][..], &[("authorization", "Bearer bob")]] {
        let layer = layer(&["path=/** ignore-cookies"]);
        let sent = refreshed(layer, page, first, &all).await;
        for (name, _) in secrets {
            assert!(!sent.contains_key(*name), "{name}");
        }
        for (name, value) in others {
            assert_eq!(sent[name], value);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_keeps_the_credentials_that_are_in_the_key_and_no_others() {
    let all: Fields<'_> = &[
        ("authorization", "Bearer alice"),
        ("x-api-key", "alice"),
        ("cookie", "theme=dark; session=alice; track=1"),
    ];
    let varying = |field: &'static str| {
        move || reply(200, &[("cache-control", MINUTE), ("vary", field)], "page")
    };
    let rules: [(&str, &[(&str, &str)]); 4] = [
        (
            "path=/** ignore-cookies header=x-api-key",
            &[("x-api-key", "alice")],
        ),
        ("path=/** cookie=session", &[("cookie", "session=alice")]),
        (
            "path=/** cookie=session cookie=theme header=authorization",
            &[
                ("authorization", "Bearer alice"),
                ("cookie", "theme=dark; session=alice"),
            ],
        ),
        ("path=/** ignore-cookies", &[]),
    ];
    for (rule, kept) in rules {
        let sent = refreshed(layer(&[rule]), page, all, all).await;
        for (name, _) in all {
            let own = kept.iter().find(|(kept, _)| kept == name);
            let sent = sent.get(*name).map(|value| value.to_str().expect("text"));
            assert_eq!(sent, own.map(|own| own.1), "{rule}: {name}");
        }
    }
    // Those that Vary names have selected the response.
    for (field, value) in all {
        let rule = "path=/** ignore-cookies";
        let sent = refreshed(layer(&[rule]), varying(field), all, all).await;
        assert_eq!(sent[*field], value, "{field}");
        assert_eq!(sent.len(), 1, "{sent:?}");
    }
    // All callers of a private cache are one.
    let private = builder(&[]).mode(Mode::Private).build().expect("a layer");
    let sent = refreshed(private, page, all, all).await;
    assert_eq!(sent.len(), 3, "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_without_credentials_updates_what_all_callers_get() {
    let rig = Rig::new(layer(&[]), |parts: &Parts| {
        let known = parts.headers.contains_key("authorization");
        reply(
            200,
            &[("cache-control", MINUTE)],
            if known { "known" } else { "anyone" },
        )
    });
    let alice = [("authorization", "Bearer alice")];
    assert_eq!(rig.ask("GET", "/", &alice).await.text(), "known");
    assert_eq!(rig.ask("GET", "/", &alice).await.text(), "known");
    settle().await;
    for fields in [&alice[..], &[]] {
        let answer = rig.ask("GET", "/", fields).await;
        assert_eq!((answer.text(), answer.is_hit()), ("anyone", true));
    }
}

/// Answers with a page, and after that with an error.
fn page_then(error: impl Fn() -> Reply + Send + Sync + 'static) -> impl Fn(&Parts) -> Reply {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    move |_| match calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => page(),
        _ => error(),
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_never_replaces_a_good_response_in_the_background() {
    let lifetimes: [Fields<'_>; 4] = [
        &[],
        &[("cache-control", "max-age=60")],
        &[("cache-control", "public, s-maxage=60")],
        &[("cache-control", "no-store")],
    ];
    for status in [
        400, 401, 403, 404, 405, 410, 412, 414, 418, 429, 451, 500, 501, 503, 507,
    ] {
        for rule in ["path=/**", "path=/** ttl=0s", "path=/** negative-ttl=1h"] {
            for fields in lifetimes {
                let fields: Vec<_> = fields.to_vec();
                let error = move || reply(status, &fields, "refused");
                let rig = Rig::new(layer(&[rule]), page_then(error));
                rig.get("/").await;
                for calls in 2..5 {
                    let stale = rig.get("/").await;
                    assert_eq!(stale.text(), "page", "{status} {rule}");
                    settle().await;
                    if !rule.contains(" ttl") {
                        assert_eq!(rig.upstream.calls(), calls, "the next one tries again");
                    }
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_caller_after_the_window_gets_the_error_that_no_refresh_stored() {
    for status in [401, 403, 404, 410] {
        let error = move || reply(status, &[("cache-control", "max-age=60")], "gone");
        let rig = Rig::new(layer(&[]), page_then(error));
        rig.get("/").await;
        rig.get("/").await;
        sleep(Duration::from_secs(61)).await;
        let answer = rig.get("/").await;
        assert_eq!((answer.status.as_u16(), answer.is_stored()), (status, true));
        assert!(rig.get("/").await.is_hit(), "it has a lifetime");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_replaces_an_error_by_whatever_comes() {
    let stale = [("cache-control", MINUTE)];
    let fresh = [("cache-control", "max-age=60")];
    for status in [410, 403, 200, 301] {
        let replies = [reply(404, &stale, "none"), reply(status, &fresh, "other")];
        let rig = Rig::script(layer(&[]), replies);
        rig.get("/").await;
        assert_eq!(rig.get("/").await.text(), "none");
        settle().await;
        assert_eq!(rig.get("/").await.text(), "other", "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_refuses_refreshes_without_credentials_is_not_asked_again_and_again() {
    let alice = [("authorization", "Bearer alice")];
    for (status, most) in [(401, 2), (403, 2), (404, 2), (429, 101)] {
        let rig = Rig::new(layer(&[]), move |parts: &Parts| {
            match parts.headers.contains_key("authorization") {
                true => page(),
                false => reply(status, &[], "who are you?"),
            }
        });
        for _ in 0..101 {
            assert_eq!(rig.ask("GET", "/", &alice).await.text(), "page");
            settle().await;
        }
        assert_eq!(rig.upstream.calls(), most, "{status}");
        // Her own request after the window brings a new response.
        sleep(Duration::from_secs(61)).await;
        assert!(rig.ask("GET", "/", &alice).await.is_stored());
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_without_credentials_is_not_led_away_to_a_login_page() {
    let login = [("cache-control", "max-age=60"), ("location", "/login")];
    let alice = [("authorization", "Bearer alice")];
    for (fields, kept) in [(&alice[..], true), (&[], false)] {
        let login = login.to_vec();
        let rig = Rig::new(layer(&[]), page_then(move || reply(302, &login, "")));
        rig.ask("GET", "/", fields).await;
        rig.ask("GET", "/", fields).await;
        settle().await;
        let answer = rig.ask("GET", "/", fields).await;
        assert_eq!(answer.status.as_u16() == 200, kept, "{fields:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_comes_too_late_for_its_caller_is_waited_for_next_time() {
    let rule = "path=/** soft-timeout=100ms";
    let stale = [("cache-control", "max-age=0, stale-if-error=3600")];
    let gone = || {
        let gone = reply(404, &[("cache-control", "max-age=60")], "gone");
        gone.delay(Duration::from_millis(200))
    };
    let rig = Rig::script(layer(&[rule]), [reply(200, &stale, "page"), gone(), gone()]);
    rig.get("/").await;
    assert_eq!(rig.get("/").await.text(), "page", "the upstream is slow");
    sleep(Duration::from_millis(200)).await;
    assert_eq!(rig.upstream.calls(), 2);
    let answer = rig.get("/").await;
    assert_eq!((answer.text(), answer.is_hit()), ("gone", false));
    assert!(rig.get("/").await.is_hit(), "a caller has waited for it");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_refused_ends_no_stored_response() {
    for control in ["public, max-age=60", MINUTE] {
        let rig = Rig::new(layer(&[]), move |parts: &Parts| {
            match parts.method.as_str() {
                "HEAD" if parts.headers.contains_key("x-odd") => reply(400, &[], ""),
                "HEAD" => reply(401, &[], ""),
                _ => reply(200, &[("cache-control", control)], "page"),
            }
        });
        rig.get("/").await;
        let reload = ("cache-control", "no-cache");
        for odd in [("x-odd", "1"), ("authorization", "wrong")] {
            let refused: Answer = rig.ask("HEAD", "/", &[reload, odd]).await;
            assert!(refused.status.is_client_error());
            assert!(rig.get("/").await.is_hit(), "{control} {odd:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_purged_while_it_is_refreshed_is_not_kept_for_the_error() {
    let gate = Gate::new();
    let layer = layer(&[]);
    let gone = reply(404, &[("cache-control", "max-age=60")], "gone").gate(&gate);
    let rig = Rig::script(layer.clone(), [page(), gone]);
    rig.get("/").await;
    rig.get("/").await;
    gate.reached(1).await;
    let uri = scrimp::cache::Invalidation::uri("/".parse().expect("a URI"));
    layer.invalidator().invalidate(&uri);
    gate.open();
    settle().await;
    // The error was fetched before the purge ended, so it is not stored either.
    rig.upstream
        .next(reply(200, &[("cache-control", "max-age=60")], "new"));
    assert_eq!(rig.get("/").await.text(), "new");
}
