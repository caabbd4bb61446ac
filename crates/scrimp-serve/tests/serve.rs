//! Routes, tenants, providers and the operators' side, over real sockets.

mod common;

use bytes::Bytes;
use common::{Gateway, TOKEN, Upstream, basics, figure, upstream};
use http_body_util::Full;

#[tokio::test]
async fn the_first_route_whose_host_path_and_method_fit_decides() {
    let (shop, api) = (Upstream::start("shop").await, Upstream::start("api").await);
    let config = [
        basics(),
        upstream("shop", shop.address, ""),
        upstream("api", api.address, ""),
        "[[route]]\npath = \"/api/{version}/**\"\nmethods = [\"GET\"]\nupstream = \"api\"\n".into(),
        "[[route]]\nname = \"host\"\nhost = \"*.api.example\"\nupstream = \"api\"\n".into(),
        "[[route]]\nname = \"shop\"\npath = \"/shop/**\"\nupstream = \"shop\"\n".into(),
    ]
    .concat();
    let gateway = Gateway::start(&config).await;
    let of = |text: String| text.split(' ').next().unwrap().to_owned();
    assert_eq!(of(gateway.get("/api/v1/x").await.2), "api");
    assert_eq!(of(gateway.get("/shop/x").await.2), "shop");
    // An escape is the same path to the server behind.
    assert_eq!(of(gateway.get("/a%70i/v1/x").await.2), "api");
    let with_host = gateway
        .request("GET", "/else")
        .header("host", "eu.api.example:8080");
    assert_eq!(
        of(gateway
            .send(with_host.body(Full::default()).unwrap())
            .await
            .2),
        "api"
    );
    for (method, path) in [("POST", "/api/v1/x"), ("GET", "/else"), ("GET", "/shopx")] {
        let request = gateway.request(method, path).body(Full::default()).unwrap();
        let (status, headers, text) = gateway.send(request).await;
        assert_eq!(status, 404, "{method} {path}");
        assert_eq!(headers["content-type"], "application/problem+json");
        assert!(text.contains("urn:scrimp:serve:route"), "{text}");
    }
    let metrics = gateway.handle.metrics();
    let unrouted = "scrimp_serve_requests_total{route=\"\",status=\"4xx\"}";
    assert_eq!(figure(&metrics, unrouted), Some(3.0), "{metrics}");
}

#[tokio::test]
async fn tenants_share_nothing_and_upstreams_do_not_see_their_keys() {
    let shop = Upstream::start("shop").await;
    let config = [
        basics(),
        "[tenants]\nheader = \"x-api-key\"\n".into(),
        "[[tenant]]\nname = \"acme\"\nkey = { plain = \"key of acme\" }\n".into(),
        "[[tenant]]\nname = \"zeta\"\nkey = { plain = \"key of zeta\" }\n".into(),
        upstream("shop", shop.address, ""),
        "[[route]]\nupstream = \"shop\"\n".into(),
    ]
    .concat();
    let gateway = Gateway::start(&config).await;
    let get = async |key: &str| {
        let request = gateway.request("GET", "/cached/1").header("x-api-key", key);
        gateway.send(request.body(Full::default()).unwrap()).await
    };
    for key in ["key of acme", "key of acme", "key of zeta", "key of zeta"] {
        let (status, _, text) = get(key).await;
        assert_eq!(
            (status.as_u16(), text.contains("key=-")),
            (200, true),
            "{text}"
        );
    }
    assert_eq!(shop.calls(), 2, "one call each");
    for wrong in ["", "key", "key of acme ", "KEY OF ACME"] {
        let (status, headers, _) = get(wrong).await;
        let same = wrong.trim() == "key of acme";
        assert_eq!(status == 200, same, "{wrong:?}");
        assert_eq!(headers.contains_key("www-authenticate"), !same);
    }
    let twice = gateway.request("GET", "/cached/1");
    let twice = twice
        .header("x-api-key", "key of acme")
        .header("x-api-key", "key of zeta");
    let (status, ..) = gateway.send(twice.body(Full::default()).unwrap()).await;
    assert_eq!(status, 401);
    assert_eq!(gateway.get("/cached/1").await.0, 401);
    assert_eq!(shop.calls(), 2);
}

