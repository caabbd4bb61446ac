//! `[admin]`: purges, figures and the live page.

use std::net::SocketAddr;

use crate::read::Section;

use super::Secret;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Admin {
    pub(crate) listen: SocketAddr,
    /// `None` if anything that reaches the address may use it.
    pub(crate) token: Option<Secret>,
    /// PURGE on the clients' address.
    pub(crate) purge: bool,
}

// === impl Admin ===

impl Admin {
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let listen = section.by_from_str("listen").map(|at| at.value);
        let token = Secret::read(section, "token");
        let open = section.flag("open").unwrap_or(false);
        let purge = section.flag("purge").unwrap_or(false);
        if !open && !section.has("token") {
            let help = "write `token = { env = \"NAME\" }`, or `open = true` if anything that reaches the address may purge";
            section.add(&section.span, "[admin] has no `token`", help);
        }
        if open && section.has("token") {
            let span = section.span_of("open");
            section.add(
                &span,
                "`open` and `token` contradict each other",
                "remove one of them",
            );
        }
        if open && purge {
            let help = "clients could purge: set a `token` in place of `open`";
            section.add(&section.span_of("purge"), "`purge` needs a token", help);
        }
        Some(Self {
            listen: listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 9090))),
            token,
            purge,
        })
    }
}
