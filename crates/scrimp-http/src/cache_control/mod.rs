//! Cache-Control (RFC 9111 §5.2, RFC 5861, RFC 8246) and the fields that target one class of
//! caches (RFC 9213).

mod directive;
mod request;
mod response;
#[cfg(test)]
mod tests;

use http::HeaderName;

pub use request::{RequestControl, pragma_no_cache};
pub use response::{ResponseControl, expires_after_date};

/// The field for content delivery networks (RFC 9213 §3).
pub const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// The older field for surrogates, which Fastly reads like Cache-Control.
pub const SURROGATE_CONTROL: HeaderName = HeaderName::from_static("surrogate-control");

/// The field by which an upstream tells nginx a lifetime in seconds.
pub const X_ACCEL_EXPIRES: HeaderName = HeaderName::from_static("x-accel-expires");

/// Reports whether a field directs one class of caches, by its name: those that end with
/// `-cache-control` (RFC 9213 §2), and the older Surrogate-Control and Edge-Control.
#[must_use]
pub fn is_targeted(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.ends_with("-cache-control") || matches!(name, "surrogate-control" | "edge-control")
}
