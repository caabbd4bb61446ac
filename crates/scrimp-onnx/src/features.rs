//! The features of a session.

use std::time::Duration;

use scrimp_prefetch::Trail;

use crate::{pages::Pages, vocabulary::Vocabulary};

/// Pages whose template is told.
const RECENT: usize = 3;

/// Writes the features of a session, `since` the request before its last one. See the documentation of the crate.
pub(crate) fn write(
    row: &mut [f32],
    vocabulary: &Vocabulary,
    pages: &Pages,
    trail: &Trail,
    since: Option<Duration>,
) {
    row.fill(0.0);
    let templates = vocabulary.templates();
    let (recent, rest) = row.split_at_mut(RECENT * (templates + 1));
    let (counts, facts) = rest.split_at_mut(templates);
    for (back, columns) in recent.chunks_exact_mut(templates + 1).enumerate() {
        if let Some(item) = trail.recent(back) {
            columns[pages.template(item).map_or(templates, usize::from)] = 1.0;
        }
    }
    for template in trail.seen().filter_map(|item| pages.template(item)) {
        counts[usize::from(template)] += 1.0;
    }
    counts.iter_mut().for_each(|count| *count = count.ln_1p());
    let different = u16::try_from(trail.different()).unwrap_or(u16::MAX);
    facts.copy_from_slice(&[
        since.unwrap_or_default().as_secs_f32().ln_1p(),
        (trail.steps() as f32).ln_1p(),
        f32::from(different).ln_1p(),
        (trail.run() as f32).ln_1p(),
    ]);
}

#[cfg(test)]
mod tests {
    use scrimp_prefetch::{ItemId, Visit};

    use super::*;

    #[test]
    fn each_feature_is_in_its_column() {
        let json = r#"{"templates": ["/a", "/b", "/p/{id}"]}"#;
        let vocabulary: Vocabulary = json.parse().expect("a vocabulary");
        let (mut pages, mut trail) = (Pages::new(100), Trail::new());
        let paths = ["/p/1", "/p/2", "/a", "/none", "/b", "/b"];
        for (number, path) in (1..).zip(paths) {
            let number = if path == "/b" { 99 } else { number };
            let item = ItemId::new(number).expect("not 0");
            let uri = path.parse().expect("a path");
            pages.note(&vocabulary, &Visit::new(item, &uri, None));
            trail.push(item);
        }
        let mut row = vec![7.0; vocabulary.features()];
        let since = Some(Duration::from_secs(9));
        write(&mut row, &vocabulary, &pages, &trail, since);
        let mut expected = [0.0_f32; 19];
        for (column, value) in [
            (1, 1.0),     // the last page: /b
            (4 + 3, 1.0), // before it: none of the templates
            (8, 1.0),     // and before that: /a
            (12, 1.0_f32.ln_1p()),
            (13, 1.0_f32.ln_1p()),
            (14, 2.0_f32.ln_1p()),
            (15, 9.0_f32.ln_1p()), // seconds
            (16, 6.0_f32.ln_1p()), // requests
            (17, 5.0_f32.ln_1p()), // different pages
            (18, 2.0_f32.ln_1p()), // the last one twice
        ] {
            expected[column] = value;
        }
        assert_eq!(row, expected);
    }
}
