//! TLS on both sides, with certificates of an authority made here.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Gateway, echo};

/// A certificate authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

// === impl Authority ===

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Issues a certificate for a name or an address, which ends with this year.
    pub(crate) fn issue(&self, name: &str, last_year: i32) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(last_year, 12, 31);
        let key = KeyPair::generate().unwrap();
        Identity {
            certificate: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// Connects to a gateway that speaks TLS, as a client that accepts one protocol.
    pub(crate) async fn connect(&self, gateway: &Gateway, protocol: &str) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.into()];
        let stream = TcpStream::connect(gateway.address).await.unwrap();
        let name = ServerName::from(gateway.address.ip());
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, stream).await.unwrap()
    }
}

/// Starts a gateway that speaks TLS, before an upstream that echoes.
pub(crate) async fn secure_echo(identity: &Identity) -> Gateway {
    Gateway::with(echo().await, |builder| {
        builder.tls(&identity.certificate, &identity.key)
    })
    .await
}

/// Gets a page through a gateway whose upstream is another one, with TLS between them.
async fn through(trusted: &Authority, identity: &Identity) -> String {
    let inner = secure_echo(identity).await;
    let gateway = Gateway::at(format!("https://{}", inner.address), |builder| {
        builder.upstream_ca(trusted.pem())
    })
    .await;
    gateway.get("/page").await
}

#[tokio::test]
async fn a_trusted_upstream_is_called_over_tls_and_http_2() {
    let authority = Authority::new();
    let identity = authority.issue("127.0.0.1", 2999);
    let seen = through(&authority, &identity).await;
    assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
    assert!(seen.contains("get /page http/1.1\r\n"), "{seen}");
    let (head, echoed) = seen.split_once("\r\n\r\n").unwrap();
    // The inner gateway was asked, and has answered, over HTTP/2.
    for part in [head, echoed] {
        let via = "via: 1.1 scrimp-gateway\r\nvia: 2.0 scrimp-gateway\r\n";
        assert!(part.contains(via), "{seen}");
    }
    assert!(echoed.contains("x-forwarded-proto: https\r\n"), "{seen}");
}

#[tokio::test]
async fn an_upstream_with_a_wrong_certificate_becomes_a_502_that_says_so() {
    let authority = Authority::new();
    let stranger = Authority::new();
    for (why, identity) in [
        ("a wrong name", authority.issue("shop.test", 2999)),
        ("a wrong address", authority.issue("127.0.0.2", 2999)),
        ("expired", authority.issue("127.0.0.1", 2021)),
        ("another authority", stranger.issue("127.0.0.1", 2999)),
    ] {
        let seen = through(&authority, &identity).await;
        assert!(seen.starts_with("HTTP/1.1 502 "), "{why}: {seen}");
        let reason = "proxy-status: scrimp-gateway; error=tls_certificate_error; \
                      details=\"upstream-certificate\"\r\n";
        assert!(seen.contains(reason), "{why}: {seen}");
        assert!(seen.contains("urn:scrimp:gateway:upstream-certificate"));
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_speak_tls_becomes_a_502_that_says_so() {
    let talker = super::upstream(async |mut wire| {
        wire.write("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        wire.rest().await;
    })
    .await;
    let authority = Authority::new();
    let gateway = Gateway::at(format!("https://{talker}"), |builder| {
        builder.upstream_ca(authority.pem())
    })
    .await;
    let seen = gateway.get("/").await;
    assert!(seen.starts_with("HTTP/1.1 502 "), "{seen}");
    assert!(seen.contains("error=tls_protocol_error"), "{seen}");
}

#[tokio::test]
async fn with_its_host_preserved_an_upstream_is_called_over_http_1() {
    let authority = Authority::new();
    let inner = Gateway::with(echo().await, |builder| {
        let identity = authority.issue("127.0.0.1", 2999);
        builder
            .preserve_host()
            .tls(identity.certificate, identity.key)
    })
    .await;
    let gateway = Gateway::at(format!("https://{}", inner.address), |builder| {
        builder.upstream_ca(authority.pem()).preserve_host()
    })
    .await;
    let seen = gateway.get("/").await;
    assert!(seen.contains("\nhost: shop.test\r\n"), "{seen}");
    assert!(!seen.contains("via: 2.0"), "{seen}");
}

#[tokio::test]
async fn a_client_chooses_http_1_over_tls() {
    let authority = Authority::new();
    let gateway = secure_echo(&authority.issue("127.0.0.1", 2999)).await;
    let mut stream = authority.connect(&gateway, "http/1.1").await;
    let request = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut seen = String::new();
    stream.read_to_string(&mut seen).await.unwrap();
    assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
    assert!(seen.contains("x-forwarded-proto: https\r\n"), "{seen}");
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_handshake_is_closed() {
    let identity = Authority::new().issue("127.0.0.1", 2999);
    let gateway = Gateway::with(echo().await, |builder| {
        builder
            .tls(identity.certificate, identity.key)
            .header_timeout(std::time::Duration::from_millis(200))
    })
    .await;
    let mut wire = gateway.connect().await;
    wire.write([22, 3, 1]).await;
    assert_eq!(wire.rest().await, "");
}
