//! The parts of a URI that may be written into a log that others read.
//!
//! Fields that identify callers are in [`credentials`](crate::credentials); a log has no reason to hold any
//! field. A URI may hold a secret in its user information, in the value of a parameter, or in a segment
//! of its path, and it may name a person.

use http::Uri;

/// Stands for what is left out.
const LEFT_OUT: &str = "*";

/// Longest segment of a path, and longest name of a parameter, that is written.
const MAX_WORD: usize = 24;

/// Returns a URI without user information, fragments, values of parameters, and segments of the path that are
/// not plain words: numbers, identifiers, addresses and tokens.
///
/// ```
/// use scrimp_http::redact;
///
/// let uri = "https://eve:pw@shop.example/v1/users/4711/orders?key=s3cret&page=2".parse().unwrap();
/// assert_eq!(redact::uri(&uri), "https://shop.example/v1/users/*/orders?key=*&page=*");
/// ```
#[must_use]
pub fn uri(uri: &Uri) -> String {
    let mut text = String::new();
    if let Some(scheme) = uri.scheme_str() {
        text.push_str(scheme);
        text.push_str("://");
    }
    if let Some(authority) = uri.authority() {
        let host = authority.as_str().rsplit('@').next();
        text.push_str(host.unwrap_or_default());
    }
    let mut segments = uri.path().split('/');
    text.push_str(segments.next().map_or("", word));
    for segment in segments {
        text.push('/');
        text.push_str(word(segment));
    }
    let pairs = uri.query().filter(|query| !query.is_empty());
    for (at, pair) in pairs
        .into_iter()
        .flat_map(|query| query.split('&'))
        .enumerate()
    {
        text.push(if at == 0 { '?' } else { '&' });
        let (name, has_value) = match pair.split_once('=') {
            Some((name, _)) => (name, true),
            None => (pair, false),
        };
        // A parameter without a value may be a value itself.
        text.push_str(if has_value { word(name) } else { LEFT_OUT });
        if has_value {
            text.push_str("=*");
        }
    }
    text
}

/// Returns a plain word as it is: letters with single signs between them, or the number of a version.
fn word(text: &str) -> &str {
    let is_version = text.strip_prefix(['v', 'V']).is_some_and(|number| {
        number.len() <= 2 && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    let is_plain = text.len() <= MAX_WORD
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_' | b'.' | b'*'));
    match is_plain || is_version {
        true => text,
        false => LEFT_OUT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(text: &str) -> String {
        uri(&text.parse().expect("a URI"))
    }

    #[test]
    fn secrets_and_identifiers_are_left_out_wherever_they_stand() {
        for (given, left) in [
            ("/", "/"),
            ("/v2/items.json", "/v2/items.json"),
            ("/users/4711", "/users/*"),
            ("/users/anna@shop.example/orders", "/users/*/orders"),
            ("/users/anna%40shop.example", "/users/*"),
            ("/reset/eyJhbGciOiJIUzI1NiJ9.e30.abc", "/reset/*"),
            ("/f47ac10b-58cc-4372-a567-0e02b2c3d479", "/*"),
            ("/a?token=secret&b=1", "/a?token=*&b=*"),
            ("/a?secretwithoutname", "/a?*"),
            ("/a?4711=x", "/a?*=*"),
            ("http://user:pw@a.example:81/x", "http://a.example:81/x"),
            ("a.example:443", "a.example:443"),
            ("*", "*"),
        ] {
            assert_eq!(redacted(given), left, "{given}");
        }
        let long = format!("/{}", "x".repeat(100 * MAX_WORD));
        assert_eq!(redacted(&long), "/*");
    }
}
