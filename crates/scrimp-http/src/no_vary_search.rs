//! No-Vary-Search: parts of a query that do not select the response
//! (draft-ietf-httpbis-no-vary-search).

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, ListEntry};

use crate::structured::structured;

/// Name of the field.
pub const NO_VARY_SEARCH: HeaderName = HeaderName::from_static("no-vary-search");

/// Dependence of a response on the query. Names are as in the field, percent-encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchVariance {
    /// The order of parameters counts.
    pub ordered: bool,
    /// The parameters that do not select the response.
    pub ignored: Ignored,
}

/// Parameters of a query that do not select the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignored {
    /// Only these.
    These(Vec<String>),
    /// All except these.
    AllBut(Vec<String>),
}

// === impl SearchVariance ===

impl SearchVariance {
    /// Reads the field. `None` if it is absent, malformed, or states that the whole query counts.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let fields: Dictionary = structured(headers, &NO_VARY_SEARCH)?;
        let ordered = match fields.get("key-order") {
            None => true,
            Some(member) => !boolean(member)?,
        };
        let (all, mut names) = match fields.get("params") {
            None => (false, Vec::new()),
            Some(member) => match boolean(member) {
                Some(all) => (all, Vec::new()),
                None => (false, strings(member)?),
            },
        };
        if let Some(member) = fields.get("except") {
            // Exceptions without a set to except from are malformed.
            if !all {
                return None;
            }
            names = strings(member)?;
        }
        let ignored = match all {
            true => Ignored::AllBut(names),
            false => Ignored::These(names),
        };
        let plain = ordered && ignored == Ignored::These(Vec::new());
        (!plain).then_some(Self { ordered, ignored })
    }
}

fn boolean(member: &ListEntry) -> Option<bool> {
    match member {
        ListEntry::Item(item) => match item.bare_item {
            BareItem::Boolean(value) => Some(value),
            _ => None,
        },
        ListEntry::InnerList(_) => None,
    }
}

fn strings(member: &ListEntry) -> Option<Vec<String>> {
    let ListEntry::InnerList(list) = member else {
        return None;
    };
    let name = |item: &sfv::Item| match &item.bare_item {
        BareItem::String(name) => Some(name.as_str().to_owned()),
        _ => None,
    };
    list.items.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<SearchVariance> {
        let mut headers = HeaderMap::new();
        headers.insert(NO_VARY_SEARCH, text.parse().unwrap());
        SearchVariance::read(&headers)
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.into()).collect()
    }

    #[test]
    fn the_field_names_the_parameters_that_do_not_count() {
        let these = read(r#"params=("a" "b"), key-order"#).unwrap();
        assert!(!these.ordered);
        assert_eq!(these.ignored, Ignored::These(names(&["a", "b"])));
        let but = read(r#"params, except=("c")"#).unwrap();
        assert!(but.ordered);
        assert_eq!(but.ignored, Ignored::AllBut(names(&["c"])));
    }

    #[test]
    fn the_whole_query_counts_if_the_field_is_malformed_or_plain() {
        for text in [
            "",
            "params=?0",
            "key-order=?0",
            r#"except=("a")"#,
            "params=a",
            "key-order=1",
            "params=(1)",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(SearchVariance::read(&HeaderMap::new()), None);
    }
}
