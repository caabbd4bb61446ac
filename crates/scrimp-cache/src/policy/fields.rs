//! Header fields that are lists (RFC 9110 §5.6.1).

use http::{HeaderMap, HeaderName, HeaderValue};

/// Fields that concern one connection and are neither stored nor passed on
/// (RFC 9110 §7.6.1, RFC 9111 §3.1).
pub(crate) const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The members of a list field, over all its lines; commas inside quotes do not part them.
/// Empty members are left out.
pub(crate) fn members<'a>(
    values: impl IntoIterator<Item = &'a HeaderValue>,
) -> impl Iterator<Item = &'a [u8]> {
    values
        .into_iter()
        .flat_map(|value| split(value.as_bytes()))
        .filter(|member| !member.is_empty())
}

/// Splits one line at the commas outside quotes and trims white space.
fn split(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    // Most lines have no quotes, and finding a comma in them takes no state.
    let comma = if line.contains(&b'"') {
        comma_outside_quotes
    } else {
        |line: &[u8]| line.iter().position(|&byte| byte == b',')
    };
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let (member, others) = match comma(line) {
            Some(end) => (&line[..end], Some(&line[end + 1..])),
            None => (line, None),
        };
        rest = others;
        Some(member.trim_ascii())
    })
}

fn comma_outside_quotes(line: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    line.iter().position(|&byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' => return !quoted,
            _ => {}
        }
        false
    })
}

/// The fields named in `Connection`, in lower case.
pub(crate) fn named_in_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    members(headers.get_all(http::header::CONNECTION))
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .collect()
}

/// Whether a field is one of [`HOP_BY_HOP`].
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_over_lines_and_around_quotes() {
        let lines = ["a , b", r#" c="x, y" ,,"#, r#"d="\",", e"#].map(HeaderValue::from_static);
        let read: Vec<_> = members(&lines)
            .map(|m| std::str::from_utf8(m).unwrap())
            .collect();
        assert_eq!(read, ["a", "b", r#"c="x, y""#, r#"d="\",""#, "e"]);
    }
}
