//! Which requests a stored response answers (RFC 9111 §4.1).

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{
    answer::{Answer, Field},
    fields::members,
};

/// The request fields a response was selected by, with their normalised values.
///
/// Empty if the response has no Vary. Values are compared after normalising: lines are
/// joined, white space around commas goes, and for the Accept fields case and order do not
/// count either, because their meaning does not depend on them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    chosen: Box<[Chosen]>,
    /// The one language the response is in, if it says so.
    language: Option<Box<str>>,
}

/// A field, and its value; `None` if the request had no such field.
pub(crate) type Chosen = (HeaderName, Option<Box<[u8]>>);

// === impl Selection ===

impl Selection {
    /// Reads `Vary` of a response to `request`. `None` if it names `*`: such a response
    /// answers nothing but the request it was made for.
    pub(crate) fn new(request: &HeaderMap, answer: &Answer<'_>) -> Option<Self> {
        let Some(lines) = answer.all(Field::Vary) else {
            return Some(Self::default());
        };
        let mut names = Vec::new();
        for name in members(lines) {
            if name == b"*" {
                return None;
            }
            // What is no field name cannot be compared, so nothing can be known to match.
            names.push(HeaderName::from_bytes(name).ok()?);
        }
        names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        let chosen = names
            .into_iter()
            .map(|name| {
                let value = normalise(&name, request);
                (name, value)
            })
            .collect();
        Some(Self {
            chosen,
            language: language(answer.headers()),
        })
    }

    /// Whether the response answers a request with these fields.
    #[must_use]
    pub fn matches(&self, request: &HeaderMap) -> bool {
        self.chosen.iter().all(|(name, value)| {
            same(name, value.as_deref(), request)
                || (*name == header::ACCEPT_LANGUAGE && self.speaks(request))
        })
    }

    /// The request fields that the response was selected by.
    pub(crate) fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.chosen.iter().map(|(name, _)| name)
    }

    /// Whether the response is in the language the request likes best. Then there is nothing
    /// better to be had, whatever the request it was made for liked second (RFC 9110
    /// §12.5.4).
    fn speaks(&self, request: &HeaderMap) -> bool {
        let wanted = best_language(request);
        matches!((&self.language, wanted), (Some(own), Some(wanted)) if own.eq_ignore_ascii_case(wanted))
    }

    /// The fields and their values, and the language.
    #[cfg(feature = "codec")]
    pub(crate) fn parts(&self) -> (&[Chosen], Option<&str>) {
        (&self.chosen, self.language.as_deref())
    }

    /// What [`parts`](Self::parts) told.
    #[cfg(feature = "codec")]
    pub(crate) fn from_parts(chosen: Box<[Chosen]>, language: Option<Box<str>>) -> Self {
        Self { chosen, language }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_size(&self) -> usize {
        let value = |value: &Option<Box<[u8]>>| value.as_ref().map_or(0, |value| value.len());
        self.chosen
            .iter()
            .map(|(name, v)| size_of::<Chosen>() + name.as_str().len() + value(v))
            .sum()
    }
}

fn same(name: &HeaderName, stored: Option<&[u8]>, request: &HeaderMap) -> bool {
    let mut lines = request.get_all(name).iter();
    match (stored, lines.next()) {
        (None, None) => true,
        // The common case needs no normalising: one line that is normal as it stands.
        (Some(stored), Some(line)) if lines.next().is_none() && line.as_bytes() == stored => true,
        (Some(stored), Some(_)) => normalise(name, request).as_deref() == Some(stored),
        _ => false,
    }
}

/// The language of a response that has exactly one.
fn language(response: &HeaderMap) -> Option<Box<str>> {
    let mut languages = members(response.get_all(header::CONTENT_LANGUAGE));
    let language = std::str::from_utf8(languages.next()?).ok()?;
    languages.next().is_none().then(|| language.into())
}

