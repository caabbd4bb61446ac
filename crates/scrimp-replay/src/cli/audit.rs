//! Arguments of `scrimp audit`, and its run.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use scrimp_audit::{AuditKey, verify};

use crate::error::{Error, Result};

pub(super) const AUDIT_HELP: &str = "\
Reads the audit log in a folder, and names the file and the line of what was changed, removed, moved, replaced or cut off.
The exit code is 1 if there is anything. The log may be open meanwhile.

Examples:
  scrimp audit verify /var/log/shop-audit
  scrimp audit verify /var/log/shop-audit --key-file chain.key --anchor 5f1c…";

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Verify the chain of hashes
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// Folder of the log
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Hash of a record that the log had at an earlier time, to find a log that was cut off
    #[arg(long, value_name = "HASH", value_parser = hash)]
    anchor: Option<String>,
    /// File with the key of the log, as 64 hexadecimal digits
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

// === impl AuditArgs ===

impl AuditArgs {
    pub(super) fn run(&self) -> Result<ExitCode> {
        let AuditCommand::Verify(args) = &self.command;
        args.run()
    }
}

// === impl VerifyArgs ===

impl VerifyArgs {
    fn run(&self) -> Result<ExitCode> {
        let failed =
            |path: &PathBuf, error| Error::io(format!("cannot read {}", path.display()), error);
        let key = match &self.key_file {
            None => None,
            Some(path) => {
                let text = fs::read_to_string(path).map_err(|error| failed(path, error))?;
                let key = AuditKey::from_hex(&text).ok_or_else(|| {
                    let kind = std::io::ErrorKind::InvalidData;
                    failed(
                        path,
                        std::io::Error::new(kind, "a key has 64 hexadecimal digits"),
                    )
                })?;
                Some(key)
            }
        };
        let report = verify(&self.folder, key.as_ref(), self.anchor.as_deref())
            .map_err(|error| failed(&self.folder, error))?;
        super::print(&format!("{report}\n"))?;
        Ok(match report.is_sound() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}

/// Reads a hash.
fn hash(text: &str) -> std::result::Result<String, String> {
    match text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(text.to_owned()),
        false => Err("a hash has 64 hexadecimal digits".to_owned()),
    }
}
