//! Arguments of `scrimp serve`, and its run.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use scrimp_gateway::stop_signal;
use scrimp_serve::{Config, ServeError, Server, settings_in_markdown};
use tracing_subscriber::filter::LevelFilter;

use crate::error::{Error, Result};

pub(super) const SERVE_HELP: &str = "\
Serves the routes of a TOML file: cache, coalescing, batches, providers by price, budgets, tenants. SIGHUP
reads the file again without losing a request; a file with problems changes nothing. SIGTERM lets open
requests finish.

With --check, all problems of the file are printed with their lines, and the exit code is 1 if there are any.

Examples:
  scrimp serve gateway.toml
  scrimp serve gateway.toml --check
  scrimp serve --settings";

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Configuration
    #[arg(value_name = "FILE", required_unless_present = "settings")]
    file: Option<PathBuf>,
    /// Check the file, and what it names, without serving
    #[arg(long)]
    check: bool,
    /// Print all settings as Markdown
    #[arg(long, conflicts_with_all = ["file", "check"])]
    settings: bool,
    /// Level of the log on standard error
    #[arg(long, value_enum, default_value_t = Log::Info)]
    log: Log,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Log {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

// === impl ServeArgs ===

impl ServeArgs {
    pub(super) fn run(&self) -> Result<ExitCode> {
        let Some(file) = &self.file else {
            super::print(&settings_in_markdown())?;
            return Ok(ExitCode::SUCCESS);
        };
        if self.check {
            return match Config::read(file) {
                Ok(_) => {
                    super::print(&format!("{}: no problems\n", file.display()))?;
                    Ok(ExitCode::SUCCESS)
                }
                Err(problems) => Ok(refuse(&problems.into())),
            };
        }
        tracing_subscriber::fmt()
            .with_writer(io::stderr)
            .with_max_level(LevelFilter::from(self.log))
            .init();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| Error::io("cannot start", error))?;
        runtime.block_on(async {
            // Before any output, so that an immediate signal is not lost.
            let stop = stop_signal().map_err(|error| Error::io("cannot hear signals", error))?;
            let server = match Server::open(file).await {
                Ok(server) => server,
                Err(problems) => return Ok(refuse(&problems)),
            };
            let told = |error| Error::io("cannot tell which port was opened", error);
            let mut lines = format!("listening on {}\n", server.address().map_err(told)?);
            if let Some(admin) = server.admin_address().map_err(told)? {
                lines.push_str(&format!("live page on http://{admin}/\n"));
            }
            super::print(&lines)?;
            server.run(stop).await;
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn refuse(error: &ServeError) -> ExitCode {
    // Standard error may be closed; the exit code still reports the problems.
    let _ = writeln!(io::stderr(), "{error}");
    ExitCode::FAILURE
}

// === impl Log ===

impl From<Log> for LevelFilter {
    fn from(log: Log) -> Self {
        match log {
            Log::Off => Self::OFF,
            Log::Error => Self::ERROR,
            Log::Warn => Self::WARN,
            Log::Info => Self::INFO,
            Log::Debug => Self::DEBUG,
            Log::Trace => Self::TRACE,
        }
    }
}
