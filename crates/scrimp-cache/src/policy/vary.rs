//! The requests that a stored response answers (RFC 9111 §4.1), as its Vary says. Each request is
//! compared with them in [`judge`](super::judge).

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

use super::facts::{Answer, Field};
#[cfg(feature = "codec")]
use crate::digest::{Digest, digest};

/// The request fields a response was selected by, with their normalised values.
///
/// It is empty if the response has no Vary. Normalising joins lines and removes white space around
/// commas. For the Accept fields it also removes case and order, as their meaning does not depend
/// on them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    pub(super) chosen: Box<[Chosen]>,
    /// The language of the response, if it names exactly one and was selected by it.
    pub(super) language: Option<Box<str>>,
    /// The request's own spelling of path and query, if it is not the normal form.
    ///
    /// Equivalent spellings share a key, but upstreams may distinguish them: a router that
    /// compares before it decodes treats `/%70` and `/p` differently. So a response fetched under
    /// an unusual spelling answers that spelling only, and cannot poison the others.
    pub(super) spelling: Option<Compared>,
}

/// A field and its value.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) name: HeaderName,
    /// The normalised value; `None` if the request had no such field.
    pub(crate) value: Option<Compared>,
    /// The field's only line as the request had it, if that is not the normalised value. Clients
    /// of one kind write a field alike, so most requests are compared with nothing else.
    pub(super) line: Option<Box<[u8]>>,
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
        if !answer.has(Field::Vary) {
            return Some(Self {
                spelling,
                ..Self::default()
            });
        }
        let names = vary::fields(answer.all(Field::Vary))?;
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

    /// Returns whether two responses are told apart by the values of the same fields alone.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let names = |own: &Self, other: &Self| {
            let pairs = own.names().zip(other.names());
            own.chosen.len() == other.chosen.len() && pairs.into_iter().all(|(a, b)| a == b)
        };
        let by_fields = |own: &Self| own.language.is_none() && own.spelling.is_none();
        by_fields(self) && by_fields(other) && names(self, other)
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
        let (value, line) = match vary::line(&name, request) {
            Line::Absent => (None, None),
            Line::One(line) => {
                let value = vary::normal_line(&name, line);
                let is_normal = *value == *line;
                (Some(value), (!is_normal).then(|| line.into()))
            }
            Line::Several => (vary::normal_value(&name, request), None),
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
pub(super) fn digest_of(text: &[u8]) -> Digest {
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

pub(super) fn spelled(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
}

#[cfg(test)]
mod tests;
