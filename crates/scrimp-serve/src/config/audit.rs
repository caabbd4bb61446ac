//! `[audit]`: the log of what operators do, and of what is refused.

use std::{path::PathBuf, time::Duration};

use scrimp_audit::{AuditKey, AuditLog};
use scrimp_core::SettingError;

use crate::read::Section;

use super::Secret;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Audit {
    folder: PathBuf,
    key: Option<Secret>,
    pseudonyms: Option<Secret>,
    retention: Option<Duration>,
}

// === impl Audit ===

impl Audit {
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let folder = section.require("folder", section.text("folder"));
        let [key, pseudonyms] = ["key", "pseudonyms"].map(|name| {
            let secret = Secret::read(section, name)?;
            if AuditKey::from_hex(secret.reveal()).is_none() {
                let message = format!("`{name}` must be 64 hexadecimal digits");
                let help = "`openssl rand -hex 32` prints some";
                section.add(&section.span_of(name), message, help);
            }
            Some(secret)
        });
        Some(Self {
            folder: folder?.value.into(),
            key,
            pseudonyms,
            retention: section.time("retention"),
        })
    }

    /// Opens the log.
    pub(crate) fn open(&self) -> Result<AuditLog, SettingError> {
        let key = |secret: &Option<Secret>| {
            let secret = secret.as_ref();
            secret.and_then(|secret| AuditKey::from_hex(secret.reveal()))
        };
        let mut log = AuditLog::builder(&self.folder);
        if let Some(key) = key(&self.key) {
            log = log.key(key);
        }
        if let Some(key) = key(&self.pseudonyms) {
            log = log.pseudonyms(key);
        }
        match self.retention {
            Some(time) => log.retention(time).build(),
            None => log.build(),
        }
    }
}
