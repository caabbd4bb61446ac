//! Mutants of a package, out of one build.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Result;
use crate::compile::{self, CompileError, Kind, Program};
use crate::hunt::Hunt;
use crate::list::{self, Mutant};
use crate::results::{self, Results, Status};
use crate::suite::{self, End, Test};
use crate::weave::{self, Function, Group, Region};

const SWITCH: &str = include_str!("switch.rs.txt");
/// Attribute of a woven crate: copies have unused code, and constants that overflow.
const ALLOW: &str = "#![allow(warnings, arithmetic_overflow, unconditional_panic)]";

/// A file with mutants.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) text: String,
    /// Digest of its code without tests.
    pub(crate) digest: String,
    functions: Vec<Function>,
}

/// A package and its mutants.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) tree: PathBuf,
    pub(crate) name: String,
    pub(crate) sources: Vec<Source>,
    /// In the order of files, functions and places, so that those of a function follow each other.
    pub(crate) mutants: Vec<Mutant>,
    /// The groups of each file.
    groups: Vec<Vec<Group>>,
    lib: String,
    lib_text: String,
}

/// Mutants that a build can have.
struct Live {
    mutants: HashSet<usize>,
    /// Functions that have to stay `const`.
    constants: HashSet<String>,
    /// Mutants that have to be compiled one by one.
    slow: HashSet<usize>,
}

// === impl Package ===

impl Package {
    /// Lists the mutants of files of a package.
    pub(crate) fn read(tree: PathBuf, name: String, files: &[String]) -> Result<Self> {
        let read = |file: &String| Ok((file.clone(), fs::read_to_string(tree.join(file))?));
        let files: Vec<_> = files.iter().map(read).collect::<Result<_>>()?;
        let folder = files
            .first()
            .and_then(|(file, _)| file.split_once("/src/"))
            .ok_or("no file of a package")?
            .0;
        let lib = format!("{folder}/src/lib.rs");
        let lib_text = fs::read_to_string(tree.join(&lib))?;
        let listed = list::mutants(&tree, &files)?;
        let mut sources = Vec::new();
        // Number 0 stands for no mutant.
        let mut mutants = vec![Mutant {
            file: String::new(),
            name: String::new(),
            range: 0..0,
            replacement: String::new(),
        }];
        let mut groups = Vec::new();
        for (file, text) in files {
            let functions = weave::functions(&text)?;
            let of_file = listed.iter().filter(|mutant| mutant.file == file).cloned();
            let mut found: Vec<_> = of_file
                .map(|mutant| (weave::innermost(&functions, &mutant.range), mutant))
                .collect();
            found.sort_by_key(|(function, _)| *function);
            let mut of_file: Vec<Group> = Vec::new();
            for (function, mutant) in found {
                let number = mutants.len();
                mutants.push(mutant);
                let Some(function) = function else { continue };
                match of_file.last_mut() {
                    Some(group) if group.function == function => group.numbers.end = number + 1,
                    _ => of_file.push(Group {
                        function,
                        numbers: number..number + 1,
                    }),
                }
            }
            groups.push(of_file);
            let digest = results::digest(&text);
            sources.push(Source {
                file,
                text,
                digest,
                functions,
            });
        }
        Ok(Self {
            tree,
            name,
            sources,
            mutants,
            groups,
            lib,
            lib_text,
        })
    }

    /// Returns the file of a mutant.
    pub(crate) fn source(&self, mutant: &Mutant) -> &Source {
        self.sources
            .iter()
            .find(|source| source.file == mutant.file)
            .unwrap_or(&self.sources[0])
    }

    /// Lists the mutants without a result that stays.
    pub(crate) fn left(&self, results: &Results) -> Vec<usize> {
        let is_left = |mutant: &Mutant| {
            !matches!(
                results.get(&self.source(mutant).digest, &mutant.name),
                Some(Status::Caught | Status::Unviable)
            )
        };
        (1..self.mutants.len())
            .filter(|&number| is_left(&self.mutants[number]))
            .collect()
    }

