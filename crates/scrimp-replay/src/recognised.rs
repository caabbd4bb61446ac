//! Facts that no line of a log states: the result is then too good, and a warning says so.

use crate::line::{Kind, Parsed};

/// Highest number of logs that a warning names.
const NAMES: usize = 3;

/// Logs in which a fact was not recognised.
#[derive(Debug, Default)]
pub(crate) struct Recognised {
    present: Counts,
    without: [Logs; 3],
}

/// Lines of the present log, and those that state a host, a query and a method.
#[derive(Debug, Default)]
struct Counts {
    lines: u64,
    stated: [u64; 3],
}

#[derive(Debug, Default)]
struct Logs {
    first: Vec<String>,
    more: usize,
}

// === impl Recognised ===

impl Recognised {
    /// Begins a log. `one_host` says that all of its requests are for one known host.
    pub(crate) fn begin(&mut self, one_host: bool) {
        self.present = Counts {
            lines: 0,
            stated: [u64::from(one_host), 0, 0],
        };
    }

    pub(crate) fn note(&mut self, parsed: &Parsed) {
        let named = |kind| parsed.seen.name(kind).is_some();
        let stated = [
            !parsed.entry.host.is_empty(),
            parsed.entry.target.contains('?'),
            named(Kind::RequestLine) || named(Kind::Method),
        ];
        self.present.lines += 1;
        for (count, stated) in self.present.stated.iter_mut().zip(stated) {
            *count += u64::from(stated);
        }
    }

    pub(crate) fn end(&mut self, name: &str) {
        if self.present.lines == 0 {
            return;
        }
        for (logs, stated) in self.without.iter_mut().zip(self.present.stated) {
            if stated > 0 {
                continue;
            }
            if logs.first.len() < NAMES {
                logs.first.push(name.to_owned());
            } else {
                logs.more += 1;
            }
        }
    }

    /// Returns a warning for each fact that a log lacks.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let facts = [
            (
                "host",
                "requests for different hosts count as equal, and the result may be too good; \
                 --host says that there is only one",
            ),
            (
                "query",
                "requests that differ only in a query that is not logged count as equal, and the \
                 result may be too good",
            ),
            (
                "method",
                "all requests count as GET, and the result may be too good",
            ),
        ];
        let lacking = self.without.iter().zip(facts);
        lacking
            .filter(|(logs, _)| !logs.first.is_empty())
            .map(|(logs, (fact, effect))| {
                let names = logs.first.join(", ");
                let more = match logs.more {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                format!("no {fact} was recognised in {names}{more}: {effect}")
            })
            .collect()
    }
}
