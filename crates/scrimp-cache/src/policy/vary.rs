//! The requests that a stored response answers (RFC 9111 §4.1).

use http::{HeaderMap, HeaderName, Request, Uri, header};
use scrimp_http::{
    target::is_normal,
    vary::{self, Line},
};
use smallvec::SmallVec;

use super::{
    answer::{Answer, Field},
    compared::Compared,
};

/// The request fields a response was selected by, with their normalised values.
///
/// It is empty if the response has no Vary. Normalising joins lines and removes white space around
/// commas. For the Accept fields it also removes case and order, as their meaning does not depend
/// on them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    chosen: Box<[Chosen]>,
    /// The language of the response, if it names exactly one and was selected by it.
    language: Option<Box<str>>,
    /// The request's own spelling of path and query, if it is not the normal form.
    ///
    /// Equivalent spellings share a key, but upstreams may distinguish them: a router that
    /// compares before it decodes treats `/%70` and `/p` differently. So a response fetched under
    /// an unusual spelling answers that spelling only, and cannot poison the others.
    spelling: Option<Compared>,
}

/// The lines of a request's fields; `None` for an absent one.
pub(crate) type Lines<'a> = SmallVec<[Option<&'a [u8]>; 4]>;

/// A field and its value.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) name: HeaderName,
    /// The normalised value; `None` if the request had no such field.
    pub(crate) value: Option<Compared>,
    /// The field's only line as the request had it, if that is not the normalised value. Clients
    /// of one kind write a field alike, so most requests are compared with nothing else.
    line: Option<Box<[u8]>>,
}

// === impl Selection ===

impl Selection {
    /// Reads `Vary` of a response to `request`. `None` if it names `*`: such a response answers
    /// only its own request.
    pub(crate) fn new<B>(request: &Request<B>, answer: &Answer<'_>) -> Option<Self> {
        let spelled = spelled(request.uri());
        let spelling = (!is_normal(spelled)).then(|| Compared::Plain(spelled.as_bytes().into()));
        let Some(lines) = answer.all(Field::Vary) else {
            return Some(Self {
                spelling,
                ..Self::default()
            });
        };
        let names = vary::fields(lines)?;
        // Otherwise no request is compared with it.
        let speaks = names.contains(&header::ACCEPT_LANGUAGE);
        let language = speaks.then(|| vary::only_language(answer.headers()));
        let chosen = names
            .into_iter()
            .map(|name| Chosen::new(name, request.headers()))
            .collect();
        Some(Self {
            chosen,
            language: language.flatten().map(Into::into),
            spelling,
        })
    }

    /// Returns whether the response answers a request, by its fields and its spelling of the
    /// target.
    #[must_use]
    pub fn matches<B>(&self, request: &Request<B>) -> bool {
        let headers = request.headers();
        self.spelling
            .as_ref()
            .is_none_or(|own| own.is(spelled(request.uri()).as_bytes()))
            && self.chosen.iter().all(|chosen| {
                chosen.is_same(headers)
                    || (chosen.name == header::ACCEPT_LANGUAGE && self.speaks(headers))
            })
    }

    /// Returns whether two responses are told apart by the values of the same fields alone.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let names = |own: &Self, other: &Self| {
            let pairs = own.names().zip(other.names());
            own.chosen.len() == other.chosen.len() && pairs.into_iter().all(|(a, b)| a == b)
        };
        let by_fields = |own: &Self| own.language.is_none() && own.spelling.is_none();
        by_fields(self) && by_fields(other) && names(self, other)
    }

    /// Returns the lines of the named fields in a request. `None` if a field has several.
    pub(crate) fn lines<'a>(&self, request: &'a HeaderMap) -> Option<Lines<'a>> {
        let line = |name| match vary::line(name, request) {
            Line::Absent => Some(None),
            Line::One(line) => Some(Some(line)),
            Line::Several => None,
        };
        self.names().map(line).collect()
    }

    /// Returns whether these are the lines of the request that the response was made for.
    pub(crate) fn has_lines(&self, lines: &[Option<&[u8]>]) -> bool {
        let mut pairs = self.chosen.iter().zip(lines);
        pairs.all(|(chosen, line)| match line {
            Some(line) => chosen.is_line(line),
            None => chosen.value.is_none(),
        })
    }

    /// Returns whether a new response replaces this one: it answers the same requests, or both
    /// were fetched under unusual spellings, of which one is kept.
    pub(crate) fn is_replaced_by(&self, other: &Self) -> bool {
        self.chosen == other.chosen
            && self.language == other.language
            && self.spelling.is_some() == other.spelling.is_some()
    }

    /// Returns the request fields that the response was selected by.
    pub(crate) fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.chosen.iter().map(|chosen| &chosen.name)
    }

    /// Returns whether the response is in the request's preferred language. Then no other response
    /// is better, whatever the original request preferred second (RFC 9110 §12.5.4).
    fn speaks(&self, request: &HeaderMap) -> bool {
        let wanted = vary::best_language(request);
        matches!((&self.language, wanted), (Some(own), Some(wanted)) if own.eq_ignore_ascii_case(wanted))
    }

    /// Returns the fields and their values, the language and the spelling.
    #[cfg(feature = "codec")]
    pub(crate) fn parts(&self) -> (&[Chosen], Option<&str>, Option<&Compared>) {
        let (language, spelling) = (self.language.as_deref(), self.spelling.as_ref());
        (&self.chosen, language, spelling)
    }

    /// Restores it from the result of [`parts`](Self::parts).
    #[cfg(feature = "codec")]
    pub(crate) fn from_parts(
        chosen: Box<[Chosen]>,
        language: Option<Box<str>>,
        spelling: Option<Compared>,
    ) -> Self {
        Self {
            chosen,
            language,
            spelling,
        }
    }

    /// Returns the bytes on the heap.
    pub(crate) fn heap_size(&self) -> usize {
        self.chosen
            .iter()
            .map(Chosen::size)
            .chain(self.spelling.iter().map(Compared::heap_size))
            .sum()
    }
}

