//! The requests that a stored response answers (RFC 9111 §4.1).

use http::{HeaderMap, HeaderName, Request, Uri, header};
use scrimp_http::{target::is_normal, vary};

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
    /// The language of the response, if it names exactly one.
    language: Option<Box<str>>,
    /// The request's own spelling of path and query, if it is not the normal form.
    ///
    /// Equivalent spellings share a key, but upstreams may distinguish them: a router that
    /// compares before it decodes treats `/%70` and `/p` differently. So a response fetched under
    /// an unusual spelling answers that spelling only, and cannot poison the others.
    spelling: Option<Compared>,
}

/// A field and its value; `None` if the request had no such field.
pub(crate) type Chosen = (HeaderName, Option<Compared>);

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
        let chosen = names
            .into_iter()
            .map(|name| {
                let value = vary::normal_value(&name, request.headers());
                (name, value.map(Compared::Plain))
            })
            .collect();
        Some(Self {
            chosen,
            language: vary::only_language(answer.headers()).map(Into::into),
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
            && self.chosen.iter().all(|(name, value)| {
                is_same(name, value.as_ref(), headers)
                    || (*name == header::ACCEPT_LANGUAGE && self.speaks(headers))
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
        self.chosen.iter().map(|(name, _)| name)
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
        let value = |value: &Option<Compared>| value.as_ref().map_or(0, Compared::heap_size);
        self.chosen
            .iter()
            .map(|(name, v)| size_of::<Chosen>() + name.as_str().len() + value(v))
            .chain(self.spelling.iter().map(Compared::heap_size))
            .sum()
    }
}

/// Returns whether a request's field has this value.
fn is_same(name: &HeaderName, value: Option<&Compared>, request: &HeaderMap) -> bool {
    let digest = |value: &Compared| {
        let normal = vary::normal_value(name, request);
        normal.is_some_and(|normal| value.is(&normal))
    };
    match value.map(|value| (value, value.plain())) {
        None => vary::is_same(name, None, request),
        Some((_, Some(plain))) => vary::is_same(name, Some(plain), request),
        Some((value, None)) => digest(value),
    }
}

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
