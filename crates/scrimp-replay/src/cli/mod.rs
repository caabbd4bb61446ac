//! The `scrimp` command: reads its arguments, and exits with a code.
//!
//! | code | when |
//! |---|---|
//! | 0 | success; also if the reader of the output closed it |
//! | 1 | an audit log is not sound; a required goal of the demonstration was not met; no request of `warm` was of use; the configuration of `serve` has problems; a ledger and an export differ |
//! | 2 | an argument is invalid, or an input cannot be read, or contains nothing to replay |

mod args;
mod audit;
mod bar;
#[cfg(feature = "finance")]
mod finance;
#[cfg(feature = "serve")]
mod serve;
mod size;
mod values;
#[cfg(feature = "warm")]
mod warm;

use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use clap::{CommandFactory, Parser, error::ErrorKind};

use crate::{
    error::{Error, Result},
    explain::Explanation,
    input::Input,
    replay::replay,
    settings::Settings,
};
use args::{Cli, Command, DemoArgs, ReplayArgs, SampleArgs};
use bar::Bar;

/// Runs the command with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let done = match &cli.command {
        Command::Replay(args) => match (args.settings(), args.inputs()) {
            (Ok(settings), Ok(inputs)) => {
                run_replay(args, &settings, inputs).map(|()| ExitCode::SUCCESS)
            }
            (Err(error), _) | (_, Err(error)) if error.is_io() => Err(error),
            (Err(error), _) | (_, Err(error)) => return refuse(&usage("replay", &error)),
        },
        #[cfg(feature = "warm")]
        Command::Warm(args) => match args.plan() {
            Ok(plan) => args.run(&plan),
            Err(error) => return refuse(&usage("warm", &error)),
        },
        #[cfg(feature = "finance")]
        Command::Reconcile(args) => args.run(),
        #[cfg(feature = "finance")]
        Command::Focus(args) => args.run(),
        #[cfg(feature = "serve")]
        Command::Serve(args) => args.run(),
        Command::Audit(args) => args.run(),
        Command::Demo(args) => run_demo(args),
        Command::SampleLog(args) => sample_log(args).map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn run_replay(args: &ReplayArgs, settings: &Settings, inputs: Vec<Input>) -> Result<()> {
    if let Some(lines) = args.explain {
        return print(&Explanation::of(inputs, settings, lines.into())?.to_string());
    }
    // A path that cannot be written is reported before the work.
    let html = args.html.as_deref().map(create).transpose()?;
    let mut bar = Bar::new(args.quiet);
    let report = replay(inputs, settings, &mut bar);
    bar.clear();
    let report = report?;

    if let (Some(file), Some(path)) = (html, &args.html) {
        write_all(file, &format!("{}", report.html()))
            .map_err(|error| cannot_write(path, error))?;
    }
    print(&if args.json {
        format!("{}\n", report.to_json())
    } else {
        report.table(colour()).to_string()
    })
}

fn run_demo(args: &DemoArgs) -> Result<ExitCode> {
    let bar = Bar::new(args.quiet);
    bar.working_on("five scenarios, six failures");
    let outcome = args.demo().run();
    bar.clear();
    let outcome = outcome?;
    print(&if args.json {
        format!("{}\n", outcome.to_json())
    } else {
        outcome.table(colour()).to_string()
    })?;
    Ok(if outcome.wrong().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

fn print(text: &str) -> Result<()> {
    write_all(io::stdout().lock(), text)
        .map_err(|error| Error::io("cannot write the report", error))
}

fn sample_log(args: &SampleArgs) -> Result<()> {
    match &args.output {
        Some(path) => {
            let file = create(path)?;
            write_log(file, args).map_err(|error| cannot_write(path, error))
        }
        None => write_log(io::stdout().lock(), args)
            .map_err(|error| Error::io("cannot write the log", error)),
    }
}

fn write_log(out: impl Write, args: &SampleArgs) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    for line in args.log() {
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn write_all(mut out: impl Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Creates or empties a file. A log and its report name what people asked for, so a new file is
/// readable by its owner alone.
fn create(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path);
    file.map_err(|error| cannot_write(path, error))
}

fn cannot_write(path: &Path, error: io::Error) -> Error {
    Error::io(format!("cannot write {}", path.display()), error)
}

/// Prints help, versions and errors of usage as clap words them, with its tips.
fn refuse(error: &clap::Error) -> ExitCode {
    // The reader may have closed the output; there is no other place to report to.
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Words an error in the arguments as clap does, with the usage.
fn usage(name: &str, error: &Error) -> clap::Error {
    let mut command = Cli::command();
    command.build();
    let kind = ErrorKind::ValueValidation;
    match command.find_subcommand_mut(name) {
        Some(command) => command.error(kind, error),
        None => command.error(kind, error),
    }
}

fn fail(message: &str) -> ExitCode {
    // Standard error may be closed; the exit code still reports the error.
    let _ = writeln!(io::stderr(), "scrimp: {message}");
    ExitCode::from(2)
}
