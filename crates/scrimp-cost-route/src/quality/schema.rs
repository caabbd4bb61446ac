//! Judgement of answers by a JSON Schema.

use std::fmt;

use http::{request, response};
use jsonschema::Validator;
use scrimp_core::BoxError;
use serde_json::Value;

use super::{QualityGate, QualityVerdict};

/// Gate that accepts JSON bodies that follow a [JSON Schema](https://json-schema.org), of the
/// draft that its `$schema` names or else 2020-12.
///
/// Language models put structured answers into a string: with [`at`](Self::at) the gate looks
/// there.
///
/// ```
/// use scrimp_cost_route::{CostRouteLayer, JsonSchema, Provider};
/// use serde_json::json;
///
/// let invoice = json!({
///     "type": "object",
///     "required": ["total"],
///     "properties": { "total": { "type": "number", "minimum": 0 } },
/// });
/// let gate = JsonSchema::new(&invoice)?.at("/choices/0/message/content");
/// let providers = [Provider::new("small"), Provider::new("large")];
/// let layer = CostRouteLayer::builder(providers).quality_gate(gate).build()?;
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct JsonSchema {
    validator: Validator,
    /// Place of the answer in the body, as a JSON pointer (RFC 6901).
    pointer: String,
}

// === impl JsonSchema ===

impl JsonSchema {
    /// Makes a gate of a schema.
    ///
    /// # Errors
    ///
    /// If the schema is not valid. The error names the fault and its place. A schema that
    /// refers to other documents is refused, as nothing is fetched.
    pub fn new(schema: &Value) -> Result<Self, BoxError> {
        let validator = jsonschema::validator_for(schema).map_err(|error| {
            let place = error.instance_path().as_str();
            BoxError::from(format!("no valid JSON Schema, at \"{place}\": {error}"))
        })?;
        Ok(Self {
            validator,
            pointer: String::new(),
        })
    }

    /// Looks at this part of the body, a JSON pointer (RFC 6901). If a string is there, it is
    /// read as JSON.
    #[must_use]
    pub fn at(self, pointer: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            ..self
        }
    }

    fn is_met(&self, body: &[u8]) -> bool {
        let Ok(json) = serde_json::from_slice::<Value>(body) else {
            return false;
        };
        match json.pointer(&self.pointer) {
            None => false,
            Some(Value::String(text)) if !self.pointer.is_empty() => {
                serde_json::from_str(text).is_ok_and(|inner: Value| self.validator.is_valid(&inner))
            }
            Some(part) => self.validator.is_valid(part),
        }
    }
}

impl QualityGate for JsonSchema {
    fn judge(&self, _: &request::Parts, _: &response::Parts, body: &[u8]) -> QualityVerdict {
        QualityVerdict::all_or_nothing(self.is_met(body))
    }
}

impl fmt::Debug for JsonSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonSchema")
            .field("pointer", &self.pointer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn gate() -> JsonSchema {
        JsonSchema::new(&json!({
            "type": "object",
            "required": ["total"],
            "properties": { "total": { "type": "number", "minimum": 0 } },
        }))
        .expect("a schema")
    }

    #[test]
    fn what_follows_the_schema_will_do_and_nothing_else() {
        let gate = gate();
        assert!(gate.is_met(br#"{"total": 3}"#));
        for body in [
            &br#"{"total": -3}"#[..],
            br#"{"total": "3"}"#,
            b"{}",
            b"3",
            b"",
            b"{\"total\": 3",
            b"\xff",
        ] {
            assert!(!gate.is_met(body), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn what_a_model_says_is_read_where_it_says_it() {
        let gate = gate().at("/choices/0/message/content");
        let said = |content: Value| {
            let body = json!({ "choices": [{ "message": { "content": content } }] });
            gate.is_met(body.to_string().as_bytes())
        };
        assert!(said(json!("{\"total\": 3}")) && said(json!({ "total": 3 })));
        assert!(!said(json!("three")) && !said(json!("{\"total\": -1}")) && !said(Value::Null));
        assert!(!gate.is_met(b"{\"choices\": []}"));
    }

    #[test]
    fn a_schema_that_is_none_is_refused_with_the_place() {
        let error = JsonSchema::new(&json!({ "properties": { "a": { "type": "nothing" } } }));
        let error = error.expect_err("no such type").to_string();
        assert!(error.contains("/properties/a/type"), "{error}");
        assert!(JsonSchema::new(&json!({ "$ref": "https://example.com/other.json" })).is_err());
    }
}
