//! The requests that a stored response answers (RFC 9111 §4.1).

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use http::{HeaderMap, HeaderName, Request, Uri, header};
use scrimp_http::{
    role,
    target::is_normal,
    vary::{self, Line},
};
use smallvec::SmallVec;

use super::answer::{Answer, Field};
#[cfg(feature = "codec")]
use crate::digest::{Digest, digest};

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

/// A text that a request's own is compared with: itself, or its digest once it has left memory.
#[derive(Clone)]
pub(crate) enum Compared {
    Plain(Box<[u8]>),
    #[cfg(feature = "codec")]
    Digest(Box<Digest>),
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

    /// Returns whether all of these fields are preferences of the client, which tell little of it.
    pub(crate) fn is_by_preferences(&self) -> bool {
        self.spelling.is_none() && self.names().all(role::is_preference)
    }

    /// Returns whether two selections are equal also in what they remember of their requests' lines.
    pub(crate) fn is_identical(&self, other: &Self) -> bool {
        let mut pairs = self.chosen.iter().zip(&other.chosen);
        self == other && pairs.all(|(own, other)| own.line == other.line)
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

    /// Returns a digest that is equal, in every process, for selections of which one response
    /// replaces the other. A store may use it as the name of a variant.
    #[cfg(feature = "codec")]
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut text = vec![u8::from(self.spelling.is_some())];
        let mut part = |bytes: &[u8]| {
            text.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            text.extend_from_slice(bytes);
        };
        part(self.language.as_deref().unwrap_or_default().as_bytes());
        for Chosen { name, value, .. } in &self.chosen {
            part(name.as_str().as_bytes());
            match value {
                Some(value) => part(&value.digest()),
                None => part(&[]),
            }
        }
        digest("scrimp-cache selection 1", &text)
    }

    /// Returns the bytes on the heap.
    pub(crate) fn heap_size(&self) -> usize {
        self.chosen
            .iter()
            .map(Chosen::size)
            .chain(self.spelling.iter().map(Compared::heap_size))
            .chain(self.language.iter().map(|own| own.len()))
            .sum()
    }
}

impl Hash for Selection {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for chosen in &self.chosen {
            let plain = chosen.value.as_ref().and_then(Compared::plain);
            (&chosen.name, plain, &chosen.line).hash(state);
        }
        self.language.hash(state);
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

// === impl Compared ===

impl Compared {
    pub(crate) fn is(&self, text: &[u8]) -> bool {
        match self {
            Self::Plain(own) => **own == *text,
            #[cfg(feature = "codec")]
            Self::Digest(own) => **own == digest_of(text),
        }
    }

    /// Returns the text, if it is known.
    pub(crate) fn plain(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(own) => Some(own),
            #[cfg(feature = "codec")]
            Self::Digest(_) => None,
        }
    }

    #[cfg(feature = "codec")]
    pub(crate) fn digest(&self) -> Digest {
        match self {
            Self::Plain(own) => digest_of(own),
            Self::Digest(own) => **own,
        }
    }

    fn heap_size(&self) -> usize {
        match self {
            Self::Plain(own) => own.len(),
            #[cfg(feature = "codec")]
            Self::Digest(own) => own.len(),
        }
    }
}

#[cfg(feature = "codec")]
fn digest_of(text: &[u8]) -> Digest {
    digest("scrimp-cache compared 1", text)
}

impl PartialEq for Compared {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(own), Self::Plain(other)) => own == other,
            #[cfg(feature = "codec")]
            _ => self.digest() == other.digest(),
        }
    }
}

impl Eq for Compared {}

/// The text may be a credential.
impl fmt::Debug for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(withheld)")
    }
}

fn spelled(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
}

#[cfg(test)]
mod tests;
