//! Proxy-Status (RFC 9209), in which a layer gives the reason of a refusal.

use http::HeaderName;

/// Name of the field.
pub const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
