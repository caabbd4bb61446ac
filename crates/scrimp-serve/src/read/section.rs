//! One section of the file, read key by key.

use std::{borrow::Borrow, fmt::Display, time::Duration};

use scrimp_core::SettingError;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    problem::{Problems, Span},
    schema, units,
};

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A section of the file. Keys that the schema does not have are problems.
pub(crate) struct Section<'t> {
    name: &'static str,
    table: Option<&'t DeTable<'t>>,
    /// Its header, or the file's begin for a section that is not there.
    pub(crate) span: Span,
    problems: &'t Problems,
}

// === impl Section ===

impl<'t> Section<'t> {
    /// Opens a table as the section of this name in the schema, and checks its keys.
    pub(crate) fn new(
        name: &'static str,
        table: Option<(&'t DeTable<'t>, Span)>,
        problems: &'t Problems,
    ) -> Self {
        let (table, span) = match table {
            Some((table, span)) => (Some(table), span),
            None => (None, 0..0),
        };
        let section = Self {
            name,
            table,
            span,
            problems,
        };
        section.refuse_unknown();
        section
    }

    fn refuse_unknown(&self) {
        let known: Vec<&str> = schema::keys(self.name).collect();
        for (key, _) in self.table.into_iter().flat_map(DeTable::iter) {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let place = match self.name {
                "" => "at the top of the file".to_owned(),
                name => format!("in {}", schema::title(name)),
            };
            let elsewhere = schema::titles_with(name);
            let help = match nearest(name, &known) {
                Some(other) => format!("did you mean `{other}`?"),
                None if elsewhere.is_empty() => {
                    format!("{place} there are: {}", known.join(", "))
                }
                None => format!("`{name}` stands in {}", elsewhere.join(", ")),
            };
            self.add(&key.span(), format!("unknown key `{name}` {place}"), help);
        }
    }

    /// Adds a problem.
    pub(crate) fn add(&self, span: &Span, message: impl Into<String>, help: impl Into<String>) {
        self.problems.add(span, message, help);
    }

