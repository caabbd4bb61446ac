//! Vary, and comparison of the request fields that it names (RFC 9111 §4.1, RFC 9110 §12.5.5).

mod preferences;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    list::{line_members, members, weight},
    names::{self, repeats_none},
};
use preferences::{are_preferences, is_preference, preferences, usual};

/// The lines of a request's field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// The request does not have the field.
    Absent,
    /// Holds the bytes of the only line.
    One(&'a [u8]),
    /// There is more than one line.
    Several,
}

/// Returns the request fields that Vary names, sorted and once each.
///
/// `None` if it names `*`, or a member that is not a field name and cannot be compared: such a
/// response answers only the request that it was made for.
pub fn fields<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> Option<Vec<HeaderName>> {
    let mut names = Vec::with_capacity(1);
    for line in lines {
        if is_accept_encoding(line) {
            names.push(header::ACCEPT_ENCODING);
            continue;
        }
        for name in line_members(line.as_bytes()) {
            if name == b"*" {
                return None;
            }
            names.push(HeaderName::from_bytes(name).ok()?);
        }
    }
    if names.len() > 1 {
        names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
    }
    Some(names)
}

/// Reports whether a line of Vary names Accept-Encoding and nothing else, as most lines do.
#[must_use]
#[inline]
pub fn is_accept_encoding(line: &HeaderValue) -> bool {
    match line.as_bytes() {
        b"Accept-Encoding" | b"accept-encoding" => true,
        other => other.eq_ignore_ascii_case(b"accept-encoding"),
    }
}

/// Returns the fields that one line of Vary names. `None` stands for a member that is `*` or not
/// a field name.
pub fn line_fields(line: &HeaderValue) -> impl Iterator<Item = Option<HeaderName>> {
    line_members(line.as_bytes()).map(|name| match name {
        b"*" => None,
        name => HeaderName::from_bytes(name).ok(),
    })
}

/// Returns the value of a request field in the form used for comparison. `None` if the request
/// does not have the field.
///
/// Lines are joined and white space around commas is removed. In the Accept fields case and order
/// do not count either, because their meaning does not depend on them.
#[must_use]
pub fn normal_value(name: &HeaderName, headers: &HeaderMap) -> Option<Box<[u8]>> {
    let lines = headers.get_all(name);
    let mut few = lines.iter();
    match (few.next()?, few.next()) {
        (line, None) => Some(normal_line(name, line.as_bytes())),
        _ if is_preference(name) => Some(preferences(lines.iter().map(HeaderValue::as_bytes))),
        _ => {
            let list: Vec<_> = members(lines.iter()).collect();
            Some(list.join(&b","[..]).into())
        }
    }
}

/// Returns the [normal value](normal_value) of a field with this one line.
#[must_use]
pub fn normal_line(name: &HeaderName, line: &[u8]) -> Box<[u8]> {
    if is_preference(name) {
        return match usual(line) {
            Some(normal) => normal.into(),
            None => preferences(std::iter::once(line)),
        };
    }
    let list: Vec<_> = line_members(line).collect();
    list.join(&b","[..]).into()
}

/// Compares a request's field with a [normal value](normal_value).
#[must_use]
pub fn is_same(name: &HeaderName, normal: Option<&[u8]>, request: &HeaderMap) -> bool {
    let mut lines = request.get_all(name).iter();
    match (normal, lines.next()) {
        (None, None) => true,
        // The common case needs no normalising: one line that is already normal.
        (Some(normal), Some(line)) if lines.next().is_none() && line.as_bytes() == normal => true,
        (Some(normal), Some(_)) => {
            let lines = || request.get_all(name).iter();
            match is_preference(name) {
                true => are_preferences(normal, lines),
                false => is_list(normal, lines()),
            }
        }
        _ => false,
    }
}

/// Returns the lines of a request's field as they are written.
#[must_use]
#[inline]
pub fn line<'a>(name: &HeaderName, request: &'a HeaderMap) -> Line<'a> {
    if repeats_none(request) {
        let line = request.get(name);
        return line.map_or(Line::Absent, |line| Line::One(line.as_bytes()));
    }
    let mut lines = request.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Line::Absent,
        (Some(line), None) => Line::One(line.as_bytes()),
        (Some(_), Some(_)) => Line::Several,
    }
}

/// Reports whether a request has a field under a name with `_` that a program behind a CGI-like
/// interface takes for this one.
#[must_use]
pub fn is_disguised(name: &HeaderName, request: &HeaderMap) -> bool {
    request
        .keys()
        .any(|other| other != name && names::equal(other.as_str(), name.as_str()))
}

/// Returns the language of a response that names exactly one.
#[must_use]
pub fn only_language(response: &HeaderMap) -> Option<&str> {
    let mut languages = members(response.get_all(header::CONTENT_LANGUAGE));
    let language = std::str::from_utf8(languages.next()?).ok()?;
    languages.next().is_none().then_some(language)
}

/// Returns the language that Accept-Language ranks above all others (RFC 9110 §12.5.4). `None` if
/// two share the highest weight, or if the field is malformed.
#[must_use]
pub fn best_language(request: &HeaderMap) -> Option<&str> {
    let mut best: Option<(&str, u16)> = None;
    let mut tied = false;
    for member in members(request.get_all(header::ACCEPT_LANGUAGE)) {
        let member = std::str::from_utf8(member).ok()?;
        let (range, weight) = match member.split_once(';') {
            Some((range, parameter)) => (range.trim(), weight(parameter.as_bytes())?),
            None => (member, 1000),
        };
        match best {
            Some((_, most)) if weight < most => {}
            Some((_, most)) if weight == most => tied = true,
            _ => (best, tied) = (Some((range, weight)), false),
        }
    }
    best.filter(|(_, weight)| !tied && *weight > 0)
        .map(|(range, _)| range)
}