    /// Writes the files as they were.
    pub(crate) fn restore(&self) -> Result<()> {
        for source in &self.sources {
            fs::write(self.tree.join(&source.file), &source.text)?;
        }
        Ok(fs::write(self.tree.join(&self.lib), &self.lib_text)?)
    }

    /// Runs mutants, and returns those that have to be compiled one by one and the tests that fail
    /// without a mutant.
    pub(crate) fn run(
        &self,
        left: &[usize],
        folder: &Path,
        results: &mut Results,
    ) -> Result<(Vec<usize>, HashSet<String>)> {
        let mut live = self.live(left);
        let programs = self.build(&mut live, results)?;
        let (tests, failing) = self.record(&programs, folder)?;
        let hunt = Hunt {
            programs: &programs,
            tests: &tests,
            catches: Mutex::default(),
        };
        let groups: Vec<_> = self.groups.iter().flatten().collect();
        let first = |number: usize| {
            groups
                .iter()
                .find(|group| group.numbers.contains(&number))
                .map(|group| group.numbers.start)
        };
        let mut queue: Vec<_> = live.mutants.iter().copied().collect();
        queue.sort_unstable();
        let next = AtomicUsize::new(0);
        let results = Mutex::new(results);
        in_threads(|_| {
            while let Some(&number) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                let status = hunt.status(first(number).unwrap_or_default(), number)?;
                self.put(
                    &mut results.lock().expect("no thread panics with it"),
                    number,
                    status,
                )?;
            }
            Ok(())
        })?;
        let mut slow: Vec<_> = live.slow.into_iter().collect();
        slow.sort_unstable();
        Ok((slow, failing))
    }

    /// Keeps and tells the result of a mutant.
    pub(crate) fn put(&self, results: &mut Results, number: usize, status: Status) -> Result<()> {
        let mutant = &self.mutants[number];
        if status != Status::Caught {
            eprintln!("{status}\t{}", mutant.name);
        }
        results.put(&self.source(mutant).digest, &mutant.name, status)
    }

    fn live(&self, left: &[usize]) -> Live {
        let mut live = Live {
            mutants: left.iter().copied().collect(),
            constants: HashSet::new(),
            slow: HashSet::new(),
        };
        let groups = self.groups.iter().flatten();
        let grouped: HashSet<_> = groups.flat_map(|group| group.numbers.clone()).collect();
        for &number in left.iter().filter(|number| !grouped.contains(number)) {
            live.slow(number);
        }
        live
    }

    /// Builds all tests with all mutants that compile.
    fn build(&self, live: &mut Live, results: &mut Results) -> Result<Vec<Program>> {
        for round in 1.. {
            self.keep_constants(live);
            let regions = self.write(live)?;
            let mut errors = Vec::new();
            for kind in [Kind::Unit, Kind::Integration] {
                match compile::compile(&self.tree, &self.name, kind)? {
                    Ok(programs) if kind == Kind::Integration => return Ok(programs),
                    Ok(_) => {}
                    Err(found) => {
                        errors = found;
                        break;
                    }
                }
            }
            let before = live.mutants.len();
            let constants = live.constants.len();
            for error in &errors {
                self.drop(error, &regions, live, results)?;
            }
            eprintln!(
                "build {round}: {} of {before} mutants left",
                live.mutants.len()
            );
            if live.mutants.len() == before && live.constants.len() == constants {
                let rendered: Vec<_> = errors.into_iter().map(|error| error.rendered).collect();
                return Err(rendered.join("\n").into());
            }
        }
        unreachable!("each round drops mutants")
    }

    /// Takes out the mutants of functions that take no copies.
    fn keep_constants(&self, live: &mut Live) {
        for (source, groups) in self.sources.iter().zip(&self.groups) {
            for group in groups {
                if !source.functions[group.function].takes_copies(&live.constants) {
                    group.numbers.clone().for_each(|number| live.slow(number));
                }
            }
        }
    }

    fn write(&self, live: &Live) -> Result<HashMap<&str, Vec<Region>>> {
        let mut regions = HashMap::new();
        let mut lib = self.lib_text.clone();
        for (source, groups) in self.sources.iter().zip(&self.groups) {
            let woven = weave::weave(
                &source.text,
                &source.functions,
                groups,
                &self.mutants,
                &live.mutants,
            );
            regions.insert(source.file.as_str(), woven.regions);
            if source.file == self.lib {
                lib = woven.text;
            } else {
                write_changed(&self.tree.join(&source.file), &woven.text)?;
            }
        }
        let switch = SWITCH.replace("COUNT", &self.mutants.len().to_string());
        // On the first line, so that no line moves.
        write_changed(
            &self.tree.join(&self.lib),
            &format!("{ALLOW} {lib}{switch}"),
        )?;
        Ok(regions)
    }

    /// Drops the mutants that an error is about.
    fn drop(
        &self,
        error: &CompileError,
        regions: &HashMap<&str, Vec<Region>>,
        live: &mut Live,
        results: &mut Results,
    ) -> Result<()> {
        // "cannot call non-const associated function `..` in constants"
        let called = error
            .message
            .split('`')
            .nth(1)
            .filter(|_| error.code == "E0015");
        if let Some(name) = called.and_then(|path| path.rsplit("::").next()) {
            let mut functions = self.sources.iter().flat_map(|source| &source.functions);
            if functions.any(|function| function.is_const() && function.name == name) {
                live.constants.insert(name.into());
                return Ok(());
            }
        }
        let region = error.places.iter().find_map(|(file, line)| {
            let regions = regions.get(file.as_str())?;
            regions.iter().find(|region| region.lines.contains(line))
        });
        match region {
            Some(Region {
                mutants,
                whole: false,
                ..
            }) => {
                for &number in mutants.iter().filter(|number| live.mutants.remove(number)) {
                    self.put(results, number, Status::Unviable)?;
                }
            }
            Some(Region { mutants, .. }) => mutants.iter().for_each(|&number| live.slow(number)),
            None => {}
        }
        Ok(())
    }

    /// Runs each test by itself without a mutant.
    fn record(&self, programs: &[Program], folder: &Path) -> Result<(Vec<Test>, HashSet<String>)> {
        let mut tests = Vec::new();
        for (index, program) in programs.iter().enumerate() {
            tests.extend(suite::tests(program, index)?);
        }
        eprintln!("{} tests in {} programs", tests.len(), programs.len());
        let queue: Vec<_> = tests.into_iter().map(Mutex::new).collect();
        let next = AtomicUsize::new(0);
        let failing = Mutex::new(HashSet::new());
        in_threads(|thread| {
            let marks = folder.join(format!("{}.marks{thread}", self.name));
            while let Some(test) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut test = test.lock().expect("each test has one thread");
                let program = &programs[test.program];
                if suite::record(program, &mut test, &marks)? != End::Passed {
                    eprintln!("fails without a mutant, so does not count: {}", test.name);
                    test.reaches.clear();
                    failing
                        .lock()
                        .expect("no thread panics with it")
                        .insert(test.name.clone());
                }
            }
            Ok(())
        })?;
        let tests = queue
            .into_iter()
            .map(|test| test.into_inner().expect("no thread panicked"))
            .collect();
        Ok((tests, failing.into_inner().expect("no thread panicked")))
    }
}

// === impl Live ===

impl Live {
    /// Leaves a mutant to a build of its own.
    fn slow(&mut self, number: usize) {
        if self.mutants.remove(&number) {
            self.slow.insert(number);
        }
    }
}

/// Writes a file unless it is the same, so that cargo need not build it again.
fn write_changed(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path)? != text {
        fs::write(path, text)?;
    }
    Ok(())
}

/// Does something in as many threads as there are processors.
fn in_threads(work: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn({
                    let work = &work;
                    move || work(thread)
                })
            })
            .collect();
        running
            .into_iter()
            .try_for_each(|thread| thread.join().expect("the work does not panic"))
    })
}
