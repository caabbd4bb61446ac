//! Sizes in bytes.

/// Returns this many KiB in bytes. What exceeds `u64` is its maximum.
#[must_use]
pub const fn kib(n: u64) -> u64 {
    n.saturating_mul(1 << 10)
}

/// Returns this many MiB in bytes. What exceeds `u64` is its maximum.
///
/// ```
/// use scrimp_core::{gib, kib, mib};
///
/// assert_eq!(mib(1), kib(1_024));
/// assert_eq!(gib(u64::MAX), u64::MAX);
/// ```
#[must_use]
pub const fn mib(n: u64) -> u64 {
    n.saturating_mul(1 << 20)
}

/// Returns this many GiB in bytes. What exceeds `u64` is its maximum.
#[must_use]
pub const fn gib(n: u64) -> u64 {
    n.saturating_mul(1 << 30)
}
