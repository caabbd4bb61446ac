//! Request fields that identify the caller.
//!
//! RFC 9111 §3.5 covers Authorization. The same holds for an API that identifies its clients by
//! another field, and for a proxy or platform that has authenticated a user and passes the name
//! on in a field: the answer belongs to that caller. Requests that differ in one of these fields
//! never share an answer or a batch, unless the operator allows it.

mod query;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};

pub use self::query::is_in_query;
use crate::names::{FieldNames, Sieve, equal, is_indifferent};

/// The known fields, by the documentation of those who define them.
///
/// Secrets of callers: HTTP's own, keys and tokens of widely used APIs and gateways, sessions,
/// signatures. Identities that proxies and platforms set for the server behind them:
/// oauth2-proxy, Authelia, Authentik, Pomerium, Vouch, Traefik, Kong, Istio, Envoy, Kubernetes;
/// AWS load balancers, Cloudflare Access, Google IAP and API Gateway, Azure App Service,
/// Tailscale, Grafana, Hasura; client certificates.
pub static KNOWN: FieldNames = FieldNames::new(
    &[
        "anthropic-api-key",
        "api-key",
        "api-token",
        "apikey",
        "app-key",
        "authentication",
        "authorization",
        "cb-access-key",
        "cb-access-passphrase",
        "cb-access-sign",
        "cf-access-authenticated-user-email",
        "cf-access-client-id",
        "cf-access-client-secret",
        "cf-access-jwt-assertion",
        "cf-access-token",
        "client-cert",
        "client-cert-chain",
        "client-secret",
        "cookie",
        "dd-api-key",
        "dd-application-key",
        "deploy-token",
        "dpop",
        "id-token",
        "impersonate-group",
        "impersonate-uid",
        "impersonate-user",
        "job-token",
        "ocp-apim-subscription-key",
        "ok-access-key",
        "ok-access-passphrase",
        "ok-access-sign",
        "openai-organization",
        "openai-project",
        "private-token",
        "proxy-authorization",
        "remote-email",
        "remote-groups",
        "remote-name",
        "remote-user",
        "sec-token-binding",
        "session-id",
        "session-token",
        "signature",
        "signature-input",
        "stripe-account",
        "token",
        "user-id",
        "x-access-key",
        "x-access-token",
        "x-account-id",
        "x-ak-token",
        "x-algolia-api-key",
        "x-anonymous-consumer",
        "x-api-key",
        "x-api-secret",
        "x-api-token",
        "x-apigateway-api-userinfo",
        "x-apikey",
        "x-app-key",
        "x-app-token",
        "x-application-key",
        "x-arr-clientcert",
        "x-auth",
        "x-auth-email",
        "x-auth-key",
        "x-auth-subject",
        "x-auth-token",
        "x-auth-user",
        "x-auth-user-service-key",
        "x-auth-username",
        "x-authenticated-groups",
        "x-authenticated-scope",
        "x-authenticated-user",
        "x-authenticated-userid",
        "x-authorization",
        "x-bz-api-key",
        "x-cg-demo-api-key",
        "x-cg-pro-api-key",
        "x-client-cert",
        "x-client-dn",
        "x-client-id",
        "x-client-secret",
        "x-cmc-pro-api-key",
        "x-consul-token",
        "x-consumer-custom-id",
        "x-consumer-groups",
        "x-consumer-id",
        "x-consumer-username",
        "x-credential-identifier",
        "x-csrf-token",
        "x-customer-id",
        "x-email",
        "x-emby-authorization",
        "x-emby-token",
        "x-endpoint-api-userinfo",
        "x-figma-token",
        "x-finnhub-token",
        "x-firebase-appcheck",
        "x-forwarded-access-token",
        "x-forwarded-client-cert",
        "x-forwarded-email",
        "x-forwarded-groups",
        "x-forwarded-id-token",
        "x-forwarded-preferred-username",
        "x-forwarded-roles",
        "x-forwarded-tls-client-cert",
        "x-forwarded-tls-client-cert-info",
        "x-forwarded-user",
        "x-functions-key",
        "x-gateway-apikey",
        "x-github-token",
        "x-gitlab-token",
        "x-goog-api-key",
        "x-goog-iam-authority-selector",
        "x-goog-iam-authorization-token",
        "x-goog-iap-jwt-assertion",
        "x-goog-user-project",
        "x-grafana-id",
        "x-grafana-org-id",
        "x-ibm-client-id",
        "x-ibm-client-secret",
        "x-id-token",
        "x-identity",
        "x-jwt",
        "x-jwt-assertion",
        "x-jwt-payload",
        "x-jwt-token",
        "x-key",
        "x-mbx-apikey",
        "x-ms-authorization-auxiliary",
        "x-nomad-token",
        "x-org-id",
        "x-organization-id",
        "x-original-authorization",
        "x-plex-token",
        "x-postmark-account-token",
        "x-postmark-server-token",
        "x-rapidapi-key",
        "x-recharge-access-token",
        "x-redmine-api-key",
        "x-remote-group",
        "x-remote-groups",
        "x-remote-uid",
        "x-remote-user",
        "x-riot-token",
        "x-scope-orgid",
        "x-secret",
        "x-secret-key",
        "x-serverless-authorization",
        "x-service-token",
        "x-session",
        "x-session-id",
        "x-session-key",
        "x-session-token",
        "x-shopify-access-token",
        "x-shopify-storefront-access-token",
        "x-signature",
        "x-ssl-cert",
        "x-subject",
        "x-subject-token",
        "x-tenant",
        "x-tenant-id",
        "x-token",
        "x-user",
        "x-user-email",
        "x-user-groups",
        "x-user-id",
        "x-user-key",
        "x-user-name",
        "x-user-role",
        "x-user-roles",
        "x-user-token",
        "x-userid",
        "x-userinfo",
        "x-username",
        "x-vault-namespace",
        "x-vault-token",
        "x-verified-user",
        "x-webauth-user",
        "x-xsrf-token",
        "x-zumo-auth",
        "xi-api-key",
    ],
    &[
        "impersonate-extra-",
        "ssl-client-",
        "tailscale-user-",
        "x-amz-security-",
        "x-amzn-mtls-",
        "x-amzn-oidc-",
        "x-auth-request-",
        "x-authentik-",
        "x-client-cert-",
        "x-goog-authenticated-user-",
        "x-hasura-",
        "x-jwt-claim-",
        "x-ms-client-principal",
        "x-ms-token-",
        "x-parse-",
        "x-pomerium-",
        "x-remote-extra-",
        "x-ssl-client-",
        "x-vouch-",
        "x-webauth-",
    ],
);

