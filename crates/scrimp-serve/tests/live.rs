//! The live page in a browser, if there is one: each number on it is that of `/metrics`.

mod common;

use std::{
    convert::Infallible,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use common::{Gateway, TOKEN, Upstream, basics, upstream};
use http_body_util::{BodyExt, Full};
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

/// Compares all numbers of several snapshots with `/metrics`, and reports.
const COMPARE: &str = r##"
const wanted = 4, compared = new Set(), wrong = new Set();
let numbers = 0, moved = false, last = "";
const token = "TOKEN";
async function compare() {
  const shown = document.body.dataset.sequence;
  // Read before the figures are fetched: the page may go on meanwhile.
  const spans = [...document.querySelectorAll("[data-key]")].map((span) => [span.dataset.key, span.dataset.value, span.textContent]);
  const response = await fetch("metrics", { headers: { authorization: "Bearer " + token } });
  const lines = (await response.text()).split("\n").filter((line) => line && !line.startsWith("#"));
  const values = new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)]));
  if (values.get("scrimp_serve_snapshot_sequence") !== shown || compared.has(shown)) return;
  compared.add(shown);
  for (const [key, value, text] of spans) {
    numbers += 1;
    if (values.get(key) !== value) wrong.add(`${key}: ${value} on the page, ${values.get(key)} in the metrics`);
    // The text itself: without its grouping and units it is the number, or a rounding of it.
    if (!/\d/.test(text)) wrong.add(`${key}: shown as "${text}"`);
  }
  const whole = spans.filter(([key]) => key.includes("_total"));
  for (const [key, value, text] of whole)
    if (text.replaceAll(",", "") !== value) wrong.add(`${key}: ${value} is shown as ${text}`);
  const all = whole.map(([, value]) => value).join();
  moved ||= last !== "" && last !== all;
  last = all;
  if (compared.size < wanted) return;
  const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
  const cut = [...document.querySelectorAll(".scroll, .card, .tile")].filter((part) => part.scrollWidth > part.clientWidth);
  const report = { numbers, moved, wide, cut: cut.map((part) => part.textContent), wrong: [...wrong], keys: [...new Set(spans.map(([key]) => key))] };
  await fetch("result", { method: "POST", body: JSON.stringify(report) });
}
new MutationObserver(compare).observe(document.body, { attributes: true, attributeFilter: ["data-sequence"] });
sessionStorage.setItem("token", token);
"##;

