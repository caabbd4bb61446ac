//! The layer.

use std::{fmt, sync::Arc};

use http::{Method, Uri, request::Parts};
use scrimp_core::extensions::Tenant;
use scrimp_http::redact;
use tower_layer::Layer;

use super::Audit;
use crate::{
    event::{AuditEvent, AuditKind},
    log::AuditLog,
};

/// A tower layer that records requests and what became of them: by whom, for whom, what, with which
/// outcome.
///
/// Header fields and bodies are never recorded. Of a URI, [`redact::uri`] leaves the path and the names of the
/// parameters, without what looks like a token or a number of a person. It cannot know that a word in a path
/// is a name: state a [target](Self::target) where paths contain such, such as the template of the
/// route.
#[derive(Clone)]
#[must_use]
pub struct AuditLayer {
    log: AuditLog,
    only_refusals: bool,
    only: Option<Arc<OnlyFn>>,
    actor: Option<Arc<NameFn>>,
    subject: Option<Arc<NameFn>>,
    target: Option<Arc<NameFn>>,
}

type OnlyFn = dyn Fn(&Parts) -> bool + Send + Sync;

type NameFn = dyn Fn(&Parts) -> Option<String> + Send + Sync;

/// A request whose outcome is not known yet.
#[derive(Debug)]
pub(super) struct Pending {
    log: AuditLog,
    only_refusals: bool,
    begun: Option<Begun>,
}

/// Parts of a request that a record needs. Most requests of a layer for refusals need no record, so it is
/// cheap to make.
struct Begun {
    uri: Uri,
    method: Method,
    tenant: Option<Tenant>,
    actor: Option<String>,
    subject: Option<String>,
    target: Option<String>,
}

// === impl AuditLayer ===

impl AuditLayer {
    /// Returns a layer that records every request of the services it wraps.
    pub fn new(log: &AuditLog) -> Self {
        Self {
            log: log.clone(),
            only_refusals: false,
            only: None,
            actor: None,
            subject: None,
            target: None,
        }
    }

    /// Returns a layer that records the requests which a scrimp layer inside has refused, such as at the end
    /// of a budget.
    pub fn refusals(log: &AuditLog) -> Self {
        Self {
            only_refusals: true,
            ..Self::new(log)
        }
    }

    /// Records only the requests that this function selects. Default: all.
    pub fn only(self, selects: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        let only: Option<Arc<OnlyFn>> = Some(Arc::new(selects));
        Self { only, ..self }
    }

    /// Sets who asks, as authentication outside has found it. The log has it as it is. Default: not
    /// recorded.
    pub fn actor(self, name: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        let actor: Option<Arc<NameFn>> = Some(Arc::new(name));
        Self { actor, ..self }
    }

    /// Sets the person that a request is about. The log has a pseudonym. Default: not recorded.
    pub fn subject(self, name: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        let subject: Option<Arc<NameFn>> = Some(Arc::new(name));
        Self { subject, ..self }
    }

    /// Sets what is asked for, such as the template of the route. The log has it as it is. Where it returns
    /// `None`, and by default, that is the redacted URI.
    pub fn target(self, name: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        let target: Option<Arc<NameFn>> = Some(Arc::new(name));
        Self { target, ..self }
    }

    /// Begins the record of a request.
    pub(super) fn begin(&self, parts: &Parts) -> Pending {
        let name = |of: &Option<Arc<NameFn>>| of.as_ref().and_then(|of| of(parts));
        let is_meant = self.only.as_ref().is_none_or(|only| only(parts));
        Pending {
            log: self.log.clone(),
            only_refusals: self.only_refusals,
            begun: is_meant.then(|| Begun {
                uri: parts.uri.clone(),
                method: parts.method.clone(),
                tenant: parts.extensions.get().cloned(),
                actor: name(&self.actor),
                subject: name(&self.subject),
                target: name(&self.target),
            }),
        }
    }
}

impl<S> Layer<S> for AuditLayer {
    type Service = Audit<S>;

    fn layer(&self, inner: S) -> Audit<S> {
        Audit::new(inner, self.clone())
    }
}

impl fmt::Debug for AuditLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLayer")
            .field("log", &self.log)
            .field("only_refusals", &self.only_refusals)
            .finish_non_exhaustive()
    }
}

// === impl Pending ===

impl Pending {
    /// Records the outcome. `refused` names the layer and the reason, if a layer has refused the request.
    pub(super) fn end(&mut self, outcome: &str, refused: Option<(&str, &str)>) {
        let Some(begun) = self.begun.take() else {
            return;
        };
        let event = match refused {
            Some((layer, reason)) => {
                let event = begun.event(self.only_refusals);
                event.detail("layer", layer).detail("reason", reason)
            }
            None if self.only_refusals => return,
            None => begun.event(false),
        };
        self.log.record(event.outcome(outcome));
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.end("cancelled", None);
    }
}

// === impl Begun ===

impl Begun {
    fn event(self, is_refusal: bool) -> AuditEvent {
        let kind = match is_refusal {
            true => AuditKind::Refusal,
            false => AuditKind::Request,
        };
        let target = self.target.unwrap_or_else(|| redact::uri(&self.uri));
        let mut event = AuditEvent::new(kind)
            .target(target)
            .detail("method", self.method.as_str());
        if let Some(actor) = self.actor {
            event = event.actor(actor);
        }
        if let Some(subject) = self.subject {
            event = event.subject(subject);
        }
        if let Some(Tenant(tenant)) = self.tenant {
            event = event.tenant(tenant);
        }
        event
    }
}

/// The URI may hold secrets, and is not written.
impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").finish_non_exhaustive()
    }
}