/// List of the fields by which a layer tells callers apart.
///
/// The default is every field of [`KNOWN`], including Cookie. A name with `_` counts as the one
/// with `-`. Cloning copies a pointer.
///
/// ```
/// use http::{HeaderName, header::AUTHORIZATION};
/// use scrimp_http::credentials::Credentials;
///
/// let badge = HeaderName::from_static("x-shop-badge");
/// let more = Credentials::default().with(badge.clone());
/// assert!(more.contains(&badge) && more.contains(&AUTHORIZATION));
///
/// // The operator states that the tenant does not change the answer.
/// let tenant = HeaderName::from_static("x-tenant-id");
/// assert!(!Credentials::default().without(&tenant).contains(&tenant));
///
/// let only = Credentials::from([AUTHORIZATION]);
/// assert!(!only.contains(&tenant));
/// ```
#[derive(Debug, Clone)]
pub struct Credentials(Arc<List>);

#[derive(Debug, Clone)]
struct List {
    /// The list is the default, unchanged.
    plain: bool,
    /// The fields of [`KNOWN`] count.
    known: bool,
    added: Vec<HeaderName>,
    removed: Vec<HeaderName>,
    sieve: Sieve,
}

// === impl Credentials ===

impl Credentials {
    /// Makes an empty list: no field tells callers apart.
    #[must_use]
    pub fn none() -> Self {
        Self::from([])
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: HeaderName) -> Self {
        let list = Arc::make_mut(&mut self.0);
        list.plain = false;
        list.sieve = list.sieve.and(name.as_str());
        list.removed.retain(|removed| !is(removed, &name));
        list.added.push(name);
        self
    }

