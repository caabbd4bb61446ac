//! Rules for browsers: what they say, to whom, and what a real browser makes of them.

use crate::rig;

use std::{process::Stdio, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header::REFERER};
use http_body_util::{BodyExt, Full};
use rig::{Rig, eager, get, page, pass, seconds};
use scrimp_prefetch::{
    Prefetch, PrefetchLayer, PrefetchLayerBuilder, RulePredictor, SessionKey, SpeculationRules,
};
use scrimp_testkit::{Reply, Scripted, ScriptedBody};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::mpsc::{self, UnboundedSender},
    time::timeout,
};
use tower::{Layer, ServiceExt};

const RULES: &str = "/rules.json";

/// A predictor that expects `/b` after `/a`, and `/c` after `/b`.
fn ways() -> RulePredictor {
    let rules = RulePredictor::new().rule("/a", "/b", 0.9, seconds(0));
    rules.unwrap().rule("/b", "/c", 0.9, seconds(0)).unwrap()
}

fn html(parts: &http::request::Parts) -> Reply {
    let mut response = page(parts);
    if parts.uri.path() != "/data" {
        let html = "text/html; charset=utf-8".parse().unwrap();
        response.headers_mut().insert("content-type", html);
    }
    Reply::respond(response)
}

fn rig(change: impl FnOnce(PrefetchLayerBuilder) -> PrefetchLayerBuilder) -> Rig {
    let builder = eager().rules(ways()).browser_rules(RULES);
    Rig::answering(change(builder), html)
}

/// Asks for rules as a browser does that shows a page.
async fn ask(rig: &Rig, session: &str, from: Option<&str>) -> Response<String> {
    let mut request = get(session, RULES);
    if let Some(from) = from {
        let page = format!("http://shop.test{from}").parse().unwrap();
        request.headers_mut().insert(REFERER, page);
    }
    let service: SpeculationRules = rig.layer.speculation_rules();
    service.oneshot(request).await.unwrap()
}

