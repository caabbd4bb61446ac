//! Cache-Control of a request.

use http::{HeaderMap, HeaderValue, header};

use super::directive::{directive, is, shorten};
use crate::list::{delta_seconds, members};

/// Cache-Control directives of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestControl {
    /// The client demands validation before reuse.
    pub no_cache: bool,
    /// Neither request nor response may be stored.
    pub no_store: bool,
    /// The client accepts a stored response only.
    pub only_if_cached: bool,
    /// Highest age, in seconds.
    pub max_age: Option<u32>,
    /// Highest staleness of the answer, in seconds; `u32::MAX` for any staleness.
    pub max_stale: Option<u32>,
    /// Shortest time that the answer must stay fresh, in seconds.
    pub min_fresh: Option<u32>,
    /// Highest staleness of an answer when the upstream fails, in seconds.
    pub stale_if_error: Option<u32>,
}

// === impl RequestControl ===

impl RequestControl {
    /// Reads the lines of a request's Cache-Control.
    ///
    /// If a limit is repeated, the strictest counts. A limit that is not a number counts as 0:
    /// this asks for validation, which is always correct.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        let mut control = Self::default();
        for member in members(lines) {
            let (name, argument) = directive(member);
            let seconds = || argument.as_deref().and_then(delta_seconds);
            if is(name, "no-cache") {
                control.no_cache = true;
            } else if is(name, "no-store") {
                control.no_store = true;
            } else if is(name, "only-if-cached") {
                control.only_if_cached = true;
            } else if is(name, "max-age") {
                shorten(&mut control.max_age, seconds().unwrap_or(0));
            } else if is(name, "min-fresh") {
                control.min_fresh = control.min_fresh.max(seconds());
            } else if is(name, "max-stale") {
                match argument {
                    None => control.max_stale = Some(control.max_stale.unwrap_or(u32::MAX)),
                    Some(_) => shorten(&mut control.max_stale, seconds().unwrap_or(0)),
                }
            } else if is(name, "stale-if-error")
                && let Some(seconds) = seconds()
            {
                shorten(&mut control.stale_if_error, seconds);
            }
        }
        control
    }

    /// Reads Cache-Control, or Pragma if Cache-Control is absent (RFC 9111 §5.4).
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Self {
        let mut control = Self::parse(headers.get_all(header::CACHE_CONTROL));
        control.no_cache |=
            !headers.contains_key(header::CACHE_CONTROL) && pragma_no_cache(headers);
        control
    }

    /// Removes the directives that make a cache call the upstream or keep it from storing.
    /// Directives that allow more answers, or forbid a call, stay.
    pub fn drop_demands(&mut self) {
        self.no_cache = false;
        self.no_store = false;
        self.max_age = None;
        self.min_fresh = None;
    }

    /// Reports whether an answer that is already at hand may be too old for the request.
    #[must_use]
    pub fn wants_fresh(&self) -> bool {
        self.no_cache || self.no_store || self.max_age.is_some() || self.min_fresh.is_some()
    }
}

/// Reports whether Pragma holds `no-cache` (RFC 9111 §5.4).
#[must_use]
pub fn pragma_no_cache(headers: &HeaderMap) -> bool {
    members(headers.get_all(header::PRAGMA)).any(|member| is(directive(member).0, "no-cache"))
}
