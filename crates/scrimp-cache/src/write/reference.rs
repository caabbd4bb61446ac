//! What a reference in an answer names (RFC 3986 §5).

use http::{HeaderMap, Uri};

use crate::{
    invalidate::{epoch::Tag, uri_tag},
    key,
};

/// The tag of a reference in the answer to `target`, if it stays on the same origin.
pub(super) fn resolve(authority: &str, target: &Uri, reference: &str) -> Option<Tag> {
    let reference = reference.split('#').next().unwrap_or_default();
    let path = if reference.starts_with("//") || reference.contains("://") {
        let absolute = match reference.strip_prefix("//") {
            Some(rest) => format!("http://{rest}"),
            None => reference.to_owned(),
        };
        let uri: Uri = absolute.parse().ok()?;
        let other = key::authority(&uri, &HeaderMap::new()).to_owned();
        if !other.eq_ignore_ascii_case(authority) {
            return None;
        }
        uri.path_and_query()?.to_string()
    } else if reference.starts_with('/') {
        normalise_dots(reference)
    } else {
        relative(target.path(), reference)?
    };
    Some(uri_tag(authority, &path))
}

/// A reference relative to the folder of the target (RFC 3986 §5.2.3).
fn relative(target: &str, reference: &str) -> Option<String> {
    let folder = target.rsplit_once('/').map_or("", |(folder, _)| folder);
    match reference {
        "" => None,
        query if query.starts_with('?') => Some(format!("{target}{query}")),
        relative => Some(normalise_dots(&format!("{folder}/{relative}"))),
    }
}

/// Takes `.` and `..` out of a path (RFC 3986 §5.2.4).
fn normalise_dots(target: &str) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut segments: Vec<&str> = Vec::new();
    let mut folder = false;
    for segment in path.split('/').skip(1) {
        folder = matches!(segment, "." | ".." | "");
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    if folder && segments.last() != Some(&"") {
        segments.push("");
    }
    let mut target = format!("/{}", segments.join("/"));
    if let Some(query) = query {
        target.push('?');
        target.push_str(query);
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_on_their_own_origin_and_nowhere_else() {
        let target = Uri::from_static("http://a.example/items/7");
        let cases = [
            ("/x?y=1", "/x?y=1"),
            ("8", "/items/8"),
            ("../z", "/z"),
            ("./", "/items/"),
            ("?q", "/items/7?q"),
            ("http://A.example/x#part", "/x"),
            ("//a.example/y", "/y"),
        ];
        for (reference, path) in cases {
            let expected = Some(uri_tag("a.example", path));
            assert_eq!(
                resolve("a.example", &target, reference),
                expected,
                "{reference}"
            );
        }
        for foreign in ["http://b.example/x", "//b.example/x", "", "http://"] {
            assert_eq!(resolve("a.example", &target, foreign), None, "{foreign}");
        }
    }
}
