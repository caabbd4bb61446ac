//! Judgement of answers.

#[cfg(feature = "json-schema")]
mod schema;

use http::{request, response};
use serde_json::Value;

#[cfg(feature = "json-schema")]
pub use schema::JsonSchema;

/// Judge of answers. A rejected answer sends the request to the next provider. Its cost is
/// booked too.
pub trait QualityGate: Send + Sync + 'static {
    /// Judges the quality of the answer, and whether it is acceptable.
    fn judge(
        &self,
        request: &request::Parts,
        response: &response::Parts,
        body: &[u8],
    ) -> QualityVerdict;
}

/// Judgement of a quality gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QualityVerdict {
    /// Quality of the answer, from which the provider's quality is learnt. Range: 0 to 1. Any
    /// other number is ignored, and a warning is logged.
    pub quality: f64,
    /// True if the answer is good enough for the caller.
    pub accept: bool,
}

/// Gate that accepts bodies of at least this many bytes.
#[derive(Debug, Clone, Copy)]
pub struct MinLength(pub usize);

/// Gate that accepts JSON objects that have these fields, none of them null or empty.
///
/// For whole schemas there is `JsonSchema`, with the feature `json-schema`; anything else is
/// a closure:
///
/// ```
/// # use http::{request, response};
/// # use scrimp_cost_route::{CostRouteLayer, Provider, QualityVerdict};
/// let gate = |_: &request::Parts, _: &response::Parts, body: &[u8]| {
///     match std::str::from_utf8(body) {
///         Ok(text) if !text.contains("As a language model") => QualityVerdict::accept(1.0),
///         _ => QualityVerdict::reject(0.0),
///     }
/// };
/// let providers = [Provider::new("a"), Provider::new("b")];
/// let layer = CostRouteLayer::builder(providers).quality_gate(gate).build()?;
/// # Ok::<(), scrimp_cost_route::SettingError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RequiredFields(Vec<String>);

// === impl QualityVerdict ===

impl QualityVerdict {
    /// Accepts the answer, at this quality.
    #[must_use]
    pub fn accept(quality: f64) -> Self {
        Self {
            quality,
            accept: true,
        }
    }

    /// Rejects the answer, at this quality.
    #[must_use]
    pub fn reject(quality: f64) -> Self {
        Self {
            quality,
            accept: false,
        }
    }

    fn all_or_nothing(good: bool) -> Self {
        if good {
            Self::accept(1.0)
        } else {
            Self::reject(0.0)
        }
    }
}

// === impl QualityGate ===

impl<F> QualityGate for F
where
    F: Fn(&request::Parts, &response::Parts, &[u8]) -> QualityVerdict + Send + Sync + 'static,
{
    fn judge(
        &self,
        request: &request::Parts,
        response: &response::Parts,
        body: &[u8],
    ) -> QualityVerdict {
        self(request, response, body)
    }
}

impl QualityGate for MinLength {
    fn judge(&self, _: &request::Parts, _: &response::Parts, body: &[u8]) -> QualityVerdict {
        QualityVerdict::all_or_nothing(body.len() >= self.0)
    }
}

impl RequiredFields {
    /// Requires fields by JSON pointer (RFC 6901), such as `/choices/0/message/content`.
    pub fn new(pointers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(pointers.into_iter().map(Into::into).collect())
    }
}

impl QualityGate for RequiredFields {
    fn judge(&self, _: &request::Parts, _: &response::Parts, body: &[u8]) -> QualityVerdict {
        let Ok(json) = serde_json::from_slice::<Value>(body) else {
            return QualityVerdict::reject(0.0);
        };
        let filled = |pointer: &String| match json.pointer(pointer) {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(list)) => !list.is_empty(),
            Some(_) => true,
        };
        QualityVerdict::all_or_nothing(self.0.iter().all(filled))
    }
}
