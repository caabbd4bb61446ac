//! Mutants that cannot stand behind a switch, such as those of constants: a build each.

use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

use crate::Result;
use crate::compile::{self, Kind, Program};
use crate::hunt;
use crate::results::{Results, Status};
use crate::rounds::Package;
use crate::suite::{self, End};

/// Compiles and runs mutants one by one.
pub(crate) fn run(
    package: &Package,
    mutants: &[usize],
    failing: &HashSet<String>,
    results: &mut Results,
) -> Result<()> {
    if mutants.is_empty() {
        return Ok(());
    }
    eprintln!("{} mutants with a build each", mutants.len());
    let without: Vec<_> = failing.iter().map(String::as_str).collect();
    let begin = Instant::now();
    for program in compile::compile(&package.tree, &package.name, Kind::Integration)?
        .map_err(|_| "does not compile")?
    {
        if suite::run_all(&program, &without, Duration::from_secs(900))? != End::Passed {
            return Err(format!("{} fails without a mutant", program.path.display()).into());
        }
    }
    let limit = hunt::limit(begin.elapsed());
    for &number in mutants {
        let mutant = &package.mutants[number];
        let source = package.source(mutant);
        let path = package.tree.join(&source.file);
        let mut text = source.text.clone();
        text.replace_range(mutant.range.clone(), &mutant.replacement);
        fs::write(&path, text)?;
        let status = status(package, &without, limit);
        fs::write(&path, &source.text)?;
        package.put(results, number, status?)?;
    }
    Ok(())
}

fn status(package: &Package, without: &[&str], limit: Duration) -> Result<Status> {
    for kind in [Kind::Unit, Kind::Integration] {
        let Ok(programs) = compile::compile(&package.tree, &package.name, kind)? else {
            return Ok(Status::Unviable);
        };
        for program in programs
            .iter()
            .filter(|program: &&Program| program.kind == kind)
        {
            match suite::run_all(program, without, limit)? {
                End::Passed => {}
                End::Failed(_) => return Ok(Status::Caught),
                End::Late => return Ok(Status::Late),
            }
        }
    }
    Ok(Status::Missed)
}
