//! Cookie pairs (RFC 6265 §4.2).

use http::{HeaderMap, HeaderValue, header};

/// One cookie of a request.
struct Pair<'a> {
    name: &'a [u8],
    value: &'a [u8],
    /// Name and value, as they are sent.
    whole: &'a [u8],
}

/// Returns all values of a cookie, in the order of the request.
pub fn values<'a>(headers: &'a HeaderMap, wanted: &str) -> impl Iterator<Item = &'a [u8]> {
    pairs(headers).filter_map(move |pair| (pair.name == wanted.as_bytes()).then_some(pair.value))
}

/// Removes all cookies of a request except those of these names. Returns whether there were others.
pub fn retain(headers: &mut HeaderMap, names: &[impl AsRef<str>]) -> bool {
    let Some(sensitive) = headers.get(header::COOKIE).map(HeaderValue::is_sensitive) else {
        return false;
    };
    let is_kept = |pair: &Pair<'_>| names.iter().any(|own| own.as_ref().as_bytes() == pair.name);
    let kept = pairs(headers).filter(is_kept).map(|pair| pair.whole);
    let kept: Vec<_> = kept.collect();
    if !kept.is_empty() && kept.len() == pairs(headers).count() {
        return false;
    }
    let kept = match kept[..] {
        [] => None,
        _ => HeaderValue::from_bytes(&kept.join(&b"; "[..])).ok(),
    };
    headers.remove(header::COOKIE);
    if let Some(mut kept) = kept {
        kept.set_sensitive(sensitive);
        headers.insert(header::COOKIE, kept);
    }
    true
}

/// Returns the cookies of a request, in its order.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = Pair<'_>> {
    let lines = headers.get_all(header::COOKIE).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b';'))
        .filter_map(|pair| {
            let whole = pair.trim_ascii();
            let equals = whole.iter().position(|&byte| byte == b'=')?;
            Some(Pair {
                name: whole[..equals].trim_ascii_end(),
                value: &whole[equals + 1..],
                whole,
            })
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
    fn only_the_named_cookies_stay_and_a_secret_stays_secret() {
        let mut headers = HeaderMap::new();
        let mut line: HeaderValue = "a=1; plan=b=c; xplan=c; alone".parse().unwrap();
        line.set_sensitive(true);
        headers.append("cookie", line);
        headers.append("cookie", "plan =d;plan=".parse().unwrap());
        let mut one = headers.clone();
        assert!(!retain(&mut one, &["plan", "a", "xplan"]), "all are named");
        assert!(retain(&mut one, &["plan"]));
        let left = one.get_all("cookie").iter().collect::<Vec<_>>();
        assert_eq!(left, ["plan=b=c; plan =d; plan="]);
        assert!(left[0].is_sensitive());
        assert!(retain(&mut headers, &["none"]) && headers.is_empty());
        assert!(!retain(&mut headers, &[] as &[&str]), "none is left");
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
