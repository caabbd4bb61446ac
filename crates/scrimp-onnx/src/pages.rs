//! The pages that sessions have asked for.

use std::hash::RandomState;

use hashlink::LinkedHashMap;
use scrimp_prefetch::{ItemId, Trail};

use crate::vocabulary::{Page, Vocabulary};

/// Pages of targets, in the order of their last use. There is room for a fixed number.
#[derive(Debug)]
pub(crate) struct Pages {
    known: LinkedHashMap<ItemId, Page, RandomState>,
    most: usize,
}

// === impl Pages ===

impl Pages {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            known: LinkedHashMap::with_hasher(RandomState::new()),
            most,
        }
    }

    /// Notes the path of a target.
    pub(crate) fn note(&mut self, vocabulary: &Vocabulary, item: ItemId, path: &str) {
        if self.known.to_back(&item).is_some() {
            return;
        }
        if self.known.len() >= self.most {
            self.known.pop_front();
        }
        self.known.insert(item, vocabulary.page(path));
    }

    /// Returns the template of a target. `None` if it has none, or is not known.
    pub(crate) fn template(&self, item: ItemId) -> Option<u16> {
        self.known.get(&item)?.template
    }

    /// Returns the value of a name on the session's latest page that has it.
    pub(crate) fn value(&self, trail: &Trail, name: u16) -> Option<&str> {
        let recent = (0..).map_while(|back| trail.recent(back));
        let mut values = recent.filter_map(|item| {
            let values = &self.known.get(&item)?.values;
            let own = values.iter().find(|(own, _)| *own == name);
            own.map(|(_, value)| &**value)
        });
        values.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_times_as_many_targets_leave_the_latest_ones() {
        let vocabulary: Vocabulary = r#"{"templates": ["/p/{id}"]}"#.parse().expect("valid");
        let item = |number| ItemId::new(number).expect("not 0");
        let mut pages = Pages::new(50);
        for number in 1..=5_000 {
            pages.note(&vocabulary, item(number), &format!("/p/{number}"));
            assert!(pages.known.len() <= 50);
        }
        assert_eq!(pages.template(item(1)), None);
        let mut trail = Trail::new();
        trail.push(item(4_999));
        trail.push(item(5_000));
        assert_eq!(pages.value(&trail, 0), Some("5000"));
    }
}
