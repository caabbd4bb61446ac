//! Request fields that identify the caller.
//!
//! RFC 9111 §3.5 covers Authorization. The same holds for an API that identifies its clients by
//! another field, and for a proxy or platform that has authenticated a user and passes the name
//! on in a field: the answer belongs to that caller. Requests that differ in one of these fields
//! never share an answer or a batch, unless the operator allows it.

mod known;
mod query;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};

pub use self::{known::KNOWN, query::is_in_query};
use crate::names::{Sieve, equal, is_indifferent};

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
