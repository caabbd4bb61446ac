//! The purpose of a request, as browsers state it (Fetch §3.6, Fetch Metadata Request Headers).

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_TYPE, REFERER},
    uri::{PathAndQuery, Uri},
};

use crate::{list::with_parameters, media_type::essence};

const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");
const PURPOSE: HeaderName = HeaderName::from_static("purpose");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Field that names documents with speculation rules (HTML §7.6.3).
pub const SPECULATION_RULES: HeaderName = HeaderName::from_static("speculation-rules");

/// Media type of a document with speculation rules (HTML §7.6.1).
pub const SPECULATION_RULES_TYPE: &str = "application/speculationrules+json";

/// Reports whether a browser asks ahead of time, for a page that its user may visit: to prefetch or to
/// prerender it. Chromium states the purpose of `<link rel=prefetch>` in the older field.
#[must_use]
pub fn is_prefetch(request: &HeaderMap) -> bool {
    [SEC_PURPOSE, PURPOSE].iter().any(|name| {
        let values = request.get_all(name).iter();
        let mut purposes = values.map(|value| with_parameters(value.as_bytes()).0);
        purposes.any(|purpose| purpose.eq_ignore_ascii_case(b"prefetch"))
    })
}

/// Reports whether a browser asks for a page that it will show, or has received one.
#[must_use]
pub fn is_document(request: &HeaderMap, response: &HeaderMap) -> bool {
    let is_page = |value: &&HeaderValue| {
        let essence = essence(value);
        essence.eq_ignore_ascii_case(b"text/html")
            || essence.eq_ignore_ascii_case(b"application/xhtml+xml")
    };
    match request.get(&SEC_FETCH_DEST) {
        // A 304 does not say what it is of.
        Some(dest) => dest == "document",
        None => response.get(CONTENT_TYPE).as_ref().is_some_and(is_page),
    }
}

/// Returns the path of the page that a request comes from, if Referer (RFC 9110 §10.1.3) names one at this
/// authority.
#[must_use]
pub fn page(request: &HeaderMap, authority: &str) -> Option<PathAndQuery> {
    let page: Uri = request.get(REFERER)?.to_str().ok()?.parse().ok()?;
    let own = page.authority()?.as_str().eq_ignore_ascii_case(authority);
    own.then(|| page.into_parts().path_and_query).flatten()
}

/// Returns a Link field (RFC 8288) that asks a browser to fetch a page ahead of time. `None` if no field can have it.
#[must_use]
pub fn prefetch_link(page: &PathAndQuery) -> Option<HeaderValue> {
    let page = page.as_str().replace('<', "%3C").replace('>', "%3E");
    HeaderValue::try_from(format!("<{page}>; rel=prefetch")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_the_page_whatever_is_in_its_path() {
        for (page, expected) in [
            ("/a?b=c", "</a?b=c>; rel=prefetch"),
            ("/a>,</b", "</a%3E,%3C/b>; rel=prefetch"),
        ] {
            let page: Result<PathAndQuery, _> = page.parse();
            // A library may refuse such a path at all.
            if let Ok(page) = page {
                let link = prefetch_link(&page).expect("a field");
                assert_eq!(link, expected);
            }
        }
    }

    fn fields(fields: &[(&'static str, &str)]) -> HeaderMap {
        let parsed = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        fields.iter().map(parsed).collect()
    }

    #[test]
    fn a_browser_that_prefetches_or_prerenders_says_so() {
        for (name, value, expected) in [
            ("sec-purpose", "prefetch", true),
            ("sec-purpose", "prefetch;prerender", true),
            ("sec-purpose", "prefetch; anonymous-client-ip", true),
            ("purpose", "prefetch", true),
            ("sec-purpose", "prefetched", false),
            ("accept", "prefetch", false),
        ] {
            assert_eq!(is_prefetch(&fields(&[(name, value)])), expected, "{value}");
        }
    }

    #[test]
    fn a_page_is_what_the_browser_shows_or_else_html() {
        let html = fields(&[("content-type", "Text/HTML; charset=utf-8")]);
        let json = fields(&[("content-type", "application/json")]);
        let shown = fields(&[("sec-fetch-dest", "document")]);
        let frame = fields(&[("sec-fetch-dest", "iframe")]);
        let none = HeaderMap::new();
        for (request, response, expected) in [
            (&none, &html, true),
            (&none, &json, false),
            (&none, &none, false),
            (&shown, &none, true),
            (&frame, &html, false),
        ] {
            assert_eq!(is_document(request, response), expected);
        }
    }

    #[test]
    fn a_page_elsewhere_is_not_told() {
        let from = |page: &str| {
            let path = super::page(&fields(&[("referer", page)]), "Shop.test:8080");
            path.map(|path| path.to_string())
        };
        assert_eq!(from("http://shop.test:8080/a?b#c"), Some("/a?b".into()));
        assert_eq!(from("http://shop.test:8080"), Some("/".into()));
        for other in ["http://other.test/a", "/a", "", "http://shop.test/a"] {
            assert_eq!(from(other), None, "{other}");
        }
    }
}
