//! The builder of a transport.

use std::{fmt, sync::Arc};

use scrimp_core::{SettingError, extensions::Tenant};

use crate::{Transport, call::Call, inspect::Hidden};

const OWNER: &str = "Transport";

/// Settings of a [`Transport`].
#[derive(Clone)]
#[must_use = "a transport is made by `build`"]
pub struct TransportBuilder<C = reqwest::Client> {
    client: C,
    identity: Option<Arc<str>>,
}

// === impl Transport ===

impl Transport {
    /// Builds a transport with a client of its own, which follows no redirects.
    ///
    /// # Errors
    ///
    /// If the client cannot be built, or if it does by itself what layers must see: see
    /// [`TransportBuilder::build`].
    pub fn new(client: reqwest::ClientBuilder) -> Result<Self, SettingError> {
        let client = client.redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| {
            SettingError::new(OWNER, "client", format_args!("must be usable: {error}"))
                .with_source(error)
        })?;
        Self::builder(client).build()
    }
}

impl<C: Call> Transport<C> {
    /// Returns a builder of a transport that sends requests with `client`.
    pub fn builder(client: C) -> TransportBuilder<C> {
        TransportBuilder {
            client,
            identity: None,
        }
    }
}

// === impl TransportBuilder ===

impl<C: Call> TransportBuilder<C> {
    /// Names the identity that the client itself has: credentials that its middlewares add,
    /// default headers, a client certificate, a proxy or an address that servers recognise.
    ///
    /// The layers cannot see such an identity. With a name, every request must carry the name as
    /// its [`Tenant`], which is part of every layer's key:
    /// [`SessionLayer`](crate::SessionLayer) sets it ([`tenant`](crate::SessionLayerBuilder::tenant)).
    /// The transport refuses all other requests with a problem document,
    /// `urn:scrimp:reqwest:other-identity`, and sends nothing. Two transports with different names
    /// can then share layers.
    ///
    /// Default: none, so the client must not have an identity.
    pub fn identity(mut self, name: impl Into<Arc<str>>) -> Self {
        self.identity = Some(name.into());
        self
    }

    /// Builds the transport.
    ///
    /// # Errors
    ///
    /// If it can be seen that the client
    ///
    /// - follows redirects: layers would take the response of another URL for that of the request;
    /// - keeps cookies or has default headers, including User-Agent, and no
    ///   [`identity`](Self::identity): layers would take two users for one.
    ///
    /// Also if it cannot be seen what the client does, because [`Call::client`] returns none, and it
    /// has no [`identity`](Self::identity).
    ///
    /// A [`SessionLayer`](crate::SessionLayer) does all of that outside the stack.
    pub fn build(self) -> Result<Transport<C>, SettingError> {
        let named = self.identity.is_some();
        match self.client.client() {
            Some(client) => check(Hidden::of(client), named)?,
            None if named => {}
            None => {
                return Err(SettingError::new(
                    OWNER,
                    "client",
                    "must show the client of reqwest that makes its calls (`Call::client`), or \
                     have an `identity`: layers would take two users for one",
                ));
            }
        }
        if self.identity.as_deref() == Some("") {
            return Err(SettingError::new(
                OWNER,
                "identity",
                "must be a name, not an empty text",
            ));
        }
        Ok(Transport::from_parts(
            self.client,
            self.identity.map(Tenant),
        ))
    }
}

fn check(hidden: Option<Hidden>, named: bool) -> Result<(), SettingError> {
    let wrong = |problem: String| Err(SettingError::new(OWNER, "client", problem));
    let Some(hidden) = hidden else {
        return match named {
            true => Ok(()),
            false => wrong(
                "must show its default headers in Debug, as reqwest 0.13.5 does, or have an \
                 `identity`"
                    .to_owned(),
            ),
        };
    };
    if hidden.redirects {
        return wrong(
            "must not follow redirects, which layers cannot see: build it with \
             `redirect(Policy::none())`, or let `Transport::new` do so; a SessionLayer follows them"
                .to_owned(),
        );
    }
    if named {
        return Ok(());
    }
    if hidden.cookies {
        return wrong(
            "must not keep cookies, which layers cannot see: give the cookie store to a \
             SessionLayer outside the stack (`cookies`), or name the client's `identity`"
                .to_owned(),
        );
    }
    if !hidden.fields.is_empty() {
        return wrong(format!(
            "must not have default headers, which layers cannot see: give {} to a SessionLayer \
             outside the stack (`header`), or name the client's `identity`",
            hidden.fields.join(", ")
        ));
    }
    Ok(())
}

impl<C> fmt::Debug for TransportBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.identity.as_ref().map(|_| format_args!("_"));
        f.debug_struct("TransportBuilder")
            .field("identity", &named)
            .finish_non_exhaustive()
    }
}
