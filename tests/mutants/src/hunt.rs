//! The search for a test that fails with a mutant.

use std::collections::HashMap;
use std::time::Duration;

use crate::Result;
use crate::compile::Program;
use crate::results::Status;
use crate::suite::{self, End, Test};

/// Tests that run one by one before the others run together.
const ALONE: usize = 4;
/// Tests that take too long before a mutant counts as late: another may fail.
const LATE: usize = 3;
/// Tests that run in one process, and the time that they may take without a mutant.
const TOGETHER: usize = 48;
const TOGETHER_TIME: Duration = Duration::from_secs(3);
/// Tests that take longer do not run with mutants: what only they catch counts as missed.
const LONGEST: Duration = Duration::from_secs(10);
/// Tests of a failed run that are repeated alone.
const REPEATED: usize = 4;

/// The tests of a package, and which of them caught mutants so far.
pub(crate) struct Hunt<'a> {
    pub(crate) programs: &'a [Program],
    pub(crate) tests: &'a [Test],
    /// Number of mutants of a group that a test caught.
    pub(crate) catches: std::sync::Mutex<HashMap<(usize, usize), usize>>,
}

// === impl Hunt ===

impl Hunt<'_> {
    /// Runs the tests that reach a group with one of its mutants, until one fails.
    pub(crate) fn status(&self, group: usize, mutant: usize) -> Result<Status> {
        let order = self.order(group);
        let (alone, rest) = order.split_at(order.len().min(ALONE));
        let mut late = 0;
        if self.one_by_one(group, mutant, alone, &mut late)? {
            return Ok(Status::Caught);
        }
        for batch in self.batches(rest) {
            if late == LATE {
                break;
            }
            let names: Vec<_> = batch
                .iter()
                .map(|&test| self.tests[test].name.as_str())
                .collect();
            let time = batch.iter().map(|&test| self.tests[test].time).sum();
            let program = &self.programs[self.tests[batch[0]].program];
            let suspects = match suite::run(program, &names, mutant, limit(time))? {
                End::Passed => continue,
                End::Late => batch,
                End::Failed(failed) => {
                    let is_named = |test: &usize| failed.contains(&self.tests[*test].name);
                    let named: Vec<_> = batch
                        .iter()
                        .copied()
                        .filter(is_named)
                        .take(REPEATED)
                        .collect();
                    if named.is_empty() { batch } else { named }
                }
            };
            if self.one_by_one(group, mutant, &suspects, &mut late)? {
                return Ok(Status::Caught);
            }
        }
        Ok(if late == 0 {
            Status::Missed
        } else {
            Status::Late
        })
    }

    /// Reports whether a test fails by itself, and counts those that take too long.
    fn one_by_one(
        &self,
        group: usize,
        mutant: usize,
        tests: &[usize],
        late: &mut usize,
    ) -> Result<bool> {
        for &index in tests {
            let test = &self.tests[index];
            match suite::run(
                &self.programs[test.program],
                &[&test.name],
                mutant,
                limit(test.time),
            )? {
                End::Passed => {}
                End::Late => *late += 1,
                End::Failed(_) => {
                    *self
                        .catches
                        .lock()
                        .expect("no thread panics with it")
                        .entry((group, index))
                        .or_default() += 1;
                    return Ok(true);
                }
            }
            if *late == LATE {
                break;
            }
        }
        Ok(false)
    }

    /// Lists the tests that reach a group: first those that caught its mutants, then the quick ones.
    fn order(&self, group: usize) -> Vec<usize> {
        let catches = self.catches.lock().expect("no thread panics with it");
        let mut order: Vec<_> = (0..self.tests.len())
            .filter(|&test| {
                let Test { reaches, time, .. } = &self.tests[test];
                reaches.contains(&group) && *time <= LONGEST
            })
            .collect();
        order.sort_by_key(|&test| {
            let caught = catches.get(&(group, test)).copied().unwrap_or_default();
            let Test { program, time, .. } = &self.tests[test];
            (
                std::cmp::Reverse(caught),
                self.programs[*program].kind,
                *time,
            )
        });
        order
    }

    /// Splits tests into those that run in one process.
    fn batches(&self, tests: &[usize]) -> Vec<Vec<usize>> {
        let mut tests = tests.to_vec();
        tests.sort_by_key(|&test| (self.tests[test].program, self.tests[test].time));
        let mut batches: Vec<Vec<usize>> = Vec::new();
        let mut time = Duration::ZERO;
        for test in tests {
            let next = &self.tests[test];
            time += next.time;
            match batches.last_mut() {
                Some(batch)
                    if self.tests[batch[0]].program == next.program
                        && batch.len() < TOGETHER
                        && time < TOGETHER_TIME =>
                {
                    batch.push(test);
                }
                _ => {
                    time = next.time;
                    batches.push(vec![test]);
                }
            }
        }
        batches
    }
}

/// Returns the time after which tests with a mutant are stopped.
pub(crate) fn limit(time: Duration) -> Duration {
    Duration::from_secs(10) + time * 10
}