/// Compares lines with the normal value of a list, without a copy of either.
fn is_list<'a>(normal: &[u8], lines: impl Iterator<Item = &'a HeaderValue>) -> bool {
    let mut rest = normal;
    for (index, member) in members(lines).enumerate() {
        let comma: &[u8] = if index == 0 { b"" } else { b"," };
        let after = rest.strip_prefix(comma);
        match after.and_then(|after| after.strip_prefix(member)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn map(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn names_are_sorted_and_a_star_matches_no_request() {
        let read = |text: &'static str| fields([&HeaderValue::from_static(text)]);
        assert_eq!(read("B, a, b").unwrap(), ["a", "b"]);
        assert_eq!(read("").unwrap(), [""; 0]);
        for text in ["*", "*, *", ", *", "foo, *", "*, foo", "a b"] {
            assert_eq!(read(text), None, "{text}");
        }
        let line = HeaderValue::from_static("a, *");
        assert_eq!(
            line_fields(&line)
                .map(|name| name.is_some())
                .collect::<Vec<_>>(),
            [true, false]
        );
    }

    #[test]
    fn values_are_compared_by_meaning() {
        let same = |name: &'static str, a: &[&str], b: &[&str]| {
            let map =
                |lines: &[&str]| map(&lines.iter().map(|line| (name, *line)).collect::<Vec<_>>());
            let name = HeaderName::from_static(name);
            let normal = normal_value(&name, &map(a));
            is_same(&name, normal.as_deref(), &map(b))
        };
        assert!(same("foo", &["1, 2"], &["1", "2"]));
        assert!(same("foo", &["1,2"], &[" 1,   2 "]));
        assert!(!same("foo", &["1,2"], &["2,1"]));
        assert!(!same("foo", &["a"], &["A"]));
        assert!(!same("foo", &[""], &[]) && same("foo", &[], &[]));
        assert!(same(
            "accept-language",
            &["en, de;q=0.5"],
            &["DE; q=0.5,EN"]
        ));
        assert!(!same("accept-language", &["en, de;q=0.5"], &["en, de"]));
        assert!(same("accept-encoding", &["gzip, br"], &["br", "GZIP"]));
    }

    #[test]
    fn the_best_language_is_the_one_with_the_highest_weight() {
        let best =
            |text: &str| best_language(&map(&[("accept-language", text)])).map(str::to_owned);
        assert_eq!(best("fr;q=0.5, DE;q=1.0").as_deref(), Some("DE"));
        assert_eq!(best("de, en;q=0.5").as_deref(), Some("de"));
        for text in ["fr, de", "de;q=0", "de;q=x", "de;q=1.5", "de;x=0.5", ""] {
            assert_eq!(best(text), None, "{text}");
        }
        assert_eq!(
            only_language(&map(&[("content-language", "de")])),
            Some("de")
        );
        assert_eq!(only_language(&map(&[("content-language", "de, en")])), None);
    }

    #[test]
    fn a_field_written_with_an_underscore_is_taken_for_another() {
        let tier = HeaderName::from_static("x-tier");
        assert!(is_disguised(&tier, &map(&[("x_tier", "gold")])));
        assert!(!is_disguised(
            &tier,
            &map(&[("x-tier", "gold"), ("x_tie", "")])
        ));
    }

    proptest! {
        #[test]
        fn comparing_without_a_copy_finds_what_normalising_both_finds(
            name in proptest::sample::select(vec!["accept-encoding", "foo"]),
            stored in vec("[abA, ;=\"\\\\]{0,12}", 1..3),
            asked in vec("[abA, ;=\"\\\\]{0,12}", 1..3),
            same in any::<bool>(),
        ) {
            let name = HeaderName::from_static(name);
            let map = |lines: &[String]| {
                let mut headers = HeaderMap::new();
                for line in lines {
                    headers.append(&name, line.parse().unwrap());
                }
                headers
            };
            let (stored, asked) = (map(&stored), map(if same { &stored } else { &asked }));
            let normal = normal_value(&name, &stored);
            let both = normal == normal_value(&name, &asked);
            prop_assert_eq!(is_same(&name, normal.as_deref(), &asked), both);
        }
    }

    #[test]
    fn many_preferences_are_compared_too() {
        let name = header::ACCEPT_ENCODING;
        let line = |order: &mut dyn Iterator<Item = u32>| {
            let members: Vec<_> = order.map(|n| format!("c{n}")).collect();
            map(&[("accept-encoding", &members.join(", "))])
        };
        let normal = normal_value(&name, &line(&mut (0..40)));
        assert!(is_same(&name, normal.as_deref(), &line(&mut (0..40).rev())));
        assert!(!is_same(
            &name,
            normal.as_deref(),
            &line(&mut (0..39).rev())
        ));
        let few = normal_value(&name, &line(&mut (0..16)));
        assert!(is_same(&name, few.as_deref(), &line(&mut (0..16).rev())));
        assert!(!is_same(
            &name,
            few.as_deref(),
            &line(&mut (0..4_000).rev())
        ));
    }
}
