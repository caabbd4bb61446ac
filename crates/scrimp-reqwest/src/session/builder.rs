//! The builder of the layer.

use std::{fmt, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use scrimp_core::{BoxError, SettingError, Settings, extensions::Tenant};
use scrimp_http::credentials::Credentials;

use super::{config::Config, layer::SessionLayer};

const OWNER: &str = "SessionLayer";

/// Settings of a [`SessionLayer`].
#[derive(Clone)]
#[must_use = "a layer is made by `build`"]
pub struct SessionLayerBuilder(Settings<Config>);

// === impl SessionLayerBuilder ===

impl SessionLayerBuilder {
    pub(super) fn new() -> Self {
        Self(Settings::new(OWNER, Config::default()))
    }

    /// Sets a default header, in place of an earlier one of this name. A field that
    /// [identifies the caller](scrimp_http::credentials), and a value marked sensitive, goes only
    /// to the origin that the caller names. Default: none.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        N::Error: Into<BoxError>,
        V: TryInto<HeaderValue>,
        V::Error: Into<BoxError>,
    {
        let name = SettingError::read(OWNER, "header", name, "named as in `x-api-key`");
        let field = name.and_then(|name| Ok((name, read(format_args!("header"), value)?)));
        Self(
            self.0
                .checked(field, |config, (name, value)| config.put(name, value)),
        )
    }

    /// Sets default headers, as [`header`](Self::header) does. Of several values of one name the
    /// last counts, as in reqwest.
    pub fn default_headers(self, headers: &HeaderMap) -> Self {
        Self(self.0.set(|config| {
            for (name, value) in headers {
                config.put(name.clone(), value.clone());
            }
        }))
    }

    /// Sets the default User-Agent. Default: none.
    pub fn user_agent<V>(self, value: V) -> Self
    where
        V: TryInto<HeaderValue>,
        V::Error: Into<BoxError>,
    {
        let value = read(format_args!("user_agent"), value);
        let set = |config: &mut Config, value| config.put(header::USER_AGENT, value);
        Self(self.0.checked(value, set))
    }

    /// Sets the default Authorization to a bearer token (RFC 6750 §2.1).
    pub fn bearer(self, token: &str) -> Self {
        self.authorization("bearer", format!("Bearer {token}"))
    }

    /// Sets the default Authorization to a user name and a password (RFC 7617 §2). The name must
    /// not contain a colon.
    pub fn basic(self, user: &str, password: &str) -> Self {
        if user.contains(':') {
            let error = SettingError::new(OWNER, "basic", "must have a user name without a colon");
            return Self(self.0.checked(Err::<(), _>(error), |_, ()| {}));
        }
        let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
        self.authorization("basic", format!("Basic {pair}"))
    }

    fn authorization(self, setting: &'static str, value: String) -> Self {
        let value = read(format_args!("{setting}"), value);
        let set = |config: &mut Config, value| config.put(header::AUTHORIZATION, value);
        Self(self.0.checked(value, set))
    }

    /// Sets the store of cookies. Default: none, so cookies of responses are not kept.
    #[cfg(feature = "cookies")]
    #[cfg_attr(docsrs, doc(cfg(feature = "cookies")))]
    pub fn cookies(self, store: Arc<impl reqwest::cookie::CookieStore + 'static>) -> Self {
        Self(self.0.set(|config| config.cookies = Some(store)))
    }

    /// Sets how many redirects of a request are followed. 0: none. Default: 10.
    pub fn redirects(self, limit: usize) -> Self {
        Self(self.0.set(|config| config.redirects = limit))
    }

    /// Sets the [`Tenant`] of all requests, which is part of every layer's key. Default: none, so a
    /// request keeps the tenant that it has.
    ///
    /// It is needed where the layers cannot tell users apart: for an API whose credential has a
    /// name of its own, and over a transport with an
    /// [`identity`](crate::TransportBuilder::identity).
    pub fn tenant(self, name: impl Into<Arc<str>>) -> Self {
        let name: Arc<str> = name.into();
        let tenant = match &*name {
            "" => Err(SettingError::new(
                OWNER,
                "tenant",
                "must be a name, not an empty text",
            )),
            _ => Ok(Tenant(name)),
        };
        Self(
            self.0
                .checked(tenant, |config, tenant| config.tenant = Some(tenant)),
        )
    }

    /// Builds the layer.
    ///
    /// # Errors
    ///
    /// If a setting is not valid, or if a sensitive header has a name that the layers do not know
    /// as a credential and there is no [`tenant`](Self::tenant): they would give one user's
    /// response to another.
    pub fn build(self) -> Result<SessionLayer, SettingError> {
        let config = self.0.finish()?;
        let known = Credentials::default();
        let mut sensitive = config
            .headers
            .iter()
            .filter(|(_, value)| value.is_sensitive());
        let unknown = sensitive.find(|(name, _)| !known.contains(name));
        if let (Some((name, _)), None) = (unknown, &config.tenant) {
            return Err(SettingError::new(
                OWNER,
                "header",
                format_args!(
                    "must have a name that the layers know as a credential, not `{name}`: also set \
                     `tenant`, which is part of every layer's key"
                ),
            ));
        }
        Ok(SessionLayer::of(config))
    }
}

/// Reads the value of a field. The error does not contain it.
fn read<V>(setting: fmt::Arguments<'_>, value: V) -> Result<HeaderValue, SettingError>
where
    V: TryInto<HeaderValue>,
    V::Error: Into<BoxError>,
{
    SettingError::read(
        OWNER,
        setting.to_string(),
        value,
        "a value of a header field",
    )
}

impl fmt::Debug for SessionLayerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionLayerBuilder")
            .field(self.0.values())
            .finish()
    }
}
