//! Certificates and TLS settings, for the upstream and for clients.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use scrimp_core::BoxError;

/// Returns the settings for an upstream. Without `roots` those of the system count.
pub(crate) fn client(roots: Option<RootCertStore>) -> Result<ClientConfig, BoxError> {
    let roots = match roots {
        Some(roots) => roots,
        None => system_roots()?,
    };
    let versions = ClientConfig::builder_with_provider(provider());
    let config = versions.with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Returns the settings for clients, which may choose HTTP/2 or HTTP/1.1.
pub(crate) fn server(certificates: &[u8], key: &[u8]) -> Result<ServerConfig, BoxError> {
    let chain = certificates_in(certificates)?;
    let key = PrivateKeyDer::from_pem_slice(key)?;
    let versions = ServerConfig::builder_with_provider(provider());
    let config = versions.with_safe_default_protocol_versions()?;
    let mut config = config.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Reads certificate authorities in PEM.
pub(crate) fn roots(pem: &[u8]) -> Result<RootCertStore, BoxError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_in(pem)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn certificates_in(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BoxError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read? {
        none if none.is_empty() => Err("there is no certificate in the text".into()),
        some => Ok(some),
    }
}

fn system_roots() -> Result<RootCertStore, BoxError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.into_iter().next();
        let why = why.map_or_else(String::new, |error| format!(": {error}"));
        return Err(format!("the system has no certificate authorities{why}").into());
    }
    Ok(roots)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
