//! `[tenants]` and `[[tenant]]`.

use http::{HeaderName, header::AUTHORIZATION};

use crate::read::Section;

use super::Secret;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tenants {
    pub(crate) header: HeaderName,
    pub(crate) name_header: Option<HeaderName>,
    pub(crate) required: bool,
    pub(crate) pass_on: bool,
    pub(crate) all: Vec<Tenant>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) key: Secret,
}

// === impl Tenants ===

impl Tenants {
    pub(crate) fn read(section: &Section<'_>, root: &Section<'_>) -> Option<Self> {
        let header = section.by_from_str("header").map(|at| at.value);
        let name_header = section.by_from_str("name_header").map(|at| at.value);
        let mut all: Vec<Tenant> = Vec::new();
        for section in root.list("tenant", "tenant") {
            let name = section.require("name", section.text("name"));
            let key = section.require("key", Secret::read(&section, "key"));
            let (Some(name), Some(key)) = (name, key) else {
                continue;
            };
            if all.iter().any(|other| other.name == name.value) {
                let message = format!("two [[tenant]] have the name `{}`", name.value);
                section.add(&name.span, message, "give each a name of its own");
            }
            if all.iter().any(|other| other.key == key) {
                let message = "two [[tenant]] have the same key";
                section.add(
                    &section.span_of("key"),
                    message,
                    "give each a key of its own",
                );
            }
            all.push(Tenant {
                name: name.value,
                key,
            });
        }
        if name_header.is_some() && (root.has("tenant") || header.is_some()) {
            let span = section.span_of("name_header");
            let help = "tenants come by name from a trusted proxy, or by their keys";
            section.add(
                &span,
                "`name_header` cannot be used together with keys",
                help,
            );
        }
        Some(Self {
            header: header.unwrap_or(AUTHORIZATION),
            name_header,
            required: section.flag("required").unwrap_or(true),
            pass_on: section.flag("pass_on").unwrap_or(false),
            all,
        })
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.all.iter().map(|tenant| tenant.name.clone()).collect()
    }
}
