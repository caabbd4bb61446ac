//! The selection of a stored response in encoded form.

use std::sync::Arc;

use http::HeaderName;
use scrimp_http::role::is_preference;
use serde::{Deserialize, Serialize};

use super::{DecodeError, fields::header_name};
use crate::{
    digest::Digest,
    packed::KnownSelections,
    policy::{
        Selection,
        vary::{Chosen, Compared},
    },
};

/// The request fields that a response was selected by.
#[derive(Serialize, Deserialize)]
pub(super) struct WrittenSelection<'a> {
    #[serde(borrow)]
    chosen: Vec<(&'a str, Option<WrittenText<'a>>)>,
    language: Option<&'a str>,
    spelling: Option<Digest>,
}

/// A text that is compared.
#[derive(Serialize, Deserialize)]
enum WrittenText<'a> {
    /// Holds a value that is no secret, such as what a client accepts.
    Plain(&'a [u8]),
    Digest(Digest),
}

// === impl WrittenSelection ===

impl<'a> WrittenSelection<'a> {
    pub(super) fn new(selection: &'a Selection) -> Self {
        let (chosen, language, spelling) = selection.parts();
        let pair = |Chosen { name, value, .. }: &'a Chosen| {
            (name.as_str(), WrittenText::new(name, value.as_ref()))
        };
        Self {
            chosen: chosen.iter().map(pair).collect(),
            language,
            spelling: spelling.map(Compared::digest),
        }
    }

    /// Returns the selection, and whether other responses have it too.
    pub(super) fn open(
        &self,
        known: &KnownSelections,
    ) -> Result<(Arc<Selection>, bool), DecodeError> {
        known.of(self.hash(), |selection| self.is(selection), || self.read())
    }

    fn read(&self) -> Result<Selection, DecodeError> {
        let chosen = self.chosen.iter().map(|(name, value)| {
            let value = value.as_ref().map(WrittenText::to_compared);
            Ok(Chosen::decoded(header_name(name)?, value))
        });
        let chosen = chosen.collect::<Result<_, DecodeError>>()?;
        let spelling = self
            .spelling
            .map(|digest| Compared::Digest(Box::new(digest)));
        let language = self.language.map(Box::from);
        Ok(Selection::from_parts(chosen, language, spelling))
    }

    /// Reports whether this is the written form of a selection that was read.
    fn is(&self, known: &Selection) -> bool {
        let (chosen, language, spelling) = known.parts();
        let mut pairs = self.chosen.iter().zip(chosen);
        self.chosen.len() == chosen.len()
            && self.language == language
            && self.spelling.is_none()
            && spelling.is_none()
            && pairs.all(|((name, value), known)| {
                known.name == *name
                    && match (value, &known.value) {
                        (None, None) => true,
                        (Some(WrittenText::Plain(own)), Some(Compared::Plain(known))) => {
                            **own == **known
                        }
                        (Some(WrittenText::Digest(own)), Some(Compared::Digest(known))) => {
                            *own == **known
                        }
                        _ => false,
                    }
            })
    }

    /// Returns a hash, which is equal for equal forms.
    fn hash(&self) -> u32 {
        let mut sum = crc32fast::Hasher::new();
        for (name, value) in &self.chosen {
            sum.update(name.as_bytes());
            match value {
                Some(WrittenText::Plain(text)) => sum.update(text),
                Some(WrittenText::Digest(digest)) => sum.update(digest),
                None => {}
            }
        }
        sum.update(self.language.unwrap_or_default().as_bytes());
        sum.finalize()
    }
}

// === impl WrittenText ===

impl<'a> WrittenText<'a> {
    fn new(name: &HeaderName, value: Option<&'a Compared>) -> Option<Self> {
        let value = value?;
        Some(match value.plain() {
            Some(plain) if is_preference(name) => Self::Plain(plain),
            _ => Self::Digest(value.digest()),
        })
    }

    fn to_compared(&self) -> Compared {
        match self {
            Self::Plain(text) => Compared::Plain((*text).into()),
            Self::Digest(digest) => Compared::Digest(Box::new(*digest)),
        }
    }
}
