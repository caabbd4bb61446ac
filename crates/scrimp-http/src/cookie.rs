//! Cookie pairs (RFC 6265 §4.2).

use http::{HeaderMap, HeaderValue, header};

/// Returns all values of a cookie, in the order of the request.
pub fn values<'a>(headers: &'a HeaderMap, wanted: &str) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(header::COOKIE).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b';'))
        .filter_map(move |pair| {
            let pair = pair.trim_ascii();
            let equals = pair.iter().position(|&byte| byte == b'=')?;
            let named = pair[..equals].trim_ascii_end() == wanted.as_bytes();
            named.then(|| &pair[equals + 1..])
        })
}

/// Joins the lines of Cookie into one, as HTTP/1.1 requires (RFC 9113 §8.2.3): HTTP/2 may send each
/// pair as a field of its own.
pub fn join(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(header::COOKIE).into_iter();
    let Some(first) = lines.next() else { return };
    let mut joined = first.as_bytes().to_vec();
    let alone = joined.len();
    for line in lines {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(line.as_bytes());
    }
    if joined.len() == alone {
        return;
    }
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(header::COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", "a=1; plan=b; xplan=c".parse().unwrap());
        headers.append("cookie", "plan =d;plan=;plan".parse().unwrap());
        let found: Vec<_> = values(&headers, "plan").collect();
        assert_eq!(found, [&b"b"[..], b"d", b""]);
        assert_eq!(values(&headers, "none").count(), 0);
    }

    #[test]
    fn lines_of_cookies_become_one_line_in_their_order() {
        for (lines, joined) in [
            (&["a=1", "b=2; c=3", "d=4"][..], &["a=1; b=2; c=3; d=4"][..]),
            (&["a=1; b=2"], &["a=1; b=2"]),
            (&[], &[]),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("cookie", line.parse().unwrap());
            }
            join(&mut headers);
            let seen: Vec<_> = headers.get_all("cookie").iter().collect();
            assert_eq!(seen, joined);
        }
    }
}