    /// Reports whether the section is in the file.
    pub(crate) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// Returns the place of a key's value, or of the section.
    pub(crate) fn span_of(&self, key: &str) -> Span {
        let value = self.table.and_then(|table| table.get(key));
        value.map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// Reports whether the key is set.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Reports whether the key is set to a text.
    pub(crate) fn is_text(&self, key: &'static str) -> bool {
        self.value(key)
            .is_some_and(|value| value.get_ref().is_str())
    }

    fn value(&self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        debug_assert!(
            schema::keys(self.name).any(|known| known == key),
            "`{key}` of [{}] is not in the schema",
            self.name
        );
        self.table?.get(key)
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let found = value.get_ref().type_str();
        self.add(
            &value.span(),
            format!("`{key}` must be {wanted}, not {} {found}", article(found)),
            schema::example(self.name, key),
        );
    }

    /// Reads a text.
    pub(crate) fn text(&self, key: &'static str) -> Option<At<String>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(At {
                value: text.clone().into_owned(),
                span: value.span(),
            }),
            _ => {
                self.wrong_type(key, value, "a text");
                None
            }
        }
    }

    /// Reads a text that `parse` understands.
    pub(crate) fn parsed<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<At<T>> {
        let At { value, span } = self.text(key)?;
        match parse(&value) {
            Ok(value) => Some(At { value, span }),
            Err(why) => {
                let message = format!("`{key} = {value:?}` {why}");
                self.add(&span, message, schema::example(self.name, key));
                None
            }
        }
    }

    /// Reads a text by its `FromStr`.
    pub(crate) fn by_from_str<T>(&self, key: &'static str) -> Option<At<T>>
    where
        T: std::str::FromStr<Err: Display>,
    {
        self.parsed(key, |text| {
            text.parse()
                .map_err(|error| format!("cannot be used: {error}"))
        })
    }

    /// Reads a time.
    pub(crate) fn time(&self, key: &'static str) -> Option<Duration> {
        self.parsed(key, units::time).map(|at| at.value)
    }

    /// Reads a size: a text with a unit, or a number of bytes.
    pub(crate) fn size(&self, key: &'static str) -> Option<u64> {
        match self.value(key)?.get_ref() {
            DeValue::Integer(_) => self.number(key),
            _ => self.parsed(key, units::size).map(|at| at.value),
        }
    }

    /// Reads a whole number.
    pub(crate) fn number<N>(&self, key: &'static str) -> Option<N>
    where
        N: TryFrom<u64>,
    {
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(digits) => u64::from_str_radix(digits.as_str(), digits.radix()),
            _ => {
                self.wrong_type(key, value, "a whole number");
                return None;
            }
        };
        let number = number.ok().and_then(|number| N::try_from(number).ok());
        if number.is_none() {
            let message = format!("`{key}` is negative or too large");
            self.add(&value.span(), message, schema::example(self.name, key));
        }
        number
    }

    /// Reads a number from 0 to 1.
    pub(crate) fn share(&self, key: &'static str) -> Option<f64> {
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Float(digits) => digits.as_str().parse::<f64>().ok(),
            DeValue::Integer(digits) => digits.as_str().parse::<f64>().ok(),
            _ => None,
        };
        let number = number.filter(|number| (0.0..=1.0).contains(number));
        if number.is_none() {
            let message = format!("`{key}` must be a number from 0 to 1");
            self.add(&value.span(), message, schema::example(self.name, key));
        }
        number
    }

    /// Reads `true` or `false`.
    pub(crate) fn flag(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            _ => {
                self.wrong_type(key, value, "true or false");
                None
            }
        }
    }

    /// Reads a list of texts.
    pub(crate) fn texts(&self, key: &'static str) -> Vec<At<String>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, value, "a list of texts");
            return Vec::new();
        };
        let text = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
            DeValue::String(text) => Some(At {
                value: text.clone().into_owned(),
                span: item.span(),
            }),
            _ => {
                self.wrong_type(key, item, "a list of texts");
                None
            }
        };
        items.iter().filter_map(text).collect()
    }

    /// Opens a section inside of this one.
    pub(crate) fn inner(&self, key: &'static str, name: &'static str) -> Section<'t> {
        let table = self.value(key).and_then(|value| self.table_of(key, value));
        Section::new(name, table, self.problems)
    }

    /// Opens the sections of a list.
    pub(crate) fn list(&self, key: &'static str, name: &'static str) -> Vec<Section<'t>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            let message = format!("`{key}` is a list of sections");
            let help = format!("write [[{key}]] above the keys of each");
            self.add(&value.span(), message, help);
            return Vec::new();
        };
        let tables = items.iter().filter_map(|item| self.table_of(key, item));
        tables
            .map(|table| Section::new(name, Some(table), self.problems))
            .collect()
    }

    fn table_of(
        &self,
        key: &'static str,
        value: &'t Spanned<DeValue<'t>>,
    ) -> Option<(&'t DeTable<'t>, Span)> {
        match value.get_ref() {
            DeValue::Table(table) => Some((table, value.span())),
            _ => {
                self.wrong_type(key, value, "a section");
                None
            }
        }
    }

    /// Reports a key that has to be there.
    pub(crate) fn require<T>(&self, key: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.has(key) {
            let message = format!("{} has no `{key}`", schema::title(self.name));
            self.add(&self.span, message, schema::example(self.name, key));
        }
        value
    }

    /// Reports that a layer's builder refuses a setting, at the key of its name.
    pub(crate) fn refused(&self, error: &SettingError) {
        let span = self.span_of(error.setting());
        self.add(&span, error.to_string(), "");
    }
}

fn article(noun: &str) -> &'static str {
    match noun.as_bytes().first() {
        Some(b'a' | b'e' | b'i' | b'o' | b'u') => "an",
        _ => "a",
    }
}

/// Returns the name that was probably meant.
pub(crate) fn nearest<'n, N: Borrow<str>>(name: &str, known: &'n [N]) -> Option<&'n str> {
    let distance = |other: &str| strsim::damerau_levenshtein(name, other);
    let known = known.iter().map(Borrow::borrow);
    let found = known.min_by_key(|other| distance(other))?;
    (distance(found) <= (name.len().max(3) / 3).max(1)).then_some(found)
}