fn list(urls: &str) -> String {
    match urls {
        "" => r#"{"prefetch":[]}"#.into(),
        urls => format!(r#"{{"prefetch":[{{"source":"list","urls":["{urls}"]}}]}}"#),
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_names_rules_that_are_the_sessions_own_and_never_stored() {
    let rig = rig(|builder| builder);
    let field = |response: &Response<Bytes>| response.headers().get("speculation-rules").cloned();
    let first = rig.get("ann", "/a").await;
    let again = rig.get("bob", "/a").await;
    // From the cache, and the same for both.
    assert_eq!(field(&first).unwrap(), "\"/rules.json\"");
    assert_eq!(field(&again), field(&first));
    assert_eq!(field(&rig.get("ann", "/data").await), None, "no page");

    let rules = ask(&rig, "ann", Some("/a")).await;
    assert_eq!(rules.body(), &list("/b"));
    assert_eq!(
        rules.headers()["content-type"],
        "application/speculationrules+json"
    );
    assert_eq!(rules.headers()["cache-control"], "private, no-store");
    assert_eq!(ask(&rig, "eve", None).await.body(), &list(""));
    let mut unknown = get("ann", RULES);
    unknown.headers_mut().remove("x-visit");
    let rules = rig.layer.speculation_rules().oneshot(unknown).await;
    assert_eq!(rules.unwrap().body(), &list(""));

    let stats = rig.stats();
    assert_eq!((stats.hints, stats.calls), (2, 0), "{stats:?}");
    assert_eq!(rig.paths(), ["/a", "/data"], "the layer fetches nothing");
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_asks_ahead_is_no_visit_until_its_user_comes() {
    let rig = rig(|builder| builder);
    rig.get("ann", "/a").await;
    let requests = rig.stats().requests;
    let mut ahead = get("ann", "/b");
    let purpose = "prefetch;prerender".parse().unwrap();
    ahead.headers_mut().insert("sec-purpose", purpose);
    rig.send(ahead).await.unwrap();
    assert_eq!(rig.stats().requests, requests);
    assert_eq!(ask(&rig, "ann", Some("/a")).await.body(), &list("/b"));
    // Bob has visited it, so that it is known; Ann visits what her browser has.
    rig.get("bob", "/b").await;
    assert_eq!(ask(&rig, "ann", Some("/b")).await.body(), &list("/c"));
    // A page of another site is none of hers.
    let mut request = get("ann", RULES);
    let page = "http://other.test/a".parse().unwrap();
    request.headers_mut().insert(REFERER, page);
    let rules = rig.layer.speculation_rules().oneshot(request).await;
    assert_eq!(rules.unwrap().body(), &list("/c"));
}

#[tokio::test(start_paused = true)]
async fn rules_name_only_what_pays_within_the_budget() {
    for (change, urls) in [
        (
            (|builder: PrefetchLayerBuilder| builder.value_of_waiting("0.0001"))
                as fn(PrefetchLayerBuilder) -> PrefetchLayerBuilder,
            "",
        ),
        (|builder| builder.min_confidence(0.99), ""),
        (|builder| builder.budget_per_hour("0.0005"), ""),
        (|builder| builder.budget_per_hour("0.001"), "/b"),
    ] {
        let rig = rig(change);
        rig.get("ann", "/a").await;
        assert_eq!(ask(&rig, "ann", Some("/a")).await.body(), &list(urls));
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_only_one_session_asks_for_is_told_to_no_other() {
    let builder = eager().browser_rules(RULES);
    let rig = Rig::answering(builder, html);
    for _ in 0..30 {
        rig.get("ann", "/a").await;
        rig.get("ann", "/secret-of-ann").await;
        pass(seconds(3_600)).await;
    }
    rig.get("bob", "/a").await;
    assert_eq!(ask(&rig, "bob", Some("/a")).await.body(), &list(""));
    rig.get("ann", "/a").await;
    let own = ask(&rig, "ann", Some("/a")).await;
    assert_eq!(own.body(), &list("/secret-of-ann"));
}

#[tokio::test(start_paused = true)]
async fn other_methods_are_refused() {
    let rig = rig(|builder| builder);
    let mut request = get("ann", RULES);
    *request.method_mut() = http::Method::POST;
    let response = rig.layer.speculation_rules().oneshot(request).await;
    let response = response.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "GET, HEAD");
}

#[test]
fn the_path_of_rules_is_absolute() {
    for path in ["", "rules.json", "//other.test/rules", "/a\"b", "/a b"] {
        let builder = PrefetchLayer::builder(SessionKey::tenant()).browser_rules(path);
        let error = builder.build().expect_err("an invalid setting");
        assert_eq!(error.setting(), "browser_rules", "{path}");
    }
}

/// A request as a browser made it.
type Made = (String, HeaderMap);

/// Reads the head of a request without a body.
async fn read(stream: &mut TcpStream) -> Option<Request<Full<Bytes>>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    let mut request = Request::get(target);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        request = request.header(name, value);
    }
    request.body(Full::default()).ok()
}

async fn write<B>(stream: &mut TcpStream, response: Response<B>)
where
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut text = format!("HTTP/1.1 {}\r\nconnection: close\r\n", head.status);
    for (name, value) in &head.headers {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    text += &format!("content-length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(&[text.as_bytes(), &body].concat()).await;
}

/// Serves pages and rules on loopback, and reports each request.
async fn serve(
    listener: TcpListener,
    pages: Prefetch<Scripted>,
    rules: SpeculationRules,
    made: UnboundedSender<Made>,
) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let (pages, rules, made) = (pages.clone(), rules.clone(), made.clone());
        tokio::spawn(async move {
            let Some(request) = read(&mut stream).await else {
                return;
            };
            let path = request.uri().path().to_owned();
            let _ = made.send((path.clone(), request.headers().clone()));
            match path.as_str() {
                RULES => write(&mut stream, rules.oneshot(request).await.unwrap()).await,
                _ => write(&mut stream, pages.oneshot(request).await.unwrap()).await,
            }
        });
    }
}

#[tokio::test]
async fn a_real_browser_fetches_the_page_that_its_user_visits_next() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let layer = PrefetchLayer::builder(SessionKey::header(http::header::USER_AGENT))
        .rules(ways())
        .browser_rules(RULES)
        .value_of_waiting("1")
        .price("0.001")
        .build()
        .unwrap();
    let (scripted, _) = Scripted::answering(|parts| {
        let body = ScriptedBody::new().data("<!doctype html><title>page</title>");
        let response = Response::builder().header("content-type", "text/html");
        let response = response.header("x-page", parts.uri.path());
        Reply::respond(response.body(body).unwrap())
    });
    let (made, mut requests) = mpsc::unbounded_channel();
    let server = serve(
        listener,
        layer.layer(scripted),
        layer.speculation_rules(),
        made,
    );
    let server = tokio::spawn(server);
    let profile = tempfile::tempdir().unwrap();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let started = names.into_iter().find_map(|name| {
        Command::new(name)
            .args(["--headless", "--no-sandbox", "--disable-gpu"])
            .arg("--remote-debugging-port=0")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("http://{address}/a"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .ok()
    });
    let Some(mut browser) = started else {
        println!("no browser is installed: nothing is tested");
        return;
    };
    let mut seen = Vec::new();
    let ahead = async {
        while let Some((path, headers)) = requests.recv().await {
            seen.push(path.clone());
            if path == "/b" {
                return Some(headers);
            }
        }
        None
    };
    let ahead = timeout(Duration::from_secs(120), ahead).await;
    let _ = browser.kill().await;
    server.abort();
    let headers = ahead.expect("the browser prefetches").unwrap();
    assert_eq!(headers["sec-purpose"], "prefetch");
    assert!(seen.contains(&RULES.to_owned()), "{seen:?}");
    let stats = layer.stats();
    assert_eq!((stats.requests, stats.hints), (1, 1), "{stats:?}");
}
