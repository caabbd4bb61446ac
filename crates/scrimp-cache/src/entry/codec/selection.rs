//! The selection of a stored response in encoded form.

use std::sync::Arc;

use http::HeaderName;
use scrimp_http::role::is_preference;

use super::{
    DecodeError,
    fields::header_name,
    layout::{Reader, Writer},
};
use crate::{
    packed::KnownSelections,
    policy::{
        Selection,
        vary::{Chosen, Compared},
    },
};

/// The request fields that a response was selected by, as they were written. They are read only where no
/// other response was selected by the same ones.
#[derive(Clone, Copy)]
pub(super) struct WrittenSelection<'a>(&'a [u8]);

/// A text that is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WrittenText<'a> {
    /// Holds a value that is no secret, such as what a client accepts.
    Plain(&'a [u8]),
    Digest(&'a [u8; 32]),
}

/// The name of a field, and its value if the request had it.
type WrittenField<'a> = (&'a [u8], Option<WrittenText<'a>>);

/// The parts of a selection.
struct Parts<'a> {
    language: Option<&'a str>,
    spelling: Option<&'a [u8; 32]>,
    /// The fields: as many as there are bytes for.
    chosen: Reader<'a>,
}

/// Forms of a text, and of its absence.
const ABSENT: u8 = 0;
const PLAIN: u8 = 1;
const DIGEST: u8 = 2;

/// Writes a selection.
///
/// # Errors
///
/// If it takes 4 GiB or more.
pub(super) fn write(selection: &Selection, out: &mut Writer) -> Result<(), DecodeError> {
    let (chosen, language, spelling) = selection.parts();
    let mut own = Writer::with_capacity(64);
    match language {
        Some(language) => {
            own.put([PLAIN]);
            own.put_text(language.as_bytes())?;
        }
        None => own.put([ABSENT]),
    }
    match spelling {
        Some(spelling) => {
            own.put([DIGEST]);
            own.put(spelling.digest());
        }
        None => own.put([ABSENT]),
    }
    for Chosen { name, value, .. } in chosen {
        own.put_text(name.as_str().as_bytes())?;
        match value {
            None => own.put([ABSENT]),
            Some(value) => match value.plain() {
                Some(plain) if is_preference(name) => {
                    own.put([PLAIN]);
                    own.put_text(plain)?;
                }
                _ => {
                    own.put([DIGEST]);
                    own.put(value.digest());
                }
            },
        }
    }
    out.put_text(&own.into_bytes())
}

// === impl WrittenSelection ===

impl<'a> WrittenSelection<'a> {
    pub(super) fn read(bytes: &mut Reader<'a>) -> Result<Self, DecodeError> {
        bytes.text().map(Self)
    }

    /// Returns the selection, and whether other responses have it too.
    pub(super) fn open(
        self,
        known: &KnownSelections,
    ) -> Result<(Arc<Selection>, bool), DecodeError> {
        known.of(
            crc32fast::hash(self.0),
            |selection| self.is(selection).unwrap_or(false),
            || self.to_selection(),
        )
    }

    fn to_selection(self) -> Result<Selection, DecodeError> {
        let mut parts = self.parts()?;
        let mut chosen = Vec::new();
        while let Some((name, value)) = parts.next()? {
            let value = value.map(WrittenText::to_compared);
            chosen.push(Chosen::decoded(written_name(name)?, value));
        }
        let spelling = parts.spelling;
        let spelling = spelling.map(|digest| Compared::Digest(Box::new(*digest)));
        let language = parts.language.map(Box::from);
        Ok(Selection::from_parts(chosen.into(), language, spelling))
    }

    /// Reports whether this is the written form of a selection that was read.
    fn is(self, known: &Selection) -> Result<bool, DecodeError> {
        let (chosen, language, spelling) = known.parts();
        let mut parts = self.parts()?;
        if parts.language != language || parts.spelling.is_some() || spelling.is_some() {
            return Ok(false);
        }
        for known in chosen {
            let same = |(name, value): WrittenField<'_>| {
                let own = known.value.as_ref().map(WrittenText::of);
                known.name.as_str().as_bytes() == name && value == own
            };
            if !parts.next()?.is_some_and(same) {
                return Ok(false);
            }
        }
        Ok(parts.chosen.is_at_end())
    }

    fn parts(self) -> Result<Parts<'a>, DecodeError> {
        let mut bytes = Reader::new(self.0);
        let language = match bytes.byte()? {
            ABSENT => None,
            PLAIN => Some(bytes.str()?),
            _ => return Err(DecodeError::Damaged("language")),
        };
        let spelling = match bytes.byte()? {
            ABSENT => None,
            DIGEST => Some(bytes.chunk()?),
            _ => return Err(DecodeError::Damaged("spelling")),
        };
        Ok(Parts {
            language,
            spelling,
            chosen: bytes,
        })
    }
}

fn written_name(name: &[u8]) -> Result<HeaderName, DecodeError> {
    let name = std::str::from_utf8(name).map_err(|_| DecodeError::Damaged("field name"))?;
    header_name(name)
}

// === impl Parts ===

impl<'a> Parts<'a> {
    /// Reads the next field.
    fn next(&mut self) -> Result<Option<WrittenField<'a>>, DecodeError> {
        let bytes = &mut self.chosen;
        if bytes.is_at_end() {
            return Ok(None);
        }
        let name = bytes.text()?;
        let value = match bytes.byte()? {
            ABSENT => None,
            PLAIN => Some(WrittenText::Plain(bytes.text()?)),
            DIGEST => Some(WrittenText::Digest(bytes.chunk()?)),
            _ => return Err(DecodeError::Damaged("field value")),
        };
        Ok(Some((name, value)))
    }
}

// === impl WrittenText ===

impl<'a> WrittenText<'a> {
    /// Returns the written form of a value that was read.
    fn of(value: &'a Compared) -> Self {
        match value {
            Compared::Plain(text) => Self::Plain(text),
            Compared::Digest(digest) => Self::Digest(digest),
        }
    }

    fn to_compared(self) -> Compared {
        match self {
            Self::Plain(text) => Compared::Plain(text.into()),
            Self::Digest(digest) => Compared::Digest(Box::new(*digest)),
        }
    }
}
