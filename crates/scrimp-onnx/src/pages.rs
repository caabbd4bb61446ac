//! The pages that sessions have asked for.

use std::hash::RandomState;

use hashlink::LinkedHashMap;
use scrimp_prefetch::{ItemId, Trail, Visit};

use crate::vocabulary::{Page, Vocabulary};

/// Pages of targets, in the order of their last use. There is room for a fixed number.
#[derive(Debug)]
pub(crate) struct Pages {
    known: LinkedHashMap<ItemId, Known, RandomState>,
    most: usize,
}

#[derive(Debug)]
struct Known {
    page: Page,
    /// The session that has asked for it, as long as it is the only one.
    session: Option<u64>,
}

// === impl Pages ===

impl Pages {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            known: LinkedHashMap::with_hasher(RandomState::new()),
            most,
        }
    }

    /// Notes the path of a target that a session asks for.
    pub(crate) fn note(&mut self, vocabulary: &Vocabulary, visit: &Visit<'_>) {
        let session = Some(visit.session);
        if let Some(known) = self.known.to_back(&visit.item) {
            known.session = known.session.filter(|_| known.session == session);
            return;
        }
        if self.known.len() >= self.most {
            self.known.pop_front();
        }
        let page = vocabulary.page(visit.uri.path());
        self.known.insert(visit.item, Known { page, session });
    }

    /// Forgets the pages that only this session has asked for.
    pub(crate) fn forget(&mut self, session: u64) {
        self.known.retain(|_, known| known.session != Some(session));
    }

    /// Returns the template of a target. `None` if it has none, or is not known.
    pub(crate) fn template(&self, item: ItemId) -> Option<u16> {
        self.known.get(&item)?.page.template
    }

    /// Returns the value of a name on the session's latest page that has it.
    pub(crate) fn value(&self, trail: &Trail, name: u16) -> Option<&str> {
        let recent = (0..).map_while(|back| trail.recent(back));
        let mut values = recent.filter_map(|item| {
            let values = &self.known.get(&item)?.page.values;
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
            let uri = format!("/p/{number}").parse().expect("a path");
            pages.note(&vocabulary, &Visit::new(item(number), &uri, None));
            assert!(pages.known.len() <= 50);
        }
        assert_eq!(pages.template(item(1)), None);
        let mut trail = Trail::new();
        trail.push(item(4_999));
        trail.push(item(5_000));
        assert_eq!(pages.value(&trail, 0), Some("5000"));
    }

    #[test]
    fn a_session_that_is_forgotten_leaves_the_pages_that_others_have_asked_for_too() {
        let vocabulary: Vocabulary = r#"{"templates": ["/p/{id}"]}"#.parse().expect("valid");
        let mut pages = Pages::new(50);
        for (session, path) in [(1, "/p/anna"), (1, "/p/7"), (2, "/p/7"), (2, "/p/bob")] {
            let uri = path.parse().expect("a path");
            let item = ItemId::of_hash(path.bytes().map(u64::from).sum());
            pages.note(&vocabulary, &Visit::new(item, &uri, None).session(session));
        }
        assert!(format!("{pages:?}").contains("anna"));
        pages.forget(1);
        let left = format!("{pages:?}");
        assert!(!left.contains("anna") && left.contains("bob"), "{left}");
        assert_eq!(pages.known.len(), 2);
    }
}
