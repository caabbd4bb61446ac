//! Cookie pairs (RFC 6265 §4.2).

use http::{HeaderMap, header};

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
}
