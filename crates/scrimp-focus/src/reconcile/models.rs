//! Names of models on both sides.

use std::collections::{BTreeMap, BTreeSet};

/// Names that the provider has for models of the ledger.
#[derive(Debug, Clone, Default)]
pub(super) struct Models(BTreeMap<String, String>);

// === impl Models ===

impl Models {
    pub(super) fn alias(&mut self, ledger: &str, provider: &str) {
        self.0.insert(provider.to_owned(), ledger.to_owned());
    }

    /// Returns the name that the ledger has for a model of the provider, as far as it has one.
    pub(super) fn of_ledger<'a>(&'a self, model: &'a str, names: &BTreeSet<&'a str>) -> &'a str {
        if let Some(name) = self.0.get(model) {
            return name;
        }
        let plain = undated(model);
        if names.contains(model) || plain.is_empty() {
            model
        } else if names.contains(plain) {
            plain
        } else {
            let mut dated = names.iter().filter(|name| undated(name) == model);
            match (dated.next(), dated.next()) {
                (Some(only), None) => only,
                _ => model,
            }
        }
    }
}

/// Returns a name without a date at its end: `-2026-11-30`, `-20261130` or `@20261130`.
fn undated(name: &str) -> &str {
    let is_date = |text: &str| match text.len() {
        8 => text.bytes().all(|byte| byte.is_ascii_digit()),
        10 => text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        }),
        _ => false,
    };
    for length in [8, 10] {
        if let Some(cut) = name.len().checked_sub(length + 1)
            && let (Some(head), Some(sign), Some(date)) =
                (name.get(..cut), name.get(cut..=cut), name.get(cut + 1..))
            && matches!(sign, "-" | "@")
            && is_date(date)
        {
            return head;
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_by_a_date_are_of_one_model() {
        let mut models = Models::default();
        models.alias("tiny", "vendor/tiny:free");
        let names = BTreeSet::from(["small", "large-20250514", "large-2-2026-01-01"]);
        for (provider, ledger) in [
            ("small", "small"),
            ("small-2026-11-30", "small"),
            ("small@20261130", "small"),
            ("large", "large-20250514"),
            ("vendor/tiny:free", "tiny"),
            ("other-2026-11-30", "other-2026-11-30"),
            ("small-2026-11-3x", "small-2026-11-3x"),
            ("-20261130", "-20261130"),
            ("größe", "größe"),
        ] {
            assert_eq!(models.of_ledger(provider, &names), ledger, "{provider}");
        }
    }
}
