//! The whole cache: a request, its response, and a second request.
//!
//! Parts are separated by NULs: a rule, a request, a response, a second request.
#![no_main]

use std::{
    convert::Infallible,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use libfuzzer_sys::fuzz_target;
use scrimp_cache::Rule;
use scrimp_fuzz::{
    cache::{OneEntry, layer, request, response, run},
    cost::{SMALL, within},
};
use scrimp_http::{cache_control::ResponseControl, cache_status::CacheVerdict, target};
use tower::{Layer, ServiceExt, service_fn};

fn path(request: &Request<Full<Bytes>>) -> String {
    let target = request.uri().path_and_query();
    target::normal(target.map_or("/", |target| target.as_str())).into_owned()
}

fn host(request: &Request<Full<Bytes>>) -> String {
    target::normal_authority(target::authority(request.uri(), request.headers())).into_owned()
}

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(4, |&byte| byte == 0);
    let mut next = || parts.next().unwrap_or_default();
    let rule: Option<Rule> = std::str::from_utf8(next())
        .ok()
        .and_then(|text| text.parse().ok());
    let (first, answer, second) = (next(), next(), next());
    let (Some(first), Some(answer)) = (request(first), response(answer)) else {
        return;
    };
    let second = request(second).unwrap_or_else(|| first.clone());
    let control = ResponseControl::read(answer.headers());
    let plain = rule.is_none();

    within(SMALL, || {
        let calls = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&calls);
        let sent = answer.clone();
        let upstream = service_fn(move |_: Request<Full<Bytes>>| {
            counted.fetch_add(1, Relaxed);
            ready(Ok::<_, Infallible>(sent.clone()))
        });
        let mut builder = layer(OneEntry::default());
        if let Some(rule) = &rule {
            builder = builder.rule(rule.clone());
        }
        let service = builder.build().expect("good settings").layer(upstream);
        let ask = |request: Request<Full<Bytes>>| {
            run(async {
                let answer = service.clone().oneshot(request).await.expect("infallible");
                let (parts, body) = answer.into_parts();
                let body = body.collect().await.expect("in memory").to_bytes();
                // Background refreshes.
                tokio::task::yield_now().await;
                (parts, body)
            })
        };
        let (head, _) = ask(first.clone());
        verdict(&head.headers);
        let before = calls.load(Relaxed);
        let (head, body) = ask(second.clone());
        let verdict = verdict(&head.headers);
        let answered = calls.load(Relaxed) == before && head.status != StatusCode::GATEWAY_TIMEOUT;
        if !answered {
            return;
        }
        assert_eq!(verdict.hit, Some(true));
        let safe = [Method::GET, Method::HEAD];
        assert!(safe.contains(second.method()), "an answer without a call");
        assert!(first.method() != Method::HEAD || second.method() == Method::HEAD);
        let possible = [200, 206, 304, 416].map(|code| StatusCode::from_u16(code).expect("known"));
        assert!(head.status == answer.status() || possible.contains(&head.status));
        let whole = answer.body().clone();
        let whole = run(whole.collect()).expect("in memory").to_bytes();
        assert!(head.status != answer.status() || body.is_empty() || body == whole);
        if plain {
            // Without a rule, HTTP decides.
            assert_eq!((path(&first), host(&first)), (path(&second), host(&second)));
            assert!(!control.no_store && !control.private, "{control:?}");
            let who = |request: &Request<Full<Bytes>>| {
                let all = request
                    .headers()
                    .get_all(header::AUTHORIZATION)
                    .iter()
                    .cloned();
                all.collect::<Vec<_>>()
            };
            let for_all = control.public || control.must_revalidate || control.s_maxage.is_some();
            assert!(
                who(&first) == who(&second) || for_all,
                "a stranger's response"
            );
            assert!(
                !second.headers().contains_key(header::COOKIE),
                "cookies bypass"
            );
        }
    });
});

fn verdict(headers: &HeaderMap) -> CacheVerdict {
    CacheVerdict::read(headers).expect("every response has a verdict")
}
