//! The caller of a request, as far as a response depends on it.

use http::{HeaderMap, HeaderName, StatusCode, header};
use scrimp_http::{cookie, status::refuses_caller};

use super::LookupRequest;
use crate::{
    config::Config,
    policy::{Mode, Selection, facts::RequestFacts, storable::CredentialUse},
    rule::Rule,
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

    /// Returns whether the response belongs to one caller: in a shared cache, for a request with
    /// credentials that are not all in its key, and that no rule declares to be of no effect.
    pub(crate) fn is_personal(&self, mode: Mode) -> bool {
        self.facts.authorization
            && self.credentials == CredentialUse::Personal
            && mode == Mode::Shared
    }

    /// Returns whether a shared cache would refresh a response for the caller without credentials
    /// that the caller has.
    pub(crate) fn has_credentials(&self, mode: Mode) -> bool {
        self.is_personal(mode) || self.facts.cookie && mode == Mode::Shared
    }

    /// Returns whether a response with this status may be shared with callers that have other
    /// credentials, though the origin does not say so: whether it was fetched for this request, or
    /// stored for another.
    ///
    /// An operator's rule may say that cookies change no response. It does not say so of a response
    /// that refuses the caller, unless cookies have selected it, or the rule names those that count.
    pub(crate) fn shares(&self, config: &Config, status: StatusCode, by: &Selection) -> bool {
        if self.is_personal(config.mode) {
            return false;
        }
        if !self.facts.cookie || !refuses_caller(status) || config.mode == Mode::Private {
            return true;
        }
        let rule = config.rules.get(self.rule);
        rule.is_some_and(|rule| !rule.key.cookies.is_empty())
            || by.names().any(|name| *name == header::COOKIE)
    }
}

/// Returns what the credentials of a request mean, if it has any.
#[inline]
pub(super) fn credential_use(
    config: &Config,
    headers: &HeaderMap,
    facts: &RequestFacts,
    rule: Option<&Rule>,
) -> CredentialUse {
    match (facts.authorization, rule) {
        (true, Some(rule)) if rule.key.authorised => CredentialUse::Shared,
        (true, rule) => {
            let keyed = rule.map_or(&[][..], |rule| &rule.key.headers);
            let credentials = &config.telling.credentials;
            match credentials.are_all_in(headers, keyed) {
                true => CredentialUse::Keyed,
                false => CredentialUse::Personal,
            }
        }
        (false, _) => CredentialUse::Personal,
    }
}
