//! Connections with TLS.

use std::fs;

use scrimp_redis::{Degradation, RedisClient, RedisStore};
use tokio::time::timeout;

use crate::{
    rig::{Rig, SOON},
    server::{Server, free_port},
};

/// Starts a server that speaks TLS on a port of its own. Returns it with that port and the
/// certificate, which signs itself.
fn server() -> Option<(Server, u16, String)> {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder").keep();
    let (certificate, key) = (folder.join("certificate"), folder.join("key"));
    fs::write(&certificate, made.cert.pem()).expect("a file");
    fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    let text = |path: &std::path::Path| path.to_str().expect("text").to_owned();
    let port = free_port();
    let options = [
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &text(&certificate),
        "--tls-key-file",
        &text(&key),
        "--tls-ca-cert-file",
        &text(&certificate),
        "--tls-auth-clients",
        "no",
    ];
    Some((Server::start(&options)?, port, made.cert.pem()))
}

#[tokio::test]
async fn a_server_whose_certificate_is_trusted_is_used() {
    let Some((_server, port, certificate)) = server() else {
        return;
    };
    let builder = RedisClient::builder([format!("rediss://127.0.0.1:{port}")]);
    let builder = builder.command_timeout(SOON).connect_timeout(SOON);
    let rig = Rig::over(builder.tls_roots(certificate), RedisStore::new);
    rig.fill("/a").await;
    assert!(rig.get("/a").await.1);
}

#[tokio::test]
async fn a_server_whose_certificate_is_not_trusted_is_not_used() {
    let Some((_server, port, _)) = server() else {
        return;
    };
    let stranger = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
    let stranger = stranger.expect("a certificate").cert.pem();
    let builder = RedisClient::builder([format!("rediss://127.0.0.1:{port}")]);
    let builder = builder.command_timeout(SOON).connect_timeout(SOON);
    let rig = Rig::over(builder.tls_roots(stranger), RedisStore::new);
    assert!(!rig.get("/a").await.1);
    let change = timeout(SOON, rig.change()).await.expect("it is noticed");
    assert!(matches!(change, Degradation::Began { .. }));
    assert!(!rig.get("/a").await.1);
}

#[test]
fn tls_settings_without_tls_are_an_error() {
    let plain = RedisClient::builder(["redis://127.0.0.1:1"]).tls_roots("x");
    let error = plain.build().unwrap_err().to_string();
    assert!(
        error.starts_with("RedisClient: `tls_roots` is of no use"),
        "{error}"
    );
    let insecure = RedisClient::builder(["rediss://127.0.0.1:1/#insecure"]).build();
    assert!(insecure.is_err());
}
