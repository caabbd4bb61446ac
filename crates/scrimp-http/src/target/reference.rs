//! References in responses (RFC 3986 §5).

use http::{HeaderMap, Uri};

use super::{authority::authority, authority::normal_authority, spelling::normal};

/// Resolves a reference in the response to a request of `own` authority and `target`.
///
/// Returns its path and query in normal form, if it stays on the same authority. `None` if it
/// leaves the authority, is empty or is not a URI reference.
#[must_use]
pub fn resolve(own: &str, target: &Uri, reference: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or_default();
    if reference.starts_with("//") || reference.contains("://") {
        let absolute = match reference.strip_prefix("//") {
            Some(rest) => format!("http://{rest}"),
            None => reference.to_owned(),
        };
        let uri: Uri = absolute.parse().ok()?;
        if normal_authority(authority(&uri, &HeaderMap::new())) != normal_authority(own) {
            return None;
        }
        return Some(normal(uri.path_and_query()?.as_str()).into_owned());
    }
    if reference.starts_with('/') {
        return Some(normal(reference).into_owned());
    }
    relative(target.path(), reference)
}

/// Resolves against the folder of the target (§5.2.3).
fn relative(target: &str, reference: &str) -> Option<String> {
    let folder = target.rsplit_once('/').map_or("", |(folder, _)| folder);
    let whole = match reference {
        "" => return None,
        query if query.starts_with('?') => format!("{target}{query}"),
        relative => format!("{folder}/{relative}"),
    };
    Some(normal(&whole).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_on_their_own_authority_and_nowhere_else() {
        let target = Uri::from_static("http://a.example/items/7");
        for (reference, path) in [
            ("/x?y=1", "/x?y=1"),
            ("8", "/items/8"),
            ("../z", "/z"),
            ("./", "/items/"),
            ("?q", "/items/7?q"),
            ("%37", "/items/7"),
            ("http://A.example/x#part", "/x"),
            ("https://a.example:443", "/"),
            ("//a.example./y", "/y"),
        ] {
            assert_eq!(
                resolve("a.example", &target, reference).as_deref(),
                Some(path),
                "{reference}"
            );
        }
        for foreign in [
            "http://b.example/x",
            "//b.example/x",
            "",
            "http://",
            "//a.example:8080/",
        ] {
            assert_eq!(resolve("a.example", &target, foreign), None, "{foreign}");
        }
    }
}
