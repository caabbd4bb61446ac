//! Targeted Cache-Control (RFC 9213): a field for one class of caches.

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::control::ResponseControl;

/// The directives of the first field on the target list that is present, valid and not
/// empty. It then replaces Cache-Control and Expires altogether (§2.2).
pub(crate) fn find(headers: &HeaderMap, targets: &[HeaderName]) -> Option<ResponseControl> {
    // Most responses have none, which comparing names tells sooner than looking each up.
    if !headers.keys().any(|name| targets.contains(name)) {
        return None;
    }
    targets.iter().find_map(|target| {
        let mut lines = headers
            .get_all(target)
            .iter()
            .map(http::HeaderValue::as_bytes);
        let mut text = lines.next()?.to_vec();
        for line in lines {
            text.extend_from_slice(b", ");
            text.extend_from_slice(line);
        }
        let fields: Dictionary = Parser::new(&text).parse().ok()?;
        (!fields.is_empty()).then(|| control(&fields))
    })
}

fn control(fields: &Dictionary) -> ResponseControl {
    let item = |name: &str| match fields.get(name) {
        Some(ListEntry::Item(item)) => Some(&item.bare_item),
        _ => None,
    };
    let flag = |name: &str| match item(name) {
        Some(BareItem::Boolean(set)) => *set,
        // `no-store=3` is malformed. For what restricts the cache, taking it as set is
        // the careful reading.
        Some(_) => true,
        None => fields.contains_key(name),
    };
    let seconds = |name: &str| match item(name) {
        Some(BareItem::Integer(value)) => {
            let value = i64::from(*value);
            Some(u32::try_from(value.max(0)).map_or(1 << 31, |value| value.min(1 << 31)))
        }
        Some(_) => Some(0),
        None => fields.contains_key(name).then_some(0),
    };
    ResponseControl {
        targeted: true,
        no_store: flag("no-store"),
        no_cache: flag("no-cache"),
        private: flag("private"),
        withheld: Vec::new(),
        public: matches!(item("public"), Some(BareItem::Boolean(true))),
        must_revalidate: flag("must-revalidate"),
        proxy_revalidate: flag("proxy-revalidate"),
        must_understand: flag("must-understand"),
        immutable: matches!(item("immutable"), Some(BareItem::Boolean(true))),
        max_age: seconds("max-age"),
        s_maxage: seconds("s-maxage"),
        stale_while_revalidate: seconds("stale-while-revalidate"),
        stale_if_error: seconds("stale-if-error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<ResponseControl> {
        let mut headers = HeaderMap::new();
        headers.insert("cdn-cache-control", text.parse().unwrap());
        find(&headers, &[HeaderName::from_static("cdn-cache-control")])
    }

    #[test]
    fn a_valid_field_is_read_as_structured_fields_are() {
        let control = read("max-age=60;x=1, must-revalidate").unwrap();
        assert_eq!(control.max_age, Some(60));
        assert!(control.must_revalidate && !control.no_store);
        assert!(!read("no-store=?0, max-age=1").unwrap().no_store);
    }

    #[test]
    fn a_field_that_does_not_parse_is_as_good_as_absent() {
        for text in ["", "max-age=", "Max-Age=60", "max-age=60,", "max-age =60"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_lifetime_of_the_wrong_type_is_zero() {
        assert_eq!(read("max-age=\"60\"").unwrap().max_age, Some(0));
        assert_eq!(read("max-age=-5").unwrap().max_age, Some(0));
        assert_eq!(read("max-age").unwrap().max_age, Some(0));
    }
}
