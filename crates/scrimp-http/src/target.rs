//! Target URIs (RFC 9110 §7.1) and their equivalence (RFC 3986 §6.2.2–3).

mod authority;
mod claims;
mod lower;
mod mount;
mod parts;
mod reference;
mod spelling;
mod uri;

pub use authority::{
    HostBytes, authority, authority_bytes, authority_of, has_userinfo, host, host_without_port,
    is_normal_authority, names_another_host, normal_authority, scheme,
};
pub use claims::{OVERRIDING, RETELLING, forwarded_claims, overrides, retells};
pub use lower::lower_authority;
pub use mount::mount;
pub use parts::TargetParts;
pub use reference::resolve;
pub use spelling::{is_normal, normal};
pub use uri::{Target, TargetUri};
