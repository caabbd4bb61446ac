//! Events that are recorded.

use std::{borrow::Cow, collections::BTreeMap};

/// Longest texts of a record, in bytes. What is longer is cut, and ends with `…`.
pub(crate) const MAX_NAME: usize = 256;
pub(crate) const MAX_TEXT: usize = 1024;

/// Most details of a record.
pub(crate) const MAX_DETAILS: usize = 16;

/// Kind of an event, one word in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuditKind {
    /// Stored responses were invalidated or purged.
    Invalidation,
    /// The data of a subject was erased.
    Erasure,
    /// A layer refused a request: a budget, a limit.
    Refusal,
    /// A request of an operator, or one that an [`AuditLayer`](crate::AuditLayer) was told to record.
    Request,
    /// A configuration was read again.
    Configuration,
    /// A provider was added, changed or removed.
    Provider,
    /// A key was used, made or replaced.
    Key,
    /// Another event, by a name of the caller's own.
    Other(&'static str),
}

/// An event for the log.
///
/// Texts are bounded: names have 256 bytes, other texts 1 KiB, and there are at most 16 details.
///
/// ```
/// use scrimp_audit::{AuditEvent, AuditKind};
///
/// let event = AuditEvent::new(AuditKind::Provider)
///     .actor("ops@shop.example")
///     .tenant("acme")
///     .target("provider:budget")
///     .detail("change", "price 0.004 to 0.003");
/// # let _ = event;
/// ```
#[derive(Clone)]
#[must_use]
pub struct AuditEvent {
    pub(crate) kind: AuditKind,
    pub(crate) actor: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) target: Option<String>,
    /// The target names a subject, and is written as a pseudonym.
    pub(crate) hidden: Option<(&'static str, String)>,
    pub(crate) outcome: Option<String>,
    pub(crate) details: BTreeMap<Cow<'static, str>, String>,
}

// === impl AuditKind ===

impl AuditKind {
    /// Returns the word in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalidation => "invalidation",
            Self::Erasure => "erasure",
            Self::Refusal => "refusal",
            Self::Request => "request",
            Self::Configuration => "configuration",
            Self::Provider => "provider",
            Self::Key => "key",
            Self::Other(name) => name,
        }
    }
}

// === impl AuditEvent ===

impl AuditEvent {
    /// Makes an event of this kind.
    pub fn new(kind: AuditKind) -> Self {
        Self {
            kind,
            actor: None,
            tenant: None,
            subject: None,
            target: None,
            hidden: None,
            outcome: None,
            details: BTreeMap::new(),
        }
    }

    /// Sets the operator or program that acts. It is written as it is.
    pub fn actor(self, actor: impl AsRef<str>) -> Self {
        let actor = Some(cut(actor.as_ref(), MAX_NAME));
        Self { actor, ..self }
    }

    /// Sets the tenant. It is written as it is: where a tenant is a person, set the
    /// [subject](Self::subject) instead.
    pub fn tenant(self, tenant: impl AsRef<str>) -> Self {
        let tenant = Some(cut(tenant.as_ref(), MAX_NAME));
        Self { tenant, ..self }
    }

    /// Sets the person that the event is about. The log holds a
    /// [pseudonym](crate::AuditLog::pseudonym) in its place.
    pub fn subject(self, subject: impl Into<String>) -> Self {
        let subject = Some(cut(&subject.into(), MAX_TEXT));
        Self { subject, ..self }
    }

    /// Sets what the event changes or asks for. It is written as it is, and must not name a person.
    pub fn target(self, target: impl AsRef<str>) -> Self {
        let target = Some(cut(target.as_ref(), MAX_TEXT));
        Self { target, ..self }
    }

    /// Sets what the event changes, by its kind, such as `tag`, and a name that may be that of a
    /// person, such as `user:7`. The log holds the kind, and a
    /// [pseudonym](crate::AuditLog::pseudonym) of the name.
    pub fn hidden_target(self, kind: &'static str, name: impl Into<String>) -> Self {
        let hidden = Some((kind, cut(&name.into(), MAX_TEXT)));
        Self { hidden, ..self }
    }

    /// Sets what became of it, such as a status.
    pub fn outcome(self, outcome: impl AsRef<str>) -> Self {
        let outcome = Some(cut(outcome.as_ref(), MAX_NAME));
        Self { outcome, ..self }
    }

    /// Adds a detail. It is written as it is, and must hold neither a secret nor what a person could be
    /// known by.
    pub fn detail(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        if self.details.len() < MAX_DETAILS {
            let value = cut(value.as_ref(), MAX_TEXT);
            self.details.insert(name.into(), value);
        }
        self
    }
}

/// The subject may be a person, and is not written.
impl std::fmt::Debug for AuditEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditEvent")
            .field("kind", &self.kind.as_str())
            .finish_non_exhaustive()
    }
}

/// Cuts a text at a boundary of a character.
pub(crate) fn cut(text: &str, most: usize) -> String {
    const END: &str = "…";
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most - END.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{END}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_hundred_times_the_bound_is_cut_at_a_character() {
        let long = "ä".repeat(100 * MAX_TEXT);
        let text = cut(&long, MAX_TEXT);
        assert!(text.len() <= MAX_TEXT && text.len() > MAX_TEXT - 5);
        assert!(text.ends_with('…') && cut("short", MAX_TEXT) == "short");
        const NAMES: [&str; 4] = ["a", "b", "c", "d"];
        let mut event = AuditEvent::new(AuditKind::Key).target(&long).actor(&long);
        for name in NAMES {
            event = event.detail(name, &long);
        }
        assert!(event.details.values().all(|value| value.len() <= MAX_TEXT));
        assert!(event.actor.is_some_and(|actor| actor.len() <= MAX_NAME));
    }
}
