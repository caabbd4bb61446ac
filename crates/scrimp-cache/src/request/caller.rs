//! Requests that no caller waits for: they are sent without the credentials of their caller.

use http::{HeaderMap, HeaderName, header};
use scrimp_http::cookie;

use super::{LookupRequest, view::credential_use};
use crate::{
    config::Config,
    policy::{Mode, Selection, storable::CredentialUse},
};

// === impl LookupRequest ===

impl LookupRequest {
    /// Removes from a request that no caller waits for the credentials of the caller whose request
    /// it copies. Those stay that are in the key, or that have selected the response (Vary): all
    /// callers that it is updated for have the same. So do all of a caller's under `auth=shared`,
    /// as the response is for authorised callers. In a private cache all callers are one.
    pub(crate) fn strip(
        &mut self,
        config: &Config,
        headers: &mut HeaderMap,
        selection: Option<&Selection>,
    ) {
        if config.mode == Mode::Private {
            return;
        }
        let credentials = &config.telling.credentials;
        let rule = config.rules.get(self.rule);
        let key = rule.map(|rule| &rule.key);
        let keyed = key.map_or(&[][..], |key| &key.headers);
        let selects =
            |name: &HeaderName| selection.is_some_and(|by| by.names().any(|own| own == name));
        let shared = self.credentials == CredentialUse::Shared;
        self.stripped = credentials.strip(headers, |name| {
            shared || *name == header::COOKIE || keyed.contains(name) || selects(name)
        });
        if !selects(&header::COOKIE) {
            self.stripped |= cookie::retain(headers, key.map_or(&[], |key| &key.cookies));
        }
        let mut left = credentials.of(headers);
        self.facts.authorization = left.any(|(name, _)| *name != header::COOKIE);
        self.facts.cookie = headers.contains_key(header::COOKIE);
        self.credentials = credential_use(config, headers, &self.facts, rule);
    }

    /// Returns whether a shared cache would refresh a response for the caller without credentials
    /// that the caller has.
    pub(crate) fn has_credentials(&self, mode: Mode) -> bool {
        self.is_personal(mode) || self.facts.cookie && mode == Mode::Shared
    }
}
