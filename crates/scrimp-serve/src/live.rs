//! The stack that is served now, and its replacement.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use scrimp_audit::{AuditEvent, AuditKind};
use scrimp_core::SettingError;
use scrimp_gateway::Switch;

use crate::{
    config::Config,
    figures::{Reloads, Snapshot, Snapshots},
    read::ConfigError,
    stack::Stack,
};

/// The stack that is served, with all that outlives it.
pub(crate) struct Live {
    file: PathBuf,
    stack: ArcSwap<Stack>,
    switch: Switch,
    /// One reload at a time.
    reloading: Mutex<()>,
    reloads: Reloads,
    snapshots: Snapshots,
    stopping: AtomicBool,
}

/// The outcome of a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// Settings that changed in the file, and that only a restart can bring.
    pub needs_restart: Vec<&'static str>,
}

/// The reason why a configuration is not served.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// The file has problems.
    Config(ConfigError),
    /// A layer refuses a setting.
    Setting(SettingError),
    /// An address cannot be used.
    Listen(std::io::Error),
}

// === impl Live ===

impl Live {
    pub(crate) fn new(file: PathBuf, stack: Stack, switch: Switch) -> Arc<Self> {
        Arc::new(Self {
            file,
            stack: ArcSwap::from_pointee(stack),
            switch,
            reloading: Mutex::new(()),
            reloads: Reloads::default(),
            snapshots: Snapshots::default(),
            stopping: AtomicBool::new(false),
        })
    }

    pub(crate) fn stack(&self) -> Arc<Stack> {
        self.stack.load_full()
    }

    /// Returns the figures of this second.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.latest(&self.stack.load(), &self.reloads)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Reads the file again and serves it. If it cannot be used, nothing changes.
    pub(crate) fn reload(&self) -> Result<Reloaded, ServeError> {
        let _one = self.reloading.lock();
        let result = self.replace();
        self.record(&result);
        match &result {
            Ok(told) => {
                self.reloads.done.fetch_add(1, Relaxed);
                tracing::info!("{told}");
            }
            Err(error) => {
                self.reloads.failed.fetch_add(1, Relaxed);
                tracing::error!("the configuration stays as it was:\n{error}");
            }
        }
        result
    }

    /// Records a reload in the audit log, if there is one.
    fn record(&self, result: &Result<Reloaded, ServeError>) {
        let stack = self.stack.load();
        let Some(audit) = &stack.parts.audit else {
            return;
        };
        let event = AuditEvent::new(AuditKind::Configuration).target("reload");
        audit.record(match result {
            Ok(told) => event
                .outcome("served")
                .detail("needs_restart", told.needs_restart.join(", ")),
            // Its text may quote the file.
            Err(_) => event.outcome("refused"),
        });
    }

    fn replace(&self) -> Result<Reloaded, ServeError> {
        let config = Config::read(&self.file)?;
        let before = self.stack.load_full();
        let stack = Stack::build(config, Some(&before))?;
        let gateway = stack.gateway()?;
        let (old, new) = (&before.config, &stack.config);
        let mut needs_restart = Vec::new();
        if old.server.needs_restart(&new.server) {
            needs_restart.push("[server]");
        }
        let listen = |config: &Config| config.admin.as_ref().map(|admin| admin.listen);
        if listen(old) != listen(new) {
            needs_restart.push("[admin]");
        }
        if old.audit != new.audit {
            needs_restart.push("[audit]");
        }
        self.switch.replace(&gateway);
        self.stack.store(Arc::new(stack));
        Ok(Reloaded { needs_restart })
    }
}

// === impl Reloaded ===

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reloaded")?;
        if !self.needs_restart.is_empty() {
            let sections = self.needs_restart.join(", ");
            write!(
                f,
                "; addresses or limits in {sections} change with a restart only"
            )?;
        }
        Ok(())
    }
}

// === impl ServeError ===

impl From<ConfigError> for ServeError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<SettingError> for ServeError {
    fn from(error: SettingError) -> Self {
        Self::Setting(error)
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Setting(error) => error.fmt(f),
            Self::Listen(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ServeError {}
