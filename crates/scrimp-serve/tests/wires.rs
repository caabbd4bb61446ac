//! TLS, HTTP/2, Redis and a disk behind the gateway.

mod common;

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use common::{Gateway, TOKEN, Upstream, basics, upstream};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

#[tokio::test]
async fn an_https_upstream_is_verified_and_called_over_http_2() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (chain, key) = (
        file("chain", certificate.pem()),
        file("key", key.serialize_pem()),
    );
    let ca = file("ca", authority.pem());

    let shop = Upstream::start("shop").await;
    let inner = [
        format!("[server]\nlisten = \"127.0.0.1:0\"\ncertificates = {chain:?}\nkey = {key:?}\n"),
        upstream("shop", shop.address, ""),
        "[[route]]\nupstream = \"shop\"\n".into(),
    ];
    let inner = Gateway::start(&inner.concat()).await;
    let outer = |more: &str| {
        let url = format!(
            "[[upstream]]\nname = \"inner\"\nurl = \"https://{}\"\n{more}",
            inner.address
        );
        [basics(), url, "[[route]]\nupstream = \"inner\"\n".into()].concat()
    };
    let trusting = Gateway::start(&outer(&format!("ca = {ca:?}\n"))).await;
    let (status, _, text) = trusting.get("/x").await;
    assert_eq!(status, 200, "{text}");
    assert!(
        text.ends_with("via=1.1 scrimp-gateway,2.0 scrimp-gateway"),
        "{text}"
    );

    let other = rcgen::generate_simple_self_signed(["other".to_owned()]).unwrap();
    let other = file("other", other.cert.pem());
    let wary = Gateway::start(&outer(&format!("ca = {other:?}\n"))).await;
    let (status, _, text) = wary.get("/x").await;
    assert!(
        status == 502 && text.contains("upstream-certificate"),
        "{status} {text}"
    );
    assert_eq!(shop.calls(), 1);
}

/// A Redis of the test's own. It is killed when dropped.
struct Redis(Child, u16);

impl Redis {
    fn start() -> Option<Self> {
        Self::with("--port", &[])
    }

    /// Starts one whose `port` option gets a free port.
    fn with(port_option: &str, more: &[&str]) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let server = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--port", "0"])
            .args([port_option, &port.to_string()])
            .args(more)
            .stdout(Stdio::piped())
            .spawn();
        let mut server = server.ok()?;
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        assert!(
            lines.any(|line| line.unwrap().contains("Ready to accept")),
            "Redis does not start"
        );
        // What it writes later has a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self(server, port))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks for a page of one host, which all gateways serve. Returns the Cache-Status.
async fn ask(gateway: &Gateway, path: &str) -> String {
    let request = gateway.request("GET", path).header("host", "shop.example");
    let (_, head, _) = gateway
        .send(request.body(Default::default()).unwrap())
        .await;
    head["cache-status"].to_str().unwrap().to_owned()
}

/// Stores other pages. Writes to Redis go on in the background, one after the other, so what was stored
/// before is there when most of these are.
async fn fill(gateway: &Gateway) {
    for page in 100..150 {
        ask(gateway, &format!("/cached/{page}")).await;
    }
}

#[tokio::test]
async fn gateways_over_one_redis_share_responses_purges_and_budgets() {
    let Some(redis) = Redis::start() else {
        eprintln!("skipped: redis-server is not installed");
        return;
    };
    let shop = Upstream::start("shop").await;
    let config = |more: &str| {
        [
            basics(),
            format!(
                "[cache.redis]\nurl = \"redis://127.0.0.1:{}\"\ntimeout = \"2s\"\n{more}",
                redis.1
            ),
            "[[budget]]\nname = \"all\"\nlimit = \"100\"\n".into(),
            upstream(
                "shop",
                shop.address,
                "price = \"1\"\nrate = \"1000/second\"\n",
            ),
            "[[route]]\nupstream = \"shop\"\nstampede = true\n".into(),
        ]
        .concat()
    };
    let (one, two) = (
        Gateway::start(&config("")).await,
        Gateway::start(&config("")).await,
    );
    let get = async |gateway: &Gateway| ask(gateway, "/cached/7").await;
    assert!(get(&one).await.contains("fwd="));
    fill(&one).await;
    let calls = shop.calls();
    assert!(get(&two).await.contains("hit"));
    assert_eq!(shop.calls(), calls);
    assert_eq!(
        two.operate("POST", "/purge?tag=7", Some(TOKEN)).await.0,
        200
    );
    let fetched_again = async {
        while shop.calls() == calls {
            get(&one).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), fetched_again)
        .await
        .unwrap();

    // A reload keeps the place in the fleet, and another prefix is another fleet.
    one.write(&config("").replace("1000/second", "2000/second"));
    one.handle.reload().unwrap();
    let calls = shop.calls();
    assert!(get(&one).await.contains("hit"));
    assert_eq!(shop.calls(), calls);
    one.write(&config("prefix = \"other\"\n"));
    one.handle.reload().unwrap();
    assert!(get(&one).await.contains("fwd="));
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn a_redis_with_tls_is_used_if_its_certificate_is_trusted() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let certificate = file("certificate", made.cert.pem());
    let key = file("key", made.signing_key.serialize_pem());
    let other = file("other", other.cert.pem());
    let options = [
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-auth-clients",
        "no",
    ];
    let Some(redis) = Redis::with("--tls-port", &options) else {
        eprintln!("skipped: redis-server is not installed");
        return;
    };
    for (ca, shared) in [(&certificate, true), (&other, false)] {
        let shop = Upstream::start("shop").await;
        let config = [
            basics(),
            format!(
                "[cache.redis]\nurl = \"rediss://127.0.0.1:{}\"\nca = {ca:?}\ntimeout = \"2s\"\nprefix = \"{}\"\n",
                redis.1,
                shop.address.port()
            ),
            // Redis keeps what has a price: this upstream is faster than it.
            upstream("shop", shop.address, "price = \"1\"\n"),
            "[[route]]\nupstream = \"shop\"\n".into(),
        ]
        .concat();
        let (one, two) = (Gateway::start(&config).await, Gateway::start(&config).await);
        ask(&one, "/cached/7").await;
        fill(&one).await;
        let found = ask(&two, "/cached/7").await.contains("hit");
        assert_eq!(found, shared, "{ca}");
        one.stop().await;
        two.stop().await;
    }
}

#[tokio::test]
async fn a_reload_goes_on_with_the_folder_in_use() {
    let shop = Upstream::start("shop").await;
    let folder = tempfile::tempdir().unwrap();
    let config = [
        basics(),
        format!(
            "[cache.disk]\nfolder = {:?}\nsize = \"64M\"\n",
            folder.path()
        ),
        upstream("shop", shop.address, ""),
        "[[route]]\nupstream = \"shop\"\n".into(),
    ]
    .concat();
    let gateway = Gateway::start(&config).await;
    gateway.get("/cached/1").await;
    // Rules change and the folder stays in use.
    gateway.write(&config.replace("[cache.disk]", "[cache]\nheuristics = false\n[cache.disk]"));
    gateway.handle.reload().unwrap();
    gateway.get("/cached/1").await;
    assert_eq!(shop.calls(), 1);
    gateway.stop().await;
}
