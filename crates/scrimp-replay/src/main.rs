//! The `scrimp` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    scrimp_replay::cli::main()
}
