//! Places at which two prompts part and meet again.

use bytes::Bytes;
use serde_json::{Value, value::RawValue};
use smallvec::SmallVec;

use super::{
    stats::{BreakKind, PromptPart},
    token,
};

/// Longest difference that is looked across, in bytes.
const REACH: usize = 1_024;
/// Least number of bytes that are the same behind a difference.
const MEETS: usize = 256;
/// Bytes by which a place where both meet is found.
const ANCHOR: usize = 8;
/// Places with the same bytes that are tried, at most.
const ALIKE: usize = 8;
/// Breaks of a prompt that are told apart, at most.
const MOST: usize = 16;
/// Longest description of tools that is looked at as JSON, in which members may have another order too.
const TOOLS: usize = 1 << 14;
/// Longest name of a member of a JSON object.
const NAME: usize = 64;

/// Parts of a prompt, in the order of [`PromptPart::ALL`].
pub(super) type Parts = [Bytes; 3];

/// Break of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Break {
    pub(super) part: PromptPart,
    /// Bytes from the start of the part.
    pub(super) at: usize,
    pub(super) kind: BreakKind,
    /// Bytes from the start of the prompt to where both are the same again.
    pub(super) from: usize,
    /// Bytes that are the same from there, up to the next break.
    pub(super) same: usize,
}

/// The parts that two prompts have in common.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Bytes that both begin with.
    first: usize,
    pub(super) breaks: SmallVec<[Break; 2]>,
}

/// A part of both prompts, and the place in each up to which they were compared.
struct Walk<'a> {
    part: PromptPart,
    earlier: &'a [u8],
    later: &'a [u8],
    at: (usize, usize),
    /// Bytes of the later prompt before the part.
    before: usize,
}

/// Compares a prompt with an earlier one.
pub(super) fn compare(earlier: &Parts, later: &Parts) -> Comparison {
    let mut comparison = Comparison::default();
    let mut before = 0;
    for (part, (earlier, later)) in PromptPart::ALL.into_iter().zip(earlier.iter().zip(later)) {
        let walk = Walk {
            part,
            earlier,
            later,
            at: (0, 0),
            before,
        };
        if !walk.run(&mut comparison) {
            break;
        }
        before += later.len();
    }
    comparison
}

// === impl Comparison ===

impl Comparison {
    /// Returns the bytes that both have in common, before and behind breaks.
    pub(super) fn common(&self) -> usize {
        self.first + self.breaks.iter().map(|found| found.same).sum::<usize>()
    }

    fn add_same(&mut self, bytes: usize) {
        match self.breaks.last_mut() {
            Some(last) => last.same += bytes,
            None => self.first += bytes,
        }
    }
}

// === impl Walk ===

impl Walk<'_> {
    /// Compares the part to its end. Returns false if the prompts part for good within it.
    fn run(mut self, to: &mut Comparison) -> bool {
        loop {
            let same = common(&self.earlier[self.at.0..], &self.later[self.at.1..]);
            to.add_same(same);
            self.step(same, same);
            if self.at == (self.earlier.len(), self.later.len()) {
                return true;
            }
            if to.breaks.len() == MOST {
                return false;
            }
            if self.part == PromptPart::Tools
                && let Some(kind) = order(self.earlier, self.later)
            {
                // All behind the first tool in another place has to be read again.
                self.add(to, kind, 0);
                to.add_same(self.later.len() - self.at.1);
                return true;
            }
            let met = self.meet();
            let kind = met.map(|met| self.kind(met));
            let is_known = kind.is_some_and(|kind| kind != BreakKind::Other);
            if !is_known && let Some((earlier, later)) = self.reordered() {
                self.add(to, BreakKind::KeyOrder, 0);
                to.add_same(later);
                self.step(earlier, later);
                continue;
            }
            let (Some(met), Some(kind)) = (met, kind) else {
                return false;
            };
            self.add(to, kind, met.1);
            self.step(met.0, met.1);
        }
    }

    fn step(&mut self, earlier: usize, later: usize) {
        self.at = (self.at.0 + earlier, self.at.1 + later);
    }

    fn add(&self, to: &mut Comparison, kind: BreakKind, skipped: usize) {
        to.breaks.push(Break {
            part: self.part,
            at: self.at.1,
            kind,
            from: self.before + self.at.1 + skipped,
            same: 0,
        });
    }

    fn kind(&self, (earlier, later): (usize, usize)) -> BreakKind {
        token::kind(
            (self.earlier, self.at.0, self.at.0 + earlier),
            (self.later, self.at.1, self.at.1 + later),
        )
    }

    /// Returns how far the difference reaches in both: behind it they are the same for a while, or to the end of
    /// the part.
    fn meet(&self) -> Option<(usize, usize)> {
        let (a, b) = (&self.earlier[self.at.0..], &self.later[self.at.1..]);
        let mut anchors: Vec<(u64, usize)> = places(a)
            .filter_map(|at| Some((anchor(a, at)?, at)))
            .collect();
        anchors.sort_unstable();
        for later in places(b) {
            let Some(wanted) = anchor(b, later) else {
                break;
            };
            let first = anchors.partition_point(|(anchor, _)| *anchor < wanted);
            let equal = anchors[first..].iter().take(ALIKE);
            let equal = equal.take_while(|(anchor, _)| *anchor == wanted);
            let met = equal.map(|(_, earlier)| *earlier).find(|earlier| {
                let same = common(&a[*earlier..], &b[later..]);
                same >= MEETS || self.ends(*earlier + same, later + same)
            });
            if let Some(earlier) = met {
                return Some(shortened(a, b, earlier, later));
            }
        }
        // The difference is at the end of both.
        let back = a
            .iter()
            .rev()
            .zip(b.iter().rev())
            .take_while(|(a, b)| a == b)
            .count();
        let ends = (a.len() - back.min(a.len()), b.len() - back.min(b.len()));
        let is_near = ends.0 <= REACH && ends.1 <= REACH;
        (self.part != PromptPart::Messages && is_near).then_some(ends)
    }

    /// Reports whether both are at the end of a part that another one follows.
    fn ends(&self, earlier: usize, later: usize) -> bool {
        let is_end =
            (self.at.0 + earlier, self.at.1 + later) == (self.earlier.len(), self.later.len());
        self.part != PromptPart::Messages && is_end
    }

    /// Returns the bytes to the end of the elements of a JSON array that both are in, if they differ in the order
    /// of members only.
    fn reordered(&self) -> Option<(usize, usize)> {
        if !is_name(self.later, self.at.1) {
            return None;
        }
        let [earlier, later] = [
            element(self.earlier, self.at.0)?,
            element(self.later, self.at.1)?,
        ];
        let is_same = value(earlier.1)? == value(later.1)?;
        is_same.then_some((earlier.0 - self.at.0, later.0 - self.at.1))
    }
}