// === impl Chosen ===

impl Chosen {
    fn new(name: HeaderName, request: &HeaderMap) -> Self {
        let value = vary::normal_value(&name, request);
        let line = match vary::line(&name, request) {
            Line::One(line) if Some(line) != value.as_deref() => Some(line.into()),
            _ => None,
        };
        Self {
            value: value.map(Compared::Plain),
            name,
            line,
        }
    }

    /// Makes it from what is known of a decoded response.
    #[cfg(feature = "codec")]
    pub(crate) fn decoded(name: HeaderName, value: Option<Compared>) -> Self {
        Self {
            name,
            value,
            line: None,
        }
    }

    /// Returns whether a request's field has this value.
    fn is_same(&self, request: &HeaderMap) -> bool {
        let name = &self.name;
        if let (Some(own), Line::One(line)) = (&self.line, vary::line(name, request))
            && **own == *line
        {
            return true;
        }
        let digest = |value: &Compared| {
            let normal = vary::normal_value(name, request);
            normal.is_some_and(|normal| value.is(&normal))
        };
        match self.value.as_ref().map(|value| (value, value.plain())) {
            None => vary::is_same(name, None, request),
            Some((_, Some(plain))) => vary::is_same(name, Some(plain), request),
            Some((value, None)) => digest(value),
        }
    }

    /// Returns whether this is the line of the request that the response was made for.
    fn is_line(&self, line: &[u8]) -> bool {
        let plain = || self.value.as_ref().and_then(Compared::plain);
        self.line.as_deref().or_else(plain) == Some(line)
    }

    /// Returns the bytes of it in memory.
    fn size(&self) -> usize {
        let value = self.value.as_ref().map_or(0, Compared::heap_size);
        let line = self.line.as_ref().map_or(0, |line| line.len());
        size_of::<Self>() + self.name.as_str().len() + value + line
    }
}

impl PartialEq for Chosen {
    /// Compares names and normalised values.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.value == other.value
    }
}

impl Eq for Chosen {}

fn spelled(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
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

    fn request(fields: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        *request.headers_mut() = headers(fields);
        request
    }

    fn matches(vary: &str, stored: &[(&'static str, &str)], now: &[(&'static str, &str)]) -> bool {
        Selection::new(&request(stored), &Answer::read(&headers(&[("vary", vary)])))
            .is_some_and(|selection| selection.matches(&request(now)))
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
        let made_for = request(&[("accept-language", "en, de")]);
        let selection = Selection::new(&made_for, &Answer::read(&headers(&response))).unwrap();
        let answers =
            |languages: &str| selection.matches(&request(&[("accept-language", languages)]));
        assert!(answers("fr;q=0.5, DE;q=1.0") && answers("de"));
        for other in ["fr, de", "de;q=0", "de;q=x", "en", "*", "de-AT"] {
            assert!(!answers(other), "{other}");
        }
    }

    #[test]
    fn a_response_in_another_language_is_no_other_variant_unless_vary_names_the_language() {
        let selection = |vary, language| {
            let made_for = request(&[("accept-encoding", "br"), ("accept-language", "en, de")]);
            let response = headers(&[("vary", vary), ("content-language", language)]);
            Selection::new(&made_for, &Answer::read(&response)).unwrap()
        };
        let replaced = |vary| selection(vary, "en").is_replaced_by(&selection(vary, "de"));
        assert!(replaced("accept-encoding"));
        assert!(!replaced("accept-encoding, accept-language"));
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

    #[test]
    fn what_was_fetched_under_an_unusual_spelling_answers_that_one_only() {
        let at = |uri: &'static str| {
            let mut request = Request::new(());
            *request.uri_mut() = Uri::from_static(uri);
            request
        };
        let stored = |uri| Selection::new(&at(uri), &Answer::read(&HeaderMap::new())).unwrap();
        assert!(stored("/p").matches(&at("/p")) && stored("/p").matches(&at("/%70")));
        assert!(stored("/%70").matches(&at("/%70")));
        assert!(!stored("/%70").matches(&at("/p")) && !stored("/%70").matches(&at("/./p")));
        assert!(stored("/%70").is_replaced_by(&stored("/./p")));
        assert!(!stored("/p").is_replaced_by(&stored("/%70")));
    }
}
