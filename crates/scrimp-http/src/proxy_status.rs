//! Proxy-Status (RFC 9209), in which a layer says why it refused.

use http::HeaderName;

/// The field.
pub const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
