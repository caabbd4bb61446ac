//! URIs and references as sources write them.

use http::{Uri, uri::PathAndQuery};
use scrimp_http::target::has_userinfo;

/// Longest URI in bytes.
pub(crate) const MAX_URI: usize = 8 << 10;

pub(super) const TOO_LONG: &str = "is longer than 8 KiB";

/// Returns a reference on the host of another URI.
pub(super) fn on(base: &Uri, reference: &str) -> Result<Uri, &'static str> {
    let mut parts = base.clone().into_parts();
    let path = encoded(reference)?;
    parts.path_and_query = Some(PathAndQuery::try_from(path).map_err(|_| "is not a path")?);
    Uri::from_parts(parts).map_err(|_| "is not a URI")
}

/// Reads a URI of HTTP with a host.
pub(super) fn absolute(text: &str) -> Result<Uri, &'static str> {
    let rest = text.split_once("://").ok_or("has no scheme and host")?.1;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    if !rest[..end].is_ascii() {
        return Err("has a host beyond ASCII: write it as xn--…");
    }
    let uri: Uri = encoded(text)?.parse().map_err(|_| "is not a URI")?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        _ => return Err("is not of http or https"),
    }
    if has_userinfo(&uri) {
        return Err("has a user name");
    }
    match uri.host() {
        None | Some("") => Err("has no host"),
        Some(_) => Ok(uri),
    }
}

/// Percent-encodes what a URI cannot hold, as browsers do.
fn encoded(text: &str) -> Result<String, &'static str> {
    if text.len() > MAX_URI {
        return Err(TOO_LONG);
    }
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("has control characters");
    }
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii() && !b" \"<>\\^`{|}".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(encoded)
}
