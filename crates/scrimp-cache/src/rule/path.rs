//! Paths that upstreams may read differently.

/// Returns whether all upstreams read a path alike, whether they decode it first or last, resolve
/// dots, merge slashes, or cut parameters off.
pub(super) fn reads_plainly(path: &str) -> bool {
    let path = path.as_bytes();
    path.iter().enumerate().all(|(at, &byte)| match byte {
        b'/' => !is_unclear(&path[at + 1..]),
        b'%' => path.get(at + 1..at + 3).is_some_and(is_harmless_escape),
        b';' | b'\\' => false,
        _ => true,
    })
}

/// Returns whether the next segment is `.`, `..`, or empty with others behind it.
fn is_unclear(rest: &[u8]) -> bool {
    matches!(
        rest,
        [b'/', ..] | [b'.'] | [b'.', b'/', ..] | [b'.', b'.'] | [b'.', b'.', b'/', ..]
    )
}

/// Returns whether decoding an escape leaves the structure of a path unchanged.
fn is_harmless_escape(digits: &[u8]) -> bool {
    let value = std::str::from_utf8(digits)
        .ok()
        .filter(|digits| !digits.starts_with('+'))
        .and_then(|digits| u8::from_str_radix(digits, 16).ok());
    // Letters and digits need no escape: an escaped one hides a word. The last two begin overlong
    // forms of ASCII.
    value.is_some_and(|byte| {
        !byte.is_ascii_control()
            && !byte.is_ascii_alphanumeric()
            && !matches!(
                byte,
                b'/' | b'\\' | b'.' | b';' | b'?' | b'#' | b'%' | 0xc0 | 0xc1
            )
    })
}

#[cfg(test)]
mod tests {
    use super::reads_plainly;

    #[test]
    fn what_means_one_thing_to_all_reads_plainly() {
        for path in [
            "/",
            "",
            "*",
            "/a/b/",
            "/a.css",
            "/.well-known/x",
            "/...",
            "/caf%C3%A9%20x",
        ] {
            assert!(reads_plainly(path), "{path}");
        }
    }

    #[test]
    fn what_means_two_things_does_not() {
        for path in [
            "/a/../b",
            "/a/./b",
            "/a/..",
            "//a",
            "/a//b",
            "/a;x.css",
            "/a\\b",
            "/a%2fb",
            "/a%2F..%2Fb",
            "/a%5cb",
            "/%2e%2e/b",
            "/a%00.css",
            "/a%0d%0ab",
            "/a%3fx",
            "/a%23x",
            "/a%3bx",
            "/a%252fb",
            "/%61dmin",
            "/a%c0%afb",
            "/a%zz",
            "/a%2",
            "/a%",
            "/a%+1",
        ] {
            assert!(!reads_plainly(path), "{path}");
        }
    }
}
