//! The settings.

/// The name of the built type, for errors.
pub(crate) const OWNER: &str = "ShadowLayer";

#[derive(Debug, Clone, Copy)]
pub(crate) struct Config {
    /// Requests that the tried layer has not finished.
    pub(crate) max_requests: usize,
    /// Bytes of bodies that the tried layer has not read yet.
    pub(crate) max_bytes: usize,
}

// === impl Config ===

impl Default for Config {
    fn default() -> Self {
        Self {
            max_requests: 1_024,
            max_bytes: 64 << 20,
        }
    }
}
