//! Templates of paths, learned: what follows `/products/17` also follows `/products/18`.
//!
//! A part of a path is a parameter if it is one of many behind the same prefix, and rare among them. The form of a
//! next path has references in place of the values that the session's last pages had as parameters. It is counted
//! behind the template of the last page, whatever the values are, and so predicts paths that were never asked for.
//! A form counts once two sessions have shown it, since the text in it may be the secret of one.

mod forms;
mod split;

use self::{
    forms::{Form, Forms, PAGES},
    split::{Parts, Split, short},
};
use super::table::Table;
use crate::{ItemId, Trail, Visit};

/// Predictions of paths for one request.
const MOST: usize = 3;

/// Least share of visits that a form must have had to be predicted.
const LEAST: f64 = 0.02;

/// Stands for next paths with no value of the pages before.
const OTHER: u32 = 0;

/// Learns templates of paths, in a fixed amount of memory.
pub(super) struct Paths {
    parts: Parts,
    /// Numbers of forms that followed a template.
    nexts: Table,
    forms: Forms,
    /// Latest pages by their item. Of two with one place, the latest is known.
    pages: Box<[Page]>,
}

/// A page that was asked for.
#[derive(Debug, Clone, Copy)]
struct Page {
    /// 0: the place is free.
    item: u32,
    /// Half of the number of the session that has shown it. 0: more than one has.
    session: u32,
    split: Split,
}

/// Path that is expected.
pub(super) struct Expected {
    pub(super) path: String,
    pub(super) confidence: f64,
}

// === impl Paths ===

impl Paths {
    /// Makes room for this many pages.
    pub(super) fn new(pages: usize) -> Self {
        let pages = pages.next_power_of_two().max(64);
        Self {
            parts: Parts::new(pages),
            nexts: Table::new(pages / 4),
            forms: Forms::new(pages / 4),
            pages: vec![Page::NONE; pages].into(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.parts.bytes() + self.nexts.bytes() + self.forms.bytes() + size_of_val(&*self.pages)
    }

    /// Learns a visit after those of a trail. Returns the template of the last page, if it has parameters.
    pub(super) fn learn(&mut self, trail: &Trail, next: &Visit<'_>) -> Option<u32> {
        let is_known = trail.recent(0) == Some(next.item) && self.page(next.item).is_some();
        if is_known {
            return None;
        }
        let before = self.has_values(trail).then(|| self.recent(trail));
        let split = self.parts.learn(next.uri);
        let place = self.place(next.item);
        self.pages[place].show(next, split);
        let before = before.filter(|before| before[0].template != 0)?;
        if trail.has_seen(next.item) {
            return None;
        }
        let path = next.uri.path_and_query().map_or("/", |path| path.as_str());
        let number = match Form::of(path, &before) {
            Some(form) => {
                let number = self.number(&form);
                self.forms.note(number, &form, next.session);
                number
            }
            None => OTHER,
        };
        self.nexts.add(before[0].template, number);
        Some(half(before[0].template))
    }

    /// Returns paths that are expected after a trail, the likeliest first, and the template of the last page.
    pub(super) fn expect(&self, trail: &Trail) -> (u32, [Option<Expected>; MOST]) {
        let mut expected = [const { None }; MOST];
        let last = trail.recent(0).and_then(|item| self.page(item));
        let template = last.map_or(0, |last| last.template);
        let node = self.nexts.get(template);
        if template == 0 || node.total() == 0 {
            return (0, expected);
        }
        let recent = self.recent(trail);
        let mut best: [(u32, u16); MOST] = [(OTHER, 0); MOST];
        for mut one in node.items().filter(|(number, _)| *number != OTHER) {
            for place in &mut best {
                if one.1 > place.1 {
                    std::mem::swap(&mut one, place);
                }
            }
        }
        let total = f64::from(node.total()) + 1.0;
        for (place, (number, count)) in expected.iter_mut().zip(best) {
            let confidence = f64::from(count) / total;
            if confidence < LEAST {
                break;
            }
            let path = self.forms.get(number).and_then(|form| form.path(&recent));
            let path = path.filter(|path| !self.has_seen(trail, path));
            *place = path.map(|path| Expected { path, confidence });
        }
        (half(template), expected)
    }

    /// Forgets pages and forms that only one session has shown. What is left has no text but that of others; the
    /// numbers of forms and of parts are hashes with a key of the process.
    pub(super) fn forget(&mut self, session: u64) {
        self.forms.forget(session);
        let session = short(session);
        for page in &mut self.pages {
            if page.session == session {
                *page = Page::NONE;
            }
        }
    }

    /// Reports whether a session has asked for a path, as far as its pages are known.
    fn has_seen(&self, trail: &Trail, path: &str) -> bool {
        let path = self.parts.hash(path);
        let mut seen = trail.seen().filter_map(|item| self.page(item));
        seen.any(|page| page.path == path)
    }

    /// Reports whether a session's last pages have parameters.
    fn has_values(&self, trail: &Trail) -> bool {
        let mut recent = (0..PAGES).filter_map(|back| self.page(trail.recent(back)?));
        recent.any(Split::has_values)
    }

    /// Returns the last pages of a session.
    fn recent(&self, trail: &Trail) -> [Split; PAGES] {
        std::array::from_fn(|back| {
            let page = trail.recent(back).and_then(|item| self.page(item));
            page.copied().unwrap_or(Split::NONE)
        })
    }

    fn page(&self, item: ItemId) -> Option<&Split> {
        let page = &self.pages[self.place(item)];
        (page.item == item.get()).then_some(&page.split)
    }

    fn place(&self, item: ItemId) -> usize {
        item.get().wrapping_mul(0x9e37_79b1).rotate_right(13) as usize & (self.pages.len() - 1)
    }

    /// Returns the number of a form.
    fn number(&self, form: &Form) -> u32 {
        half(self.parts.hash_of(form.bytes()))
    }
}

// === impl Page ===

impl Page {
    const NONE: Self = Self {
        item: 0,
        session: 0,
        split: Split::NONE,
    };

    /// Notes that a session asks for a page.
    fn show(&mut self, visit: &Visit<'_>, split: Split) {
        let (item, session) = (visit.item.get(), short(visit.session));
        let is_common = self.item == item && self.session != session;
        *self = Self {
            item,
            session: if is_common { 0 } else { session },
            split,
        };
    }
}

/// Returns half of a hash, other than 0.
#[expect(clippy::cast_possible_truncation, reason = "half of a hash")]
fn half(hash: u64) -> u32 {
    (hash >> 16) as u32 | 1
}

#[cfg(test)]
mod tests;
