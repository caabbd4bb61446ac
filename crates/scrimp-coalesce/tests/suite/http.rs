//! Responses that are shared, and responses of one caller.

use crate::rig;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Version};
use http_body::{Body, Frame};
use http_body_util::StreamBody;
use rig::{answer, begun, fetch, get, over, post, settled, with};
use scrimp_coalesce::CoalesceLayer;
use scrimp_core::{
    KeyBuf,
    extensions::{CacheInfo, CacheState, Since},
};
use scrimp_testkit::{Gate, Reply, ScriptedBody};
use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};
use tower::ServiceExt;

type Fields = &'static [(&'static str, &'static str)];

#[tokio::test(start_paused = true)]
async fn what_turns_out_private_is_given_to_one_and_all_others_go_at_once_and_next_time() {
    let cases: [Fields; 5] = [
        &[("cache-control", "private")],
        &[("cache-control", "max-age=1, no-store")],
        &[("set-cookie", "session=1")],
        &[("vary", "user-agent")],
        &[("vary", "*")],
    ];
    for fields in cases {
        let layer = CoalesceLayer::new();
        let gate = Gate::new();
        let number = AtomicUsize::new(0);
        let (service, upstream) = over(&layer, {
            let gate = gate.clone();
            move |_| {
                let own = number.fetch_add(1, Relaxed).to_string();
                Reply::respond(answer(fields, ScriptedBody::new().data(own))).gate(&gate)
            }
        });
        let calls = (0..100).map(|_| tokio::spawn(fetch(service.clone(), get("/"))));
        let calls: Vec<_> = calls.collect();
        settled().await;
        assert_eq!(upstream.calls(), 1);
        gate.open();
        let mut seen: Vec<_> = join_all(calls)
            .await
            .into_iter()
            .map(|answer| answer.unwrap().unwrap().body)
            .collect();
        seen.sort();
        seen.dedup();
        assert_eq!((seen.len(), upstream.calls()), (100, 100), "{fields:?}");
        assert_eq!(layer.stats().released, 99);

        gate.shut();
        let _calls: Vec<_> = (0..10)
            .map(|_| begun(fetch(service.clone(), get("/"))))
            .collect();
        assert_eq!(upstream.calls(), 110, "no request queues the second time");
        assert_eq!((layer.stats().barred, layer.stats().remembered), (10, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_forgotten_again_in_time_or_once_its_answers_may_be_shared() {
    for learns in [false, true] {
        let layer = CoalesceLayer::builder()
            .remember(Duration::from_secs(60))
            .build()
            .unwrap();
        let gate = Gate::new();
        let (service, upstream) = over(&layer, {
            let gate = gate.clone();
            move |_| Reply::body(ScriptedBody::new().data("x")).gate(&gate)
        });
        let private = answer(&[("cache-control", "private")], ScriptedBody::new());
        upstream.next(Reply::respond(private));
        fetch(service.clone(), get("/")).await.unwrap();
        if learns {
            gate.open();
            fetch(service.clone(), get("/")).await.unwrap();
            gate.shut();
        } else {
            tokio::time::advance(Duration::from_secs(61)).await;
        }
        let before = upstream.calls();
        let _calls: Vec<_> = (0..10)
            .map(|_| begun(fetch(service.clone(), get("/"))))
            .collect();
        assert_eq!(upstream.calls() - before, 1);
        assert_eq!(layer.stats().remembered, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_a_leader_who_left_is_nobodys_if_it_is_private() {
    let gate = Gate::new();
    let (service, upstream) = over(&CoalesceLayer::new(), |_| {
        Reply::respond(answer(
            &[("cache-control", "private")],
            ScriptedBody::new().data("own"),
        ))
    });
    let secret = answer(
        &[("cache-control", "private")],
        ScriptedBody::new().data("secret"),
    );
    upstream.next(Reply::respond(secret).gate(&gate));
    let leader = begun(fetch(service.clone(), get("/")));
    let follower = begun(fetch(service.clone(), get("/")));
    drop(leader);
    gate.open();
    assert_eq!(follower.await.unwrap().body, "own");
}

#[tokio::test(start_paused = true)]
async fn unsafe_methods_bodies_and_upgrades_pass() {
    let layer = CoalesceLayer::new();
    let gate = Gate::new();
    let (service, upstream) = over(&layer, {
        let gate = gate;
        move |_| Reply::body(ScriptedBody::new()).gate(&gate)
    });
    let mut with_body = get("/");
    *with_body.body_mut() = "x".into();
    let mut put = get("/");
    *put.method_mut() = http::Method::PUT;
    let requests = [
        post("/", "x"),
        put,
        with_body,
        with("/", &[("upgrade", "websocket")]),
        with("/", &[("connection", "keep-alive, Upgrade")]),
        with("/", &[("expect", "100-continue")]),
    ];
    for request in requests {
        let before = upstream.calls();
        let _pair =
            [request.clone(), request].map(|request| begun(fetch(service.clone(), request)));
        assert_eq!(upstream.calls() - before, 2);
    }
    assert_eq!((layer.stats().bypassed, layer.stats().in_flight), (12, 0));
}

/// Returns a received request whose body reports neither its end nor its length, like a body
/// that an outer layer has wrapped.
fn hidden(version: Version, fields: Fields) -> Request<impl Body<Data = Bytes> + Send + 'static> {
    let none = futures_util::stream::empty::<Result<Frame<Bytes>, Infallible>>();
    let mut request = Request::get("/").version(version).header("host", "a");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(StreamBody::new(none)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn framing_tells_of_a_body_that_hides_its_end() {
    let cases: [(usize, Version, Fields); 5] = [
        (1, Version::HTTP_11, &[]),
        (1, Version::HTTP_11, &[("content-length", "0")]),
        (2, Version::HTTP_11, &[("content-length", "3")]),
        (2, Version::HTTP_11, &[("transfer-encoding", "chunked")]),
        // Only the first frame shows that there is no body.
        (2, Version::HTTP_2, &[]),
    ];
    for (calls, version, fields) in cases {
        let gate = Gate::new();
        let (service, upstream) = over(&CoalesceLayer::new(), move |_| {
            Reply::body(ScriptedBody::new()).gate(&gate)
        });
        let ask = |()| begun(service.clone().oneshot(hidden(version, fields)));
        let _pair = [(); 2].map(ask);
        assert_eq!(upstream.calls(), calls, "{version:?} {fields:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn safe_methods_of_the_registry_are_shared_but_those_that_echo_or_connect() {
    for (name, properties) in scrimp_http::method::REGISTRY {
        let gate = Gate::new();
        let (service, upstream) = over(&CoalesceLayer::new(), move |_| {
            Reply::body(ScriptedBody::new()).gate(&gate)
        });
        let ask = |()| {
            let mut request = get("/");
            *request.method_mut() = name.parse().unwrap();
            begun(fetch(service.clone(), request))
        };
        let _pair = [(); 2].map(ask);
        let alone = !properties.safe || ["TRACE", "PRI"].contains(&name);
        assert_eq!(upstream.calls(), 1 + usize::from(alone), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_trace_writes_nothing() {
    let gate = Gate::new();
    let (service, upstream) = over(&CoalesceLayer::new(), move |_| {
        Reply::body(ScriptedBody::new()).gate(&gate)
    });
    let mut trace = get("/");
    *trace.method_mut() = http::Method::TRACE;
    let _calls = [get("/"), trace, get("/")].map(|one| begun(fetch(service.clone(), one)));
    assert_eq!(upstream.calls(), 2, "the second GET joins the first");
}

#[tokio::test(start_paused = true)]
async fn nobody_joins_a_call_that_began_before_a_write_of_its_target() {
    let gate = Gate::new();
    let (service, upstream) = over(&CoalesceLayer::new(), {
        let gate = gate.clone();
        move |parts| match parts.method.is_safe() {
            true => Reply::body(ScriptedBody::new().data("old")).gate(&gate),
            false => Reply::body(ScriptedBody::new()),
        }
    });
    let _before = begun(fetch(service.clone(), get("/a")));
    let _elsewhere = begun(fetch(service.clone(), get("/b")));
    fetch(service.clone(), post("/a", "new")).await.unwrap();
    assert_eq!(upstream.calls(), 3);
    let _after = begun(fetch(service.clone(), get("/a")));
    let _unconcerned = begun(fetch(service.clone(), get("/b")));
    let _with_it = begun(fetch(service.clone(), get("/a")));
    assert_eq!(upstream.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn nobody_joins_a_call_older_than_it_asks_for() {
    let gate = Gate::new();
    let (service, upstream) = over(&CoalesceLayer::new(), {
        let gate = gate;
        move |_| Reply::body(ScriptedBody::new()).gate(&gate)
    });
    let since = |at, log| {
        let mut request = get("/");
        request.extensions_mut().insert(Since { at, log });
        begun(fetch(service.clone(), request))
    };
    let _calls = [5, 5, 6, 6, 5].map(|at| since(at, 1));
    assert_eq!(upstream.calls(), 2);
    let _anothers = since(5, 2);
    assert_eq!(upstream.calls(), 3, "positions of two logs do not compare");
}

#[tokio::test(start_paused = true)]
async fn a_cache_inside_that_says_no_is_believed() {
    for (state, calls) in [(CacheState::Hit, 2), (CacheState::Miss, 1)] {
        let gate = Gate::new();
        let (service, upstream) = over(&CoalesceLayer::new(), {
            let gate = gate.clone();
            move |_| {
                let mut response = answer(&[], ScriptedBody::new().data("x"));
                response.extensions_mut().insert(CacheInfo::new(state));
                Reply::respond(response).gate(&gate)
            }
        });
        let pair = [(); 2].map(|()| begun(fetch(service.clone(), get("/"))));
        gate.open();
        for call in pair {
            call.await.unwrap();
        }
        assert_eq!(upstream.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_of_ones_own_decides_and_vary_is_compared_by_its_side() {
    let layer = CoalesceLayer::builder()
        .key_with(|parts| {
            let user = parts.headers.get("x-user")?;
            let mut key = KeyBuf::new();
            key.part(parts.uri.path().as_bytes()).part(user.as_bytes());
            Some(key.to_key())
        })
        .build()
        .unwrap();
    let gate = Gate::new();
    let (service, upstream) = over(&layer, {
        let gate = gate.clone();
        move |parts| {
            let language = parts.headers.get("accept-language");
            let language = language
                .map_or("", |value| value.to_str().unwrap())
                .to_owned();
            let body = ScriptedBody::new().data(language);
            Reply::respond(answer(&[("vary", "accept-language")], body)).gate(&gate)
        }
    });
    let ask = |user: &str, language: &str| {
        let fields = [
            ("x-user", user),
            ("accept-language", language),
            ("x-any", language),
        ];
        begun(fetch(service.clone(), with("/feed?cursor=1", &fields)))
    };
    let calls = [
        ask("1", "en"),
        ask("1", "en"),
        ask("1", "de"),
        ask("2", "en"),
    ];
    let _keyless = begun(fetch(service.clone(), get("/feed")));
    assert_eq!(upstream.calls(), 3);
    gate.open();
    let mut bodies = Vec::new();
    for call in calls {
        bodies.push(call.await.unwrap().body);
    }
    assert_eq!(bodies, ["en", "en", "de", "en"]);
    assert_eq!(upstream.calls(), 4, "the German caller did not get English");
}
