//! Accounts: the header fields that pay for jobs.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use scrimp_core::{BoxError, SettingError};
use scrimp_http::{
    credentials::Credentials,
    role::{Role, role},
};

/// An account at the provider: a name, and the header fields that are sent with each call.
///
/// The name is written to the queue, and the fields are not: they are attached again when a call is made, so that
/// a restarted process finds its jobs under the name. Values are marked as sensitive, so that they
/// are in no log.
///
/// ```
/// use scrimp_jobs::JobAccount;
///
/// let openai = JobAccount::new("nightly").bearer("sk-...");
/// let anthropic = JobAccount::new("nightly")
///     .field("x-api-key", "sk-ant-...")
///     .field("anthropic-version", "2023-06-01");
/// assert!(!format!("{openai:?} {anthropic:?}").contains("sk-"));
/// ```
#[derive(Clone)]
pub struct JobAccount {
    name: Arc<str>,
    fields: HeaderMap,
    error: Option<SettingError>,
}

/// The accounts of a layer.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    all: Vec<JobAccount>,
    credentials: Credentials,
    ignored: Vec<String>,
}

// === impl JobAccount ===

impl JobAccount {
    /// Makes an account of this name, which must not be empty.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        let empty = || SettingError::new("JobAccount", "name", "must not be empty");
        Self {
            error: name.is_empty().then(empty),
            name,
            fields: HeaderMap::new(),
        }
    }

    /// Adds a header field. It replaces one of the same name.
    #[must_use]
    pub fn field(
        mut self,
        name: impl TryInto<HeaderName, Error: Into<BoxError>>,
        value: impl TryInto<HeaderValue, Error: Into<BoxError>>,
    ) -> Self {
        let name = SettingError::read("JobAccount", "field", name, "a field name");
        let value = SettingError::read("JobAccount", "field", value, "visible ASCII");
        match name.and_then(|name: HeaderName| value.map(|value: HeaderValue| (name, value))) {
            Ok((name, mut value)) => {
                value.set_sensitive(true);
                self.fields.insert(name, value);
            }
            Err(error) => drop(self.error.get_or_insert(error)),
        }
        self
    }

    /// Sets a credential: sent as `Authorization: Bearer ...`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.field(header::AUTHORIZATION, format!("Bearer {token}"))
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Adds the fields to a call.
    pub(crate) fn attach(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.fields {
            headers.insert(name, value.clone());
        }
    }

    /// Returns the error of a setting, if there is one.
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        self.error.clone().map_or(Ok(()), Err)
    }
}

impl fmt::Debug for JobAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JobAccount").field(&self.name).finish()
    }
}

// === impl Accounts ===

impl Accounts {
    pub(crate) fn new(all: Vec<JobAccount>, ignored: Vec<String>) -> Self {
        Self {
            all,
            credentials: Credentials::default(),
            ignored,
        }
    }

    /// Returns the account that a request may be paid by: the first one that has all fields of the request that
    /// identify its caller or may select its answer, with the same values. `None` if there is none: the request is then
    /// for the inner service, which sends its own fields.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Option<&JobAccount> {
        self.all.iter().find(|account| {
            headers
                .iter()
                .all(|(name, value)| !self.counts(name) || account.fields.get(name) == Some(value))
        })
    }

    /// Reports whether a field says who pays, or may select the answer.
    fn counts(&self, name: &HeaderName) -> bool {
        self.credentials.contains(name)
            || role(name) == Role::Other
                && *name != scrimp_http::repeat::IDEMPOTENCY_KEY
                && !self
                    .ignored
                    .iter()
                    .any(|start| name.as_str().starts_with(start.as_str()))
    }

    pub(crate) fn named(&self, name: &str) -> Option<&JobAccount> {
        self.all.iter().find(|account| &*account.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        fields.iter().map(pair).collect()
    }

    #[test]
    fn a_request_is_paid_by_the_account_whose_credentials_it_has_or_by_the_first() {
        let one = JobAccount::new("one")
            .bearer("1")
            .field("anthropic-version", "v");
        let accounts = Accounts::new(
            vec![one, JobAccount::new("two").bearer("2")],
            vec!["x-sdk-".into()],
        );
        let of = |fields: &[(&'static str, &'static str)]| {
            accounts
                .of(&headers(fields))
                .map(|account| account.name.to_string())
        };
        assert_eq!(of(&[]).as_deref(), Some("one"));
        assert_eq!(
            of(&[("authorization", "Bearer 2"), ("user-agent", "x")]).as_deref(),
            Some("two")
        );
        assert_eq!(of(&[("authorization", "Bearer 3")]), None);
        assert_eq!(of(&[("cookie", "a=b")]), None);
        assert_eq!(of(&[("anthropic-version", "v")]).as_deref(), Some("one"));
        assert_eq!(
            of(&[("anthropic-version", "other")]),
            None,
            "it may select the answer"
        );
        assert_eq!(
            of(&[("x-sdk-lang", "js"), ("idempotency-key", "k")]).as_deref(),
            Some("one")
        );
    }

    #[test]
    fn an_unreadable_field_is_an_error_of_the_setting_and_is_not_written_out() {
        let account = JobAccount::new("a").field("x-api-key", "secret\n");
        let error = account.check().unwrap_err();
        assert_eq!((error.owner(), error.setting()), ("JobAccount", "field"));
        assert!(!error.to_string().contains("secret"));
        assert!(JobAccount::new("").check().is_err());
    }
}