/// Returns the places at which two texts may meet: where a word begins or ends.
fn places(text: &[u8]) -> impl Iterator<Item = usize> {
    let near = &text[..text.len().min(REACH)];
    let ends = |at: &usize| !near[*at].is_ascii_alphanumeric();
    (0..near.len()).filter(ends)
}

fn anchor(text: &[u8], at: usize) -> Option<u64> {
    let bytes = text.get(at..at + ANCHOR)?;
    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
}

/// Moves the place where two texts meet to the front, as far as they are the same there too.
fn shortened(a: &[u8], b: &[u8], earlier: usize, later: usize) -> (usize, usize) {
    let pairs = a[..earlier].iter().rev().zip(b[..later].iter().rev());
    let same = pairs.take_while(|(a, b)| a == b).count();
    (earlier - same, later - same)
}

/// Returns the number of bytes that two texts begin with.
fn common(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 64;
    let chunks = a.chunks_exact(STEP).zip(b.chunks_exact(STEP));
    let whole = STEP * chunks.take_while(|(a, b)| a == b).count();
    let rest = a[whole..].iter().zip(&b[whole..]);
    whole + rest.take_while(|(a, b)| a == b).count()
}

/// Reports whether a place seems to be in the name of a member of a JSON object.
fn is_name(text: &[u8], at: usize) -> bool {
    let back = text[..at].iter().rev().take(NAME);
    let mut back = back.skip_while(|byte| **byte != b'"').skip(1);
    let before = back.find(|byte| !byte.is_ascii_whitespace());
    matches!(before, Some(b'{' | b','))
}

/// Returns the element of a JSON array that a place is in, with its end.
fn element(text: &[u8], at: usize) -> Option<(usize, &str)> {
    let elements: Vec<&RawValue> = serde_json::from_slice(text).ok()?;
    let start = |element: &RawValue| element.get().as_ptr() as usize - text.as_ptr() as usize;
    let end = |element: &RawValue| start(element) + element.get().len();
    let found = elements.into_iter().find(|element| end(element) > at)?;
    (start(found) <= at).then(|| (end(found), found.get()))
}

fn value(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// Returns the reason for which two descriptions of tools differ, if they have the same tools.
fn order(earlier: &[u8], later: &[u8]) -> Option<BreakKind> {
    if earlier.len() == later.len() && elements(earlier)? == elements(later)? {
        return Some(BreakKind::ToolOrder);
    }
    if earlier.len().max(later.len()) > TOOLS {
        return None;
    }
    let read = |text| serde_json::from_slice::<Value>(text).ok();
    let (mut earlier, mut later) = (read(earlier)?, read(later)?);
    if earlier == later {
        return Some(BreakKind::KeyOrder);
    }
    sort(&mut earlier);
    sort(&mut later);
    (earlier == later).then_some(BreakKind::ToolOrder)
}

/// Returns the elements of a JSON array, in an order of their own. None if it is another value.
fn elements(text: &[u8]) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_slice(text).ok()?;
    let mut elements: Vec<&str> = elements.into_iter().map(RawValue::get).collect();
    elements.sort_unstable();
    Some(elements)
}

/// Sorts every list within a value.
fn sort(value: &mut Value) {
    match value {
        Value::Array(list) => {
            list.iter_mut().for_each(sort);
            list.sort_by_cached_key(Value::to_string);
        }
        Value::Object(members) => members.values_mut().for_each(sort),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
