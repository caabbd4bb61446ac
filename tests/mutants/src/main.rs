//! Runs the mutants that cargo-mutants lists, all of a package out of one build.
//!
//! ```text
//! scrimp-mutants TREE PACKAGE RESULTS FILE..
//! ```
//!
//! TREE is a work tree that it changes and restores, RESULTS a folder of its own. Results of an earlier
//! run count for a mutant that was caught or does not compile, as long as the code of its file is the
//! same. It prints a line for each file: its name, and how many mutants are caught, missed, late and
//! unviable; and a line for each mutant that is missed or late.
//!
//! 1. `weave`: each function gets copies of its body, one for each mutant, behind a switch.
//! 2. `compile`: a mutant that does not compile is dropped, and the rest is compiled again.
//! 3. `suite`: each test runs by itself without a mutant, and tells which functions it reaches.
//! 4. `hunt`: for each mutant, the tests that reach it run until one fails.
//! 5. `slow`: what cannot stand behind a switch is compiled mutant by mutant.

mod compile;
mod hunt;
mod list;
mod results;
mod rounds;
mod slow;
mod suite;
mod weave;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::results::{Results, Status};
use crate::rounds::Package;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(tree), Some(name), Some(folder)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: scrimp-mutants TREE PACKAGE RESULTS FILE..".into());
    };
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder)?;
    let mut results = Results::open(&folder.join(format!("{name}.tsv")))?;
    let files: Vec<_> = arguments.collect();
    let package = Package::read(PathBuf::from(tree), name, &files)?;

    let left = package.left(&results);
    eprintln!(
        "{}: {} mutants, {} of them to run",
        package.name,
        package.mutants.len() - 1,
        left.len()
    );
    if !left.is_empty() {
        let outcome = package.run(&left, &folder, &mut results);
        package.restore()?;
        let (slow, failing) = outcome?;
        slow::run(&package, &slow, &failing, &mut results)?;
    }

    for source in &package.sources {
        let count = |status| {
            let mutants = package
                .mutants
                .iter()
                .filter(|mutant| mutant.file == source.file);
            mutants
                .filter(|mutant| results.get(&source.digest, &mutant.name) == Some(status))
                .count()
        };
        let [caught, missed] = [Status::Caught, Status::Missed].map(count);
        let [late, unviable] = [Status::Late, Status::Unviable].map(count);
        println!("{}\t{caught}\t{missed}\t{late}\t{unviable}", source.file);
    }
    for mutant in &package.mutants[1..] {
        let status = results.get(&package.source(mutant).digest, &mutant.name);
        if let Some(status @ (Status::Missed | Status::Late)) = status {
            println!("{status}\t{}", mutant.name);
        }
    }
    Ok(())
}