    /// Removes a field: requests that differ only in it may share.
    #[must_use]
    pub fn without(mut self, name: &HeaderName) -> Self {
        let list = Arc::make_mut(&mut self.0);
        list.plain = false;
        list.added.retain(|added| !is(added, name));
        list.removed.push(name.clone());
        self
    }

    /// Reports whether the field is on the list.
    #[must_use]
    #[inline]
    pub fn contains(&self, name: &HeaderName) -> bool {
        !(self.0.plain && is_indifferent(name))
            && self.0.sieve.lets_through(name.as_str())
            && self.0.holds(name)
    }

    /// Reports whether the field was [removed](Self::without): the operator has stated that it does
    /// not change the answer. A field that is merely missing in a custom list was not removed.
    #[must_use]
    pub fn excludes(&self, name: &HeaderName) -> bool {
        self.0.removed.iter().any(|removed| is(removed, name))
    }

    /// Reports whether the list is the default, unchanged.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.0.plain
    }

    /// Returns the filter of the list, for readers that look for other fields in the same pass.
    #[must_use]
    pub fn sieve(&self) -> &Sieve {
        &self.0.sieve
    }

    /// Returns the fields of a request that are on the list, in the order of the request.
    pub fn of<'a>(
        &'a self,
        headers: &'a HeaderMap,
    ) -> impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)> {
        headers.iter().filter(|(name, _)| self.contains(name))
    }

    /// Removes from a request the fields on the list, except those that `keeps` names. Returns
    /// whether there were any.
    pub fn strip(&self, request: &mut HeaderMap, keeps: impl Fn(&HeaderName) -> bool) -> bool {
        let gone = self.of(request).map(|(name, _)| name);
        let gone: Vec<_> = gone.filter(|name| !keeps(name)).cloned().collect();
        for name in &gone {
            request.remove(name);
        }
        !gone.is_empty()
    }

    /// Reports whether every credential of a request, except cookies, is among these fields. The
    /// caller decides about cookies one by one.
    #[must_use]
    pub fn are_all_in(&self, request: &HeaderMap, fields: &[HeaderName]) -> bool {
        let mut present = self.of(request).map(|(name, _)| name);
        present.all(|name| *name == header::COOKIE || fields.contains(name))
    }
}

impl List {
    fn holds(&self, name: &HeaderName) -> bool {
        (self.known && KNOWN.contains(name) || self.added.iter().any(|added| is(added, name)))
            && !self.removed.iter().any(|removed| is(removed, name))
    }
}

fn is(a: &HeaderName, b: &HeaderName) -> bool {
    a == b || equal(a.as_str(), b.as_str())
}

impl Default for Credentials {
    fn default() -> Self {
        Self(Arc::new(List {
            plain: true,
            known: true,
            added: Vec::new(),
            removed: Vec::new(),
            sieve: *KNOWN.sieve(),
        }))
    }
}

/// Reports whether a field is one of HTTP's own authentication (RFC 9110 §11.6.2, §11.7.2):
/// Authorization or Proxy-Authorization, in any spelling.
#[must_use]
pub fn is_of_http(name: &HeaderName) -> bool {
    is(name, &header::AUTHORIZATION) || is(name, &header::PROXY_AUTHORIZATION)
}

/// Makes a list of these fields only.
impl FromIterator<HeaderName> for Credentials {
    fn from_iter<I: IntoIterator<Item = HeaderName>>(names: I) -> Self {
        let added: Vec<_> = names.into_iter().collect();
        let sieve = added
            .iter()
            .fold(Sieve::EMPTY, |sieve, name| sieve.and(name.as_str()));
        Self(Arc::new(List {
            plain: false,
            known: false,
            added,
            removed: Vec::new(),
            sieve,
        }))
    }
}

/// Makes a list of these fields only.
impl<const N: usize> From<[HeaderName; N]> for Credentials {
    fn from(names: [HeaderName; N]) -> Self {
        names.into_iter().collect()
    }
}

/// Makes a list of these fields only.
impl From<Vec<HeaderName>> for Credentials {
    fn from(names: Vec<HeaderName>) -> Self {
        names.into_iter().collect()
    }
}

#[cfg(test)]
mod tests;
