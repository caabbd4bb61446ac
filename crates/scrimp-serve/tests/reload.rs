//! Reloads lose no request, keep what is stored, and refuse what is wrong.

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use common::{Gateway, TOKEN, Upstream, basics, figure, upstream};
use http_body_util::Full;

fn config(shop: &Upstream, ttl: &str, more: &str) -> String {
    [
        basics(),
        format!("[cache]\nrules = [\"path=/ruled/** ttl={ttl} override-origin\"]\n"),
        upstream("shop", shop.address, more),
        "[[route]]\nname = \"shop\"\nupstream = \"shop\"\n".into(),
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_over_many_reloads_under_load() {
    const RELOADS: usize = 50;
    let shop = Upstream::start("shop").await;
    let gateway = Arc::new(Gateway::start(&config(&shop, "1s", "")).await);
    let (done, sent, failed) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let clients = (0..8).map(|client| {
        let (gateway, done) = (Arc::clone(&gateway), Arc::clone(&done));
        let (sent, failed) = (Arc::clone(&sent), Arc::clone(&failed));
        tokio::spawn(async move {
            let mut number = 0;
            while !done.load(Relaxed) {
                number += 1;
                let (method, path) = match number % 3 {
                    0 => ("GET", "/ruled/1".to_owned()),
                    1 => ("GET", format!("/cached/{client}/{number}")),
                    _ => ("POST", "/posted".to_owned()),
                };
                let request = gateway
                    .request(method, &path)
                    .body(Full::from("body"))
                    .unwrap();
                let ok = match gateway.client.request(request).await {
                    Ok(response) => {
                        use http_body_util::BodyExt;
                        let status = response.status();
                        status == 200 && response.into_body().collect().await.is_ok()
                    }
                    Err(_) => false,
                };
                sent.fetch_add(1, Relaxed);
                failed.fetch_add(usize::from(!ok), Relaxed);
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    for reload in 0..RELOADS {
        // Each changes the rules and the upstream's settings, so that every layer is built anew.
        let more = format!(
            "timeout = \"{}s\"\nprice = \"0.{:03}\"\n",
            30 + reload,
            reload + 1
        );
        gateway.write(&config(&shop, &format!("{}s", 1 + reload % 3), &more));
        // So that requests go through each of the stacks.
        let before = sent.load(Relaxed);
        let handle = gateway.handle.clone();
        tokio::task::spawn_blocking(move || handle.reload())
            .await
            .unwrap()
            .unwrap();
        while sent.load(Relaxed) < before + 16 {
            tokio::task::yield_now().await;
        }
    }
    done.store(true, Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let (sent, failed) = (sent.load(Relaxed), failed.load(Relaxed));
    println!("{sent} requests, {RELOADS} reloads, {failed} failed");
    assert_eq!(failed, 0, "of {sent}");
    let metrics = gateway.handle.metrics();
    assert!(sent > RELOADS * 16, "{metrics}");
}

#[tokio::test]
async fn stored_responses_invalidations_counts_and_money_survive_a_reload() {
    let shop = Upstream::start("shop").await;
    let gateway = Gateway::start(&config(&shop, "1h", "price = \"0.5\"\n")).await;
    for path in ["/cached/1", "/cached/1", "/cached/2", "/cached/2"] {
        gateway.get(path).await;
    }
    assert_eq!(shop.calls(), 2);
    assert_eq!(
        gateway.operate("POST", "/purge?tag=2", Some(TOKEN)).await.0,
        200
    );
    // The rules change, so the cache is built anew; the store is the same.
    gateway.write(&config(&shop, "2h", "price = \"0.5\"\n"));
    let (status, told) = gateway.operate("POST", "/reload", Some(TOKEN)).await;
    assert_eq!((status.as_u16(), told.as_str()), (200, "reloaded\n"));
    gateway.get("/cached/1").await;
    assert_eq!(shop.calls(), 2, "it is still stored");
    gateway.get("/cached/2").await;
    assert_eq!(shop.calls(), 3, "it was purged before the reload");
    // An invalidation after the reload hits what was stored before.
    assert_eq!(
        gateway.operate("POST", "/purge?tag=1", Some(TOKEN)).await.0,
        200
    );
    gateway.get("/cached/1").await;
    assert_eq!(shop.calls(), 4);
    let metrics = gateway.handle.metrics();
    for (key, expected) in [
        ("scrimp_serve_cache_requests_total{result=\"hit\"}", 3.0),
        ("scrimp_serve_cache_requests_total{result=\"miss\"}", 4.0),
        ("scrimp_serve_spent_all{currency=\"USD\"}", 2.0),
        ("scrimp_serve_saved_all{currency=\"USD\"}", 1.5),
        (
            "scrimp_serve_requests_total{route=\"shop\",status=\"2xx\"}",
            7.0,
        ),
        ("scrimp_serve_reloads_total{outcome=\"done\"}", 1.0),
    ] {
        assert_eq!(figure(&metrics, key), Some(expected), "{key}\n{metrics}");
    }
    // Another size is another store.
    gateway.write(
        &config(&shop, "2h", "price = \"0.5\"\n")
            .replace("[cache]\n", "[cache]\nmemory = \"64M\"\n"),
    );
    gateway.handle.reload().unwrap();
    gateway.get("/cached/1").await;
    assert_eq!(shop.calls(), 5);
}

#[tokio::test]
async fn a_file_with_problems_changes_nothing_and_says_so() {
    let shop = Upstream::start("shop").await;
    let good = config(&shop, "1h", "");
    let gateway = Gateway::start(&good).await;
    gateway.get("/cached/1").await;
    for wrong in [
        "[",
        "",
        &good.replace("[cache]", "[cahce]"),
        &good.replace("upstream = ", "upsteam = "),
    ] {
        gateway.write(wrong);
        let (status, told) = gateway.operate("POST", "/reload", Some(TOKEN)).await;
        assert_eq!(status, 422, "{told}");
        assert!(told.contains("gateway.toml:"), "{told}");
        assert_eq!(gateway.get("/cached/1").await.0, 200);
    }
    assert_eq!(shop.calls(), 1);
    let metrics = gateway.handle.metrics();
    assert_eq!(
        figure(&metrics, "scrimp_serve_reloads_total{outcome=\"refused\"}"),
        Some(4.0)
    );
    gateway.write(&good.replace("127.0.0.1:0", "127.0.0.1:1"));
    let told = gateway.handle.reload().unwrap();
    assert_eq!(told.needs_restart, ["[server]", "[admin]"]);
    assert_eq!(gateway.get("/cached/1").await.0, 200);
}

#[tokio::test]
async fn a_token_and_a_tenant_can_be_taken_away_by_a_reload() {
    let shop = Upstream::start("shop").await;
    let gateway = Gateway::start(&config(&shop, "1h", "")).await;
    assert_eq!(gateway.operate("GET", "/metrics", Some(TOKEN)).await.0, 200);
    gateway.write(&config(&shop, "1h", "").replace(TOKEN, "another"));
    gateway.handle.reload().unwrap();
    assert_eq!(gateway.operate("GET", "/metrics", Some(TOKEN)).await.0, 401);
    assert_eq!(
        gateway.operate("GET", "/metrics", Some("another")).await.0,
        200
    );
    let without = config(&shop, "1h", "");
    let (before, after) = without.split_once("[admin]").unwrap();
    gateway.write(&[before, &after[after.find("[cache]").unwrap()..]].concat());
    gateway.handle.reload().unwrap();
    assert_eq!(
        gateway.operate("GET", "/metrics", Some("another")).await.0,
        401
    );
}

#[tokio::test]
async fn a_new_key_of_a_provider_is_sent_after_a_reload() {
    let api = Upstream::start("api").await;
    let config = |key: &str| {
        let address = api.address;
        [
            basics(),
            format!("[[provider]]\nname = \"a\"\nendpoint = \"http://{address}\"\nprice = \"1\"\nkey = {{ plain = \"{key}\" }}\n"),
            "[[route]]\nname = \"one\"\npath = \"/one\"\nproviders = [\"a\"]\n".into(),
            "[[route]]\nname = \"two\"\nproviders = [\"a\"]\n".into(),
        ]
        .concat()
    };
    let gateway = Gateway::start(&config("old-key")).await;
    assert!(gateway.get("/one").await.2.contains("auth=Bearer old-key"));
    gateway.write(&config("new-key"));
    gateway.handle.reload().unwrap();
    assert!(gateway.get("/one").await.2.contains("auth=Bearer new-key"));
    assert!(gateway.get("/two").await.2.contains("auth=Bearer new-key"));
    // Both routes have one layer, whose calls are counted once.
    let metrics = gateway.handle.metrics();
    let calls = metrics
        .lines()
        .filter(|line| line.starts_with("scrimp_serve_provider_calls_total"));
    let calls: f64 = calls
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
        .sum();
    assert_eq!(calls, 2.0, "{metrics}");
}
