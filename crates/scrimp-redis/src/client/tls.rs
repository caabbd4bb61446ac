//! TLS settings of connections.

use redis::{
    Client, ConnectionInfo, RedisResult, cluster::ClusterClientBuilder,
    sentinel::SentinelClientBuilder,
};
use scrimp_core::SettingError;

#[cfg(feature = "tls")]
pub(super) use with::Tls;
#[cfg(not(feature = "tls"))]
pub(super) use without::Tls;

#[cfg(feature = "tls")]
mod with {
    use redis::{ClientTlsConfig, ConnectionAddr, TlsCertificates, TlsMode};
    use rustls::crypto::{CryptoProvider, ring};

    use super::*;
    use crate::client::config::OWNER;

    /// Authorities that are trusted, and the certificate of this client.
    #[derive(Clone, Default)]
    pub(in crate::client) struct Tls {
        pub(in crate::client) roots: Option<Vec<u8>>,
        pub(in crate::client) identity: Option<(Vec<u8>, Vec<u8>)>,
    }

    impl Tls {
        /// Checks that the settings fit a server.
        pub(in crate::client) fn fits(&self, server: &ConnectionInfo) -> Result<(), SettingError> {
            match server.addr() {
                ConnectionAddr::TcpTls { insecure: true, .. } => {
                    let problem = "must not end with `#insecure`: set `tls_roots` instead";
                    Err(SettingError::new(OWNER, "urls", problem))
                }
                ConnectionAddr::TcpTls { .. } => {
                    // redis-rs takes the provider of the process. An error means that it has one.
                    if CryptoProvider::get_default().is_none() {
                        let _ = ring::default_provider().install_default();
                    }
                    Ok(())
                }
                _ if self.certificates().is_some() => {
                    let problem = "is of no use without URLs that begin with `rediss:`";
                    Err(SettingError::new(OWNER, "tls_roots", problem))
                }
                _ => Ok(()),
            }
        }

        pub(in crate::client) fn single(&self, server: ConnectionInfo) -> RedisResult<Client> {
            match self.certificates() {
                Some(certificates) => Client::build_with_tls(server, certificates),
                None => Client::open(server),
            }
        }

        pub(in crate::client) fn cluster(
            &self,
            builder: ClusterClientBuilder,
        ) -> RedisResult<ClusterClientBuilder> {
            Ok(match self.certificates() {
                Some(certificates) => builder.certs(certificates),
                None => builder,
            })
        }

        pub(in crate::client) fn sentinel(
            &self,
            builder: SentinelClientBuilder,
            server: &ConnectionInfo,
        ) -> RedisResult<SentinelClientBuilder> {
            if !matches!(server.addr(), ConnectionAddr::TcpTls { .. }) {
                return Ok(builder);
            }
            let builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_tls_mode(TlsMode::Secure);
            Ok(match self.certificates() {
                Some(certificates) => builder
                    .set_client_to_redis_certificates(certificates.clone())
                    .set_client_to_sentinel_certificates(certificates),
                None => builder,
            })
        }

        fn certificates(&self) -> Option<TlsCertificates> {
            let client_tls = self.identity.as_ref().map(|(chain, key)| ClientTlsConfig {
                client_cert: chain.clone(),
                client_key: key.clone(),
            });
            let root_cert = self.roots.clone();
            (client_tls.is_some() || root_cert.is_some()).then_some(TlsCertificates {
                client_tls,
                root_cert,
            })
        }
    }
}

#[cfg(not(feature = "tls"))]
mod without {
    use super::*;

    /// Without the feature, redis-rs refuses the URLs that need it.
    #[derive(Clone, Copy, Default)]
    pub(in crate::client) struct Tls;

    #[expect(clippy::unused_self, reason = "as with the feature")]
    impl Tls {
        pub(in crate::client) fn fits(self, _: &ConnectionInfo) -> Result<(), SettingError> {
            Ok(())
        }

        pub(in crate::client) fn single(self, server: ConnectionInfo) -> RedisResult<Client> {
            Client::open(server)
        }

        pub(in crate::client) fn cluster(
            self,
            builder: ClusterClientBuilder,
        ) -> RedisResult<ClusterClientBuilder> {
            Ok(builder)
        }

        pub(in crate::client) fn sentinel(
            self,
            builder: SentinelClientBuilder,
            _: &ConnectionInfo,
        ) -> RedisResult<SentinelClientBuilder> {
            Ok(builder)
        }
    }
}
