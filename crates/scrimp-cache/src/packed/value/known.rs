//! Widely used field values.

use crate::cache_status::digits;

/// Returns the static text of a widely used value, if this is one.
pub(super) fn known(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'0'..=b'9', ..] if bytes.len() <= 4 => number(bytes),
        _ => listed(bytes),
    }
}

/// Returns the static text of a small number in its usual form, as in Content-Length.
fn number(text: &[u8]) -> Option<&'static str> {
    let value = std::str::from_utf8(text).ok()?.parse().ok()?;
    digits(value).filter(|digits| digits.as_bytes() == text)
}

macro_rules! values {
    ($($value:literal)*) => {
        /// Returns the static text of a listed value. A `match` compares the length first.
        fn listed(value: &[u8]) -> Option<&'static str> {
            match value {
                $($value => const { Some(text($value)) },)*
                _ => None,
            }
        }

        #[cfg(test)]
        const ALL: &[&str] = &[$(text($value)),*];
    };
}

const fn text(value: &'static [u8]) -> &'static str {
    match std::str::from_utf8(value) {
        Ok(text) => text,
        Err(_) => panic!("the list above is ASCII"),
    }
}

values! {
    // Content-Type
    b"application/json" b"application/json; charset=utf-8" b"application/json;charset=utf-8"
    b"application/javascript" b"application/javascript; charset=utf-8"
    b"text/javascript" b"text/javascript; charset=utf-8"
    b"text/html" b"text/html; charset=utf-8" b"text/html; charset=UTF-8" b"text/html;charset=utf-8"
    b"text/css" b"text/css; charset=utf-8" b"text/plain" b"text/plain; charset=utf-8"
    b"application/xml" b"text/xml" b"text/xml; charset=utf-8" b"application/problem+json"
    b"image/png" b"image/jpeg" b"image/gif" b"image/webp" b"image/avif" b"image/svg+xml"
    b"font/woff2" b"video/mp4" b"application/pdf" b"application/octet-stream"
    // Content-Encoding, Vary, Accept-Ranges
    b"gzip" b"br" b"zstd" b"Accept-Encoding" b"accept-encoding" b"Origin" b"bytes" b"none"
    // Cache-Control
    b"public" b"no-cache" b"max-age=60" b"max-age=300" b"max-age=600" b"max-age=3600"
    b"max-age=86400" b"max-age=31536000" b"public, max-age=60" b"public, max-age=300"
    b"public, max-age=600" b"public, max-age=3600" b"public, max-age=86400"
    b"public, max-age=31536000" b"public, max-age=31536000, immutable"
    b"max-age=31536000, immutable"
    // Security and cross-origin fields
    b"nosniff" b"DENY" b"SAMEORIGIN" b"1; mode=block" b"*" b"true" b"same-origin" b"cross-origin"
    b"strict-origin-when-cross-origin" b"no-referrer" b"max-age=31536000; includeSubDomains"
    // Server
    b"nginx" b"Apache" b"cloudflare" b"Caddy" b"envoy"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_value_is_the_same_value() {
        for text in ALL.iter().copied().chain(["0", "7", "1024", "9999"]) {
            assert_eq!(known(text.as_bytes()), Some(text));
        }
    }

    #[test]
    fn what_only_resembles_one_is_left_alone() {
        for text in [
            "", "Gzip", "gzip ", "0001", "10000", "12a", "+1", "text/htm",
        ] {
            assert_eq!(known(text.as_bytes()), None, "{text}");
        }
    }
}
