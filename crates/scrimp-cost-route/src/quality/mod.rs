//! Whether an answer will do.

#[cfg(feature = "json-schema")]
mod schema;

use http::{request, response};
use serde_json::Value;

#[cfg(feature = "json-schema")]
pub use schema::JsonSchema;

/// Judges answers. One that will not do sends the request to the next provider; what the
/// first one cost is booked all the same.
pub trait QualityGate: Send + Sync + 'static {
    /// Judges how good the answer is, and whether it will do.
    fn judge(&self, request: &request::Parts, response: &response::Parts, body: &[u8]) -> Verdict;
}

/// What a gate found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// How good the answer is. The provider's quality is learnt from it. Range: 0 to 1; from
    /// any other number nothing is learnt, and a warning is logged.
    pub quality: f64,
    /// Whether the answer goes to the caller.
    pub accept: bool,
}

/// Wants a body of so many bytes at least.
#[derive(Debug, Clone, Copy)]
pub struct MinLength(pub usize);

/// Wants a JSON object that has these fields, and none of them null or empty.
///
/// For whole schemas there is `JsonSchema`, with the feature `json-schema`; anything else is
/// a closure:
///
/// ```
/// # use http::{request, response};
/// # use scrimp_cost_route::{CostRouteLayer, Provider, Verdict};
/// let gate = |_: &request::Parts, _: &response::Parts, body: &[u8]| {
///     match std::str::from_utf8(body) {
///         Ok(text) if !text.contains("As a language model") => Verdict::accept(1.0),
///         _ => Verdict::reject(0.0),
///     }
/// };
/// let providers = [Provider::new("a"), Provider::new("b")];
/// let layer = CostRouteLayer::builder(providers).quality_gate(gate).build()?;
/// # Ok::<(), scrimp_cost_route::SettingError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RequiredFields(Vec<String>);

// === impl Verdict ===

impl Verdict {
    /// Will do, at this quality.
    #[must_use]
    pub fn accept(quality: f64) -> Self {
        Self {
            quality,
            accept: true,
        }
    }

    /// Will not do.
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
    F: Fn(&request::Parts, &response::Parts, &[u8]) -> Verdict + Send + Sync + 'static,
{
    fn judge(&self, request: &request::Parts, response: &response::Parts, body: &[u8]) -> Verdict {
        self(request, response, body)
    }
}

impl QualityGate for MinLength {
    fn judge(&self, _: &request::Parts, _: &response::Parts, body: &[u8]) -> Verdict {
        Verdict::all_or_nothing(body.len() >= self.0)
    }
}

impl RequiredFields {
    /// Fields by JSON pointer (RFC 6901): `/choices/0/message/content`.
    pub fn new(pointers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(pointers.into_iter().map(Into::into).collect())
    }
}

impl QualityGate for RequiredFields {
    fn judge(&self, _: &request::Parts, _: &response::Parts, body: &[u8]) -> Verdict {
        let Ok(json) = serde_json::from_slice::<Value>(body) else {
            return Verdict::reject(0.0);
        };
        let filled = |pointer: &String| match json.pointer(pointer) {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(list)) => !list.is_empty(),
            Some(_) => true,
        };
        Verdict::all_or_nothing(self.0.iter().all(filled))
    }
}
