//! The caller of a request, as far as a response depends on it.

use http::{HeaderMap, HeaderName, StatusCode, header};
use scrimp_http::{cookie, status::refuses_caller};

use super::LookupRequest;
use crate::{
    config::Config,
    policy::{Mode, Selection},
};

// === impl LookupRequest ===

impl LookupRequest {
    /// Removes from a request that no caller waits for the credentials of the caller whose request
    /// it copies. Those stay that are in the key, or that have selected the response (Vary): all
    /// callers that it is updated for have the same. In a private cache all callers are one.
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
        let key = config.rules.get(self.rule).map(|rule| &rule.key);
        let keyed = key.map_or(&[][..], |key| &key.headers);
        let selects =
            |name: &HeaderName| selection.is_some_and(|by| by.names().any(|own| own == name));
        self.stripped = credentials.strip(headers, |name| {
            *name == header::COOKIE || keyed.contains(name) || selects(name)
        });
        if !selects(&header::COOKIE) {
            self.stripped |= cookie::retain(headers, key.map_or(&[], |key| &key.cookies));
        }
        let mut left = credentials.of(headers);
        self.facts.authorization = left.any(|(name, _)| *name != header::COOKIE);
        self.facts.cookie = headers.contains_key(header::COOKIE);
        self.keyed_authorization =
            self.facts.authorization && credentials.are_all_in(headers, keyed);
    }

    /// Returns whether the response belongs to one caller: in a shared cache, for a request with
    /// credentials that are not all in its key.
    pub(crate) fn is_personal(&self, mode: Mode) -> bool {
        self.facts.authorization && !self.keyed_authorization && mode == Mode::Shared
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
