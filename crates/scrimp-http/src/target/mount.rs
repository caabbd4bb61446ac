//! The mount point of a nested router.

use http::Uri;

/// Returns the part of a target's path that routers have removed from the front of the shown one:
/// `/v1` for `/v1/items` that shows `/items`. `None` if the target does not end in the shown URI,
/// because it was rewritten.
///
/// Requests with equal shown URIs under one mount have the same target.
#[must_use]
pub fn mount<'a>(target: &'a Uri, shown: &Uri) -> Option<&'a str> {
    let path = target.path();
    if target.query() != shown.query() {
        return None;
    }
    match shown.path() {
        "/" => Some(path.trim_end_matches('/')),
        shown => path.strip_suffix(shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_shortened_by_routers_is_told_apart_from_a_rewritten_one() {
        for (target, shown, expected) in [
            ("/v1/items?q=1", "/items?q=1", Some("/v1")),
            ("/v1", "/", Some("/v1")),
            ("/v1/", "/", Some("/v1")),
            ("/items", "/items", Some("")),
            ("/", "/", Some("")),
            ("http://a/items", "/items", Some("")),
            ("/v1/items?q=1", "/items", None),
            ("/old", "/new?q=1", None),
            ("/old", "/new", None),
        ] {
            let uri = |text: &str| text.parse::<Uri>().unwrap();
            assert_eq!(
                mount(&uri(target), &uri(shown)),
                expected,
                "{target} {shown}"
            );
        }
    }
}
