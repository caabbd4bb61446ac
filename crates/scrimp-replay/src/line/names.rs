//! Looks up the names of a log in the table of fields.

use std::{collections::HashMap, sync::LazyLock};

use super::fields::{CONTAINERS, Field, Kind, OBJECTS, TABLE, Unit, split_unit};

/// Endings of names that state a unit.
const UNITS: &[(&str, Unit)] = &[
    ("milliseconds", Unit::Millis),
    ("millis", Unit::Millis),
    ("msec", Unit::Millis),
    ("ms", Unit::Millis),
    ("microseconds", Unit::Micros),
    ("microsec", Unit::Micros),
    ("micros", Unit::Micros),
    ("usec", Unit::Micros),
    ("us", Unit::Micros),
    ("nanoseconds", Unit::Nanos),
    ("nanos", Unit::Nanos),
    ("ns", Unit::Nanos),
    ("seconds", Unit::Seconds),
    ("secs", Unit::Seconds),
    ("sec", Unit::Seconds),
    ("s", Unit::Seconds),
];

/// Longest name with its objects that is looked up; the table has no longer ones.
const MAX_NAME: usize = 96;
/// Most names that a [`Names`] remembers.
const MAX_KNOWN: usize = 1024;

struct Index {
    exact: HashMap<&'static str, Vec<Field>>,
    normal: HashMap<String, Vec<Field>>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index {
        exact: HashMap::new(),
        normal: HashMap::new(),
    };
    for &(kind, names) in TABLE {
        for (rank, name) in (0u8..).zip(names.split_whitespace()) {
            let (name, unit) = split_unit(name);
            let (exact, name) = match name.strip_prefix('=') {
                Some(name) => (true, name),
                None => (false, name),
            };
            let field = Field {
                kind,
                name,
                rank,
                unit,
            };
            let plain = name.trim_end_matches('?');
            index.exact.entry(plain).or_default().push(field);
            if !exact {
                let known = index.normal.entry(normal(plain)).or_default();
                if known.iter().all(|other| other.kind != kind) {
                    known.push(field);
                }
            }
        }
    }
    index
});

/// Remembers which names of a log are in the table.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: HashMap<String, Vec<Field>>,
}

// === impl Names ===

impl Names {
    /// Returns the fields of a name with its objects, such as `request.headers.Host`.
    pub(super) fn find(&mut self, path: &str) -> &[Field] {
        if path.len() > MAX_NAME {
            return &[];
        }
        if !self.known.contains_key(path) {
            if self.known.len() >= MAX_KNOWN {
                self.known.clear();
            }
            self.known.insert(path.to_owned(), look_up(path));
        }
        self.known.get(path).map_or(&[], Vec::as_slice)
    }
}

/// Looks a name up: as it is, in another spelling, without the objects around it, with the usual
/// name of its object, and without a unit at its end.
fn look_up(path: &str) -> Vec<Field> {
    let mut rest = path;
    loop {
        let found = spelled(rest);
        if !found.is_empty() {
            return found;
        }
        match rest.split_once('.') {
            Some((object, inner)) if is_container(object) => rest = inner,
            _ => return Vec::new(),
        }
    }
}

fn is_container(object: &str) -> bool {
    let object = normal(object);
    CONTAINERS
        .split_whitespace()
        .any(|known| normal(known) == object)
}

fn spelled(name: &str) -> Vec<Field> {
    if let Some(fields) = INDEX.exact.get(name) {
        return fields.clone();
    }
    let name = normal(name);
    if let Some(fields) = INDEX.normal.get(&name) {
        return fields.clone();
    }
    let renamed = OBJECTS.iter().find_map(|(other, usual)| {
        let rest = name.strip_prefix(other)?;
        INDEX.normal.get(&format!("{usual}{rest}"))
    });
    if let Some(fields) = renamed {
        return fields.clone();
    }
    let with_unit = UNITS.iter().find_map(|(end, unit)| {
        let fields = INDEX.normal.get(name.strip_suffix(end)?)?;
        let latency = fields.iter().find(|field| field.kind == Kind::Latency)?;
        Some(Field {
            unit: *unit,
            ..*latency
        })
    });
    with_unit.into_iter().collect()
}

/// Returns a name without case, `_`, `-` and `@`.
fn normal(name: &str) -> String {
    let kept = name.chars().filter(|c| !matches!(c, '_' | '-' | '@' | '$'));
    kept.flat_map(char::to_lowercase).collect()
}
