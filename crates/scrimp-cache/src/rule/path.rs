//! Paths that upstreams may read differently.

/// Returns whether all upstreams read a path alike, whether they decode it first or last, resolve
/// dots, merge slashes, or cut parameters off.
pub(super) fn reads_plainly(path: &str) -> bool {
    let path = path.as_bytes();
    !is_suspicious(path) || reads_plainly_with(path)
}

/// Returns false only for a path that all upstreams read alike, as most are.
fn is_suspicious(path: &[u8]) -> bool {
    let mut behind = 0;
    let mut found = 0;
    for byte in path {
        let kind = KINDS[usize::from(*byte)];
        found |= kind & (UNCLEAR | behind);
        // Behind a slash, a second one or a dot counts.
        behind = (kind & SLASH) / SLASH * JOINT;
    }
    found != 0
}

/// A byte that some upstreams treat specially.
const UNCLEAR: u8 = 1;
/// A slash or a dot, which some upstreams treat specially behind a slash.
const JOINT: u8 = 2;
const SLASH: u8 = 4;

static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    kinds[b'%' as usize] = UNCLEAR;
    kinds[b';' as usize] = UNCLEAR;
    kinds[b'\\' as usize] = UNCLEAR;
    kinds[b'/' as usize] = JOINT | SLASH;
    kinds[b'.' as usize] = JOINT;
    kinds
};

fn reads_plainly_with(path: &[u8]) -> bool {
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