/// Serves the page of the gateway with the script before its own, and passes its calls on.
async fn with_script(gateway: Arc<Gateway>, results: mpsc::Sender<String>) -> std::net::SocketAddr {
    let app = Router::new().fallback(move |request: Request| {
        let (gateway, results) = (Arc::clone(&gateway), results.clone());
        async move { Ok::<_, Infallible>(answer(&gateway, &results, request).await) }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

async fn answer(gateway: &Gateway, results: &mpsc::Sender<String>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if path == "/result" {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let _ = results
            .send(String::from_utf8_lossy(&body).into_owned())
            .await;
        return Response::new(Body::empty());
    }
    let mut call = http::Request::get(format!("http://{}{path}", gateway.admin.unwrap()));
    if let Some(token) = request.headers().get("authorization") {
        call = call.header("authorization", token);
    }
    let response = gateway
        .client
        .request(call.body(Full::<Bytes>::default()).unwrap())
        .await
        .unwrap();
    if path != "/" {
        return response.map(Body::new);
    }
    let (mut parts, body) = response.into_parts();
    let page = body.collect().await.unwrap().to_bytes();
    let page = String::from_utf8(page.to_vec()).unwrap();
    assert!(
        parts.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'")
    );
    for resource in ["src=", "href=", "@import", "url(", "http://", "https://"] {
        assert!(
            !page.contains(resource),
            "the page uses another resource: {resource}"
        );
    }
    let script = COMPARE.replace("TOKEN", TOKEN);
    let page = page.replacen("<script>", &format!("<script>{script}</script><script>"), 1);
    // The policy stays: the page's own script works under it, and this one's digest is added.
    let digest = format!(
        "script-src 'sha256-{}'",
        STANDARD.encode(Sha256::digest(script))
    );
    let policy = parts.headers["content-security-policy"].to_str().unwrap();
    let policy = policy.replace("script-src", &digest);
    parts
        .headers
        .insert("content-security-policy", policy.parse().unwrap());
    parts.headers.remove("content-length");
    Response::from_parts(parts, Body::from(page))
}

fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.into_iter().find(|name| {
        let mut version = Command::new(name);
        let version = version
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_on_the_page_is_that_of_the_metrics_under_load() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no chromium is installed");
        return;
    };
    let (shop, api) = (Upstream::start("shop").await, Upstream::start("api").await);
    let config = [
        basics(),
        "[[budget]]\nname = \"all\"\nlimit = \"1000\"\n[[budget]]\nname = \"each\"\nlimit = \"500\"\nper = \"provider\"\n".into(),
        upstream("shop", shop.address, "price = \"0.002\"\nrate = \"100000/second\"\n"),
        format!("[[provider]]\nname = \"east\"\nendpoint = \"http://{}\"\nprice = \"0.01\"\n", api.address),
        format!("[[provider]]\nname = \"west\"\nendpoint = \"http://{}/v1\"\nprice = \"0.02\"\n", api.address),
        "[[route]]\nname = \"models\"\npath = \"/chat/**\"\nproviders = [\"east\", \"west\"]\n".into(),
        "[[route]]\nname = \"<b>shop</b> \\\"&\"\nupstream = \"shop\"\nstampede = true\n".into(),
    ];
    let gateway = Arc::new(Gateway::start(&config.concat()).await);
    let (results, mut result) = mpsc::channel(1);
    let page = with_script(Arc::clone(&gateway), results).await;

    let done = Arc::new(AtomicBool::new(false));
    let load = (0..4).map(|client| {
        let (gateway, done) = (Arc::clone(&gateway), Arc::clone(&done));
        tokio::spawn(async move {
            for number in 0.. {
                if done.load(Relaxed) {
                    break;
                }
                let path = match number % 5 {
                    0 => format!("/cached/{}", number % 40),
                    1 => format!("/private/{client}"),
                    2 => "/chat/completions".to_owned(),
                    3 => "/fails".to_owned(),
                    _ => "/cached/hot".to_owned(),
                };
                gateway.get(&path).await;
            }
        })
    });
    let load: Vec<_> = load.collect();

    let profile = tempfile::tempdir().unwrap();
    let mut child = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--remote-debugging-port=0",
            // As narrow as a phone: nothing may be cut off.
            "--window-size=420,900",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("http://{page}/"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let report = timeout(Duration::from_secs(120), result.recv()).await;
    child.kill().unwrap();
    child.wait().unwrap();
    done.store(true, Relaxed);
    for client in load {
        client.await.unwrap();
    }
    let report = report
        .expect("the page compares its numbers in time")
        .unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["wrong"], serde_json::json!([]), "{report:#}");
    assert_eq!(report["cut"], serde_json::json!([]), "{report:#}");
    assert_eq!(
        (&report["moved"], &report["wide"]),
        (&true.into(), &false.into()),
        "{report:#}"
    );
    let keys: Vec<&str> = report["keys"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|key| key.as_str())
        .collect();
    for part in [
        "saved_all",
        "spent_all",
        "cache_hit_rate",
        "in_flight_all",
        "saved{layer=",
        "not_stored_total{reason=\"private\"}",
        "provider_latency_seconds",
        "provider_error_rate",
        "budget_spent",
        "budget_rest",
        "requests_total{route=\"models\"",
        "requests_total{route=\"<b>shop</b> \\\"&\",status=\"5xx\"}",
    ] {
        assert!(
            keys.iter().any(|key| key.contains(part)),
            "no {part} on the page: {keys:#?}"
        );
    }
    println!(
        "{} numbers compared, {} of them different ones",
        report["numbers"],
        keys.len()
    );
}