#[tokio::test]
async fn the_cheapest_provider_answers_with_its_own_key_until_the_budget_is_spent() {
    let (dear, cheap) = (
        Upstream::start("dear").await,
        Upstream::start("cheap").await,
    );
    let provider = |name: &str, address, price: &str| {
        format!(
            "[[provider]]\nname = \"{name}\"\nendpoint = \"http://{address}/v1\"\nprice = \"{price}\"\n\
             key = {{ plain = \"key-of-{name}\" }}\n"
        )
    };
    let config = [
        basics(),
        provider("dear", dear.address, "5"),
        provider("cheap", cheap.address, "1"),
        "[[budget]]\nname = \"all\"\nlimit = \"3\"\nperiod = \"forever\"\n".into(),
        "[[route]]\nname = \"chat\"\nproviders = [\"dear\", \"cheap\"]\n".into(),
    ]
    .concat();
    let gateway = Gateway::start(&config).await;
    let post = async || {
        let request = gateway
            .request("POST", "/chat")
            .header("authorization", "Bearer mine");
        gateway.send(request.body(Full::from("{}")).unwrap()).await
    };
    for _ in 0..3 {
        let (status, _, text) = post().await;
        assert_eq!(status, 200, "{text}");
        assert!(
            text.starts_with("cheap /v1/chat") && text.contains("auth=Bearer key-of-cheap"),
            "{text}"
        );
    }
    let (status, _, text) = post().await;
    assert_eq!(status, 402, "{text}");
    assert_eq!((cheap.calls(), dear.calls()), (3, 0));
    let metrics = gateway.handle.metrics();
    let spent = "scrimp_serve_budget_spent{budget=\"all\",account=\"\",currency=\"USD\"}";
    assert_eq!(figure(&metrics, spent), Some(3.0), "{metrics}");
}

#[tokio::test]
async fn without_the_token_the_operators_side_is_closed() {
    let shop = Upstream::start("shop").await;
    let config = [
        basics(),
        upstream("shop", shop.address, ""),
        "[[route]]\nupstream = \"shop\"\n".into(),
    ];
    let gateway = Gateway::start(&config.concat()).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(gateway.operate("GET", path, None).await.0, 200, "{path}");
    }
    let (status, page) = gateway.operate("GET", "/", None).await;
    assert!(status == 200 && page.contains("<!doctype html>"), "{page}");
    for (method, path) in [
        ("GET", "/metrics"),
        ("GET", "/live"),
        ("GET", "/stats"),
        ("POST", "/reload"),
        ("POST", "/purge?everything"),
        ("PURGE", "/cached/1"),
        ("PURGE", "/"),
        ("PURGE", "/healthz"),
        ("POST", "/healthz"),
    ] {
        for token in [
            None,
            Some(""),
            Some("a token for test"),
            Some("a token for tests2"),
        ] {
            let (status, text) = gateway.operate(method, path, token).await;
            assert_eq!(status, 401, "{method} {path} {token:?}: {text}");
        }
    }
    // On the clients' address there is no PURGE at all, and no other path is the operators'.
    let request = gateway
        .request("PURGE", "/cached/1")
        .header("authorization", format!("Bearer {TOKEN}"));
    assert_eq!(
        gateway.send(request.body(Full::default()).unwrap()).await.0,
        403
    );
    assert!(gateway.get("/metrics").await.2.starts_with("shop /metrics"));
}

#[tokio::test]
async fn purges_by_path_tag_and_pattern_hold_at_once() {
    let shop = Upstream::start("shop").await;
    let config = [
        basics(),
        "purge = true\n".into(),
        upstream("shop", shop.address, ""),
        "[[route]]\nupstream = \"shop\"\n".into(),
    ];
    let gateway = Gateway::start(&config.concat()).await;
    let calls = async || {
        gateway.get("/cached/7").await;
        gateway.get("/cached/7").await;
        shop.calls()
    };
    assert_eq!(calls().await, 1);
    let host = gateway.address;
    for (done, path) in [
        "/purge?tag=7",
        "/purge?glob=7*",
        "/purge?path=/cached/7",
        "/purge?everything",
    ]
    .iter()
    .enumerate()
    {
        let (status, text) = gateway.operate("POST", path, Some(TOKEN)).await;
        assert_eq!(status, 200, "{text}");
        assert_eq!(calls().await, done + 2, "{path} for {host}: {text}");
    }
    let purge = |token: &str| {
        let request = gateway
            .request("PURGE", "/cached/7")
            .header("authorization", format!("Bearer {token}"));
        request.body(Full::default()).unwrap()
    };
    assert_eq!(gateway.send(purge("wrong")).await.0, 403);
    assert_eq!(calls().await, 5);
    assert_eq!(gateway.send(purge(TOKEN)).await.0, 200);
    assert_eq!(calls().await, 6);
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused() {
    let shop = Upstream::start("shop").await;
    let config = [
        "[server]\nlisten = \"127.0.0.1:0\"\nmax_body = \"1K\"\n".into(),
        upstream("shop", shop.address, ""),
        "[[route]]\nupstream = \"shop\"\n".into(),
    ];
    let gateway = Gateway::start(&config.concat()).await;
    let post = |length: usize| {
        let body = Full::from(Bytes::from(vec![b'x'; length]));
        gateway.request("POST", "/x").body(body).unwrap()
    };
    assert_eq!(gateway.send(post(1024)).await.0, 200);
    assert_eq!(gateway.send(post(1025)).await.0, 413);
    assert_eq!(shop.calls(), 1);
    gateway.stop().await;
}
