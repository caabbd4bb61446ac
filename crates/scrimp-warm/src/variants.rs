//! Header fields of the requests, and the variants of each URI.

use http::{HeaderMap, HeaderName, HeaderValue};
use scrimp_core::{BoxError, SettingError};
use scrimp_http::role::{Role, role};

/// The name of the type that has the settings, for errors.
pub(crate) const OWNER: &str = "Warmer";
/// Most variants of a URI.
pub(crate) const MOST: usize = 64;

/// Header fields of the requests: those of all, and the alternatives of some, such as the encodings that
/// browsers accept. Each URI is asked for once with each combination.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variants {
    common: HeaderMap,
    axes: Vec<Axis>,
}

/// A field and its alternatives.
type Axis = (HeaderName, Vec<HeaderValue>);

// === impl Variants ===

impl Variants {
    /// Sets a field of all requests.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        let (name, value) = field("header", name, value)?;
        if self.common.len() >= MOST {
            let problem = format!("must be called at most {MOST} times");
            return Err(SettingError::new(OWNER, "header", problem));
        }
        self.common.append(name, value);
        Ok(())
    }

    /// Adds an alternative of a field.
    pub(crate) fn alternative(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        let (name, value) = field("variant", name, value)?;
        let mut axes = self.axes.clone();
        match axes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) if values.contains(&value) => return Ok(()),
            Some((_, values)) => values.push(value),
            None => axes.push((name, vec![value])),
        }
        let count = product(&axes);
        if count > MOST || axes.len() > MOST {
            let problem = format!("must give at most {MOST} combinations, not {count}");
            return Err(SettingError::new(OWNER, "variant", problem));
        }
        self.axes = axes;
        Ok(())
    }

    /// Returns the number of requests for each URI.
    pub(crate) fn len(&self) -> usize {
        product(&self.axes)
    }

    /// Returns the fields of a variant that differ from those of others.
    pub(crate) fn own(&self, mut index: usize) -> Vec<(&HeaderName, &HeaderValue)> {
        let mut fields = Vec::with_capacity(self.axes.len());
        for (name, values) in &self.axes {
            fields.push((name, &values[index % values.len()]));
            index /= values.len();
        }
        fields
    }

    /// Returns the names of the fields that differ between variants.
    pub(crate) fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.axes.iter().map(|(name, _)| name)
    }

    /// Returns the fields of a variant.
    pub(crate) fn headers(&self, index: usize) -> HeaderMap {
        let mut headers = self.common.clone();
        for (name, value) in self.own(index) {
            headers.insert(name.clone(), value.clone());
        }
        headers
    }
}

fn product(axes: &[Axis]) -> usize {
    axes.iter().map(|(_, values)| values.len()).product()
}

fn field(
    setting: &'static str,
    name: &str,
    value: &str,
) -> Result<(HeaderName, HeaderValue), SettingError> {
    let wrong = |why: &str, source: Option<BoxError>| {
        let error = SettingError::new(OWNER, setting, format!("{why}: {name:?}"));
        match source {
            Some(source) => error.with_source(source),
            None => error,
        }
    };
    let parsed: HeaderName = name.parse().map_err(|error| {
        wrong(
            "must be the name of a field, not",
            Some(BoxError::from(error)),
        )
    })?;
    if let Some(why) = forbidden(&parsed) {
        return Err(wrong(why, None));
    }
    let read = HeaderValue::from_str(value).ok();
    // A tab separates the parts of a line in the journal.
    let read = read.filter(|value| !value.as_bytes().contains(&b'\t'));
    let read = read.ok_or_else(|| wrong("must have a value of printable ASCII in", None))?;
    Ok((parsed, read))
}

/// Returns the reason why a field cannot be in a request that fills a cache.
fn forbidden(name: &HeaderName) -> Option<&'static str> {
    match role(name) {
        Role::Condition | Role::Precondition => {
            Some("must not be a condition, which asks for no response")
        }
        Role::Range => Some("must not ask for a part, which fills no cache"),
        Role::Control => Some("must not direct caches: what is fresh is not fetched again"),
        Role::Host => Some("must not be the host, which is that of the URI"),
        Role::Connection | Role::Own | Role::Body => {
            Some("must not concern the connection or a body")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_combination_of_alternatives_is_a_variant() {
        let mut variants = Variants::default();
        assert_eq!(variants.len(), 1, "without alternatives, one");
        variants.set("user-agent", "warmer").unwrap();
        for (name, value) in [
            ("accept-encoding", "br"),
            ("Accept-Encoding", "gzip"),
            ("accept-language", "de"),
            ("accept-language", "en"),
            ("accept-language", "en"),
        ] {
            variants.alternative(name, value).unwrap();
        }
        let mut all: Vec<_> = (0..variants.len())
            .map(|index| {
                let headers = variants.headers(index);
                assert_eq!(headers["user-agent"], "warmer");
                let text = |name: &str| headers[name].to_str().unwrap().to_owned();
                text("accept-encoding") + " " + &text("accept-language")
            })
            .collect();
        all.sort();
        assert_eq!(all, ["br de", "br en", "gzip de", "gzip en"]);
    }

    #[test]
    fn fields_that_fill_no_cache_are_refused() {
        let mut variants = Variants::default();
        for name in [
            "if-none-match",
            "if-modified-since",
            "if-match",
            "range",
            "if-range",
            "cache-control",
            "pragma",
            "host",
            "connection",
            "upgrade",
            "content-length",
            "a b",
        ] {
            assert!(variants.set(name, "x").is_err(), "{name}");
            assert!(variants.alternative(name, "x").is_err(), "{name}");
        }
        assert!(variants.set("accept", "a\tb").is_err());
        assert!(variants.set("accept", "a\nb").is_err());
    }

    #[test]
    fn combinations_are_bounded() {
        let mut variants = Variants::default();
        let refused = (0..100 * MOST)
            .filter(|number| variants.alternative("accept", &number.to_string()).is_err())
            .count();
        assert!(refused > 0);
        let error = variants.alternative("accept", "x").unwrap_err();
        assert!(error.to_string().contains("at most 64"), "{error}");
    }
}