/// The language that Accept-Language puts above all others; `None` if two are liked as
/// much, or if it is not well formed.
fn best_language(request: &HeaderMap) -> Option<&str> {
    let mut best: Option<(&str, u16)> = None;
    let mut tied = false;
    for member in members(request.get_all(header::ACCEPT_LANGUAGE)) {
        let member = std::str::from_utf8(member).ok()?;
        let (range, weight) = match member.split_once(';') {
            Some((range, parameter)) => (range.trim(), weight(parameter)?),
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

/// `q=0.5` in thousandths (RFC 9110 §12.4.2).
fn weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    let value: f32 = value.trim().parse().ok()?;
    let valid = name.trim().eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&value);
    valid.then_some((value * 1000.0).round() as u16)
}

/// The value of a field in the form in which it is compared. `None` if it is absent.
fn normalise(name: &HeaderName, headers: &HeaderMap) -> Option<Box<[u8]>> {
    let lines = headers.get_all(name);
    lines.iter().next()?;
    if is_preference(name) {
        Some(preferences(lines.iter()))
    } else {
        let list: Vec<_> = members(lines.iter()).collect();
        Some(list.join(&b","[..]).into())
    }
}

/// Fields that list what a client accepts: order has no meaning, case neither.
fn is_preference(name: &HeaderName) -> bool {
    [
        header::ACCEPT_ENCODING,
        header::ACCEPT_LANGUAGE,
        header::ACCEPT_CHARSET,
    ]
    .contains(name)
}

/// Members in lower case, without inner white space, sorted.
fn preferences<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> Box<[u8]> {
    let mut list: Vec<Vec<u8>> = members(lines)
        .map(|member| {
            let mut member = member.to_ascii_lowercase();
            member.retain(|byte| !byte.is_ascii_whitespace());
            member
        })
        .collect();
    list.sort();
    list.dedup();
    list.join(&b","[..]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    fn matches(vary: &str, stored: &[(&'static str, &str)], now: &[(&'static str, &str)]) -> bool {
        Selection::new(&headers(stored), &Answer::read(&headers(&[("vary", vary)])))
            .is_some_and(|selection| selection.matches(&headers(now)))
    }

    #[test]
    fn every_named_field_has_to_match_and_absence_matches_absence() {
        let ab = [("a", "1"), ("b", "2")];
        assert!(matches("A, b", &ab, &[("b", "2"), ("a", "1"), ("c", "3")]));
        assert!(!matches("a, b", &ab, &[("a", "1")]));
        assert!(!matches("a, b", &[("a", "1")], &ab));
        assert!(matches("c", &ab, &[("a", "9")]));
        assert!(!matches("a", &[("a", "")], &[]));
    }

    #[test]
    fn a_star_anywhere_matches_nothing() {
        for vary in ["*", "*, *", ", *", "foo, *", "*, foo", "a b"] {
            assert!(!matches(vary, &[], &[]), "{vary}");
        }
    }

    #[test]
    fn a_response_in_the_language_liked_best_is_the_answer_whoever_it_was_made_for() {
        let response = [("vary", "accept-language"), ("content-language", "de")];
        let made_for = headers(&[("accept-language", "en, de")]);
        let selection = Selection::new(&made_for, &Answer::read(&headers(&response))).unwrap();
        let answers =
            |languages: &str| selection.matches(&headers(&[("accept-language", languages)]));
        assert!(answers("fr;q=0.5, DE;q=1.0") && answers("de"));
        for other in ["fr, de", "de;q=0", "de;q=x", "en", "*", "de-AT"] {
            assert!(!answers(other), "{other}");
        }
    }

    #[test]
    fn values_are_compared_by_what_they_mean() {
        assert!(matches(
            "foo",
            &[("foo", "1, 2")],
            &[("foo", "1"), ("foo", "2")]
        ));
        assert!(matches("foo", &[("foo", "1,2")], &[("foo", " 1,   2 ")]));
        assert!(!matches("foo", &[("foo", "1,2")], &[("foo", "2,1")]));
        assert!(!matches("foo", &[("foo", "a")], &[("foo", "A")]));
        let lang = [("accept-language", "en, de;q=0.5")];
        assert!(matches(
            "accept-language",
            &lang,
            &[("accept-language", "DE; q=0.5,EN")]
        ));
        assert!(!matches(
            "accept-language",
            &lang,
            &[("accept-language", "en, de")]
        ));
    }
}
