//! The targets of warming: a bounded list of URIs.

mod reference;

use std::{
    collections::HashSet,
    fmt,
    hash::{BuildHasher, RandomState},
    io::{self, BufRead},
};

use http::Uri;
use scrimp_core::SettingError;
use scrimp_http::{credentials::is_in_query, target::normal_authority};

pub(crate) use self::reference::MAX_URI;
use self::reference::{TOO_LONG, absolute, on};
use crate::lines::{Line, Lines};

/// Most URIs of a list, by default.
const USUAL: usize = 100_000;
/// Most URIs that can be chosen.
const MOST: usize = 10_000_000;
/// Number of URIs that are not warmed of which an example is kept.
const EXAMPLES: usize = 5;
/// Longest part of a URI in an example.
const EXAMPLE: usize = 100;
/// Name in errors.
const OWNER: &str = "Targets";

/// URIs to be warmed, in order and without duplicates. It is bounded, whatever its sources name.
///
/// ```
/// use scrimp_warm::Targets;
///
/// let mut targets = Targets::on("https://shop.example")?;
/// targets.add("/products?page=2");
/// targets.add("https://shop.example/#top");
/// targets.add("https://elsewhere.example/");
/// assert_eq!(targets.uris().len(), 2);
/// assert_eq!(targets.skipped().other_host, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Targets {
    /// Scheme and authority of references.
    base: Option<Uri>,
    any_host: bool,
    max: usize,
    uris: Vec<Uri>,
    known: HashSet<u64>,
    hash: RandomState,
    skipped: SkippedTargets,
    examples: Vec<String>,
}

/// Numbers of URIs of the sources that are not warmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SkippedTargets {
    /// Named before.
    pub duplicate: u64,
    /// On another host than the one that is warmed.
    pub other_host: u64,
    /// No URI of HTTP, a reference without a host, a URI with a user name, or one that is too long.
    pub invalid: u64,
    /// With a credential in the query: the response belongs to one caller.
    pub secret: u64,
    /// Beyond the highest number.
    pub over_limit: u64,
}

/// Reason why a text is not a target.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    Duplicate,
    OtherHost,
    Invalid(&'static str),
    Secret,
    OverLimit,
}

// === impl Targets ===

impl Default for Targets {
    fn default() -> Self {
        Self::new()
    }
}

impl Targets {
    /// Returns an empty list for absolute URIs of any host.
    #[must_use]
    pub fn new() -> Self {
        Self {
            base: None,
            any_host: true,
            max: USUAL,
            uris: Vec::new(),
            known: HashSet::new(),
            hash: RandomState::new(),
            skipped: SkippedTargets::default(),
            examples: Vec::new(),
        }
    }

    /// Returns an empty list for the URIs of one host, such as `https://shop.example`. References that
    /// begin with a slash are on that host.
    ///
    /// # Errors
    ///
    /// If the text is not a URI with scheme and host.
    pub fn on(base: &str) -> Result<Self, SettingError> {
        let problem = |why| {
            let say = format!("must be like https://shop.example: {base:?} {why}");
            SettingError::new(OWNER, "on", say)
        };
        let base = absolute(base).map_err(problem)?;
        Ok(Self {
            base: Some(base),
            any_host: false,
            ..Self::new()
        })
    }

    /// Accepts URIs of other hosts too.
    #[must_use]
    pub fn any_host(self) -> Self {
        Self {
            any_host: true,
            ..self
        }
    }

    /// Sets the highest number of URIs; further ones are counted as skipped. Default: 100,000. Range: 1 to
    /// 10,000,000.
    ///
    /// # Errors
    ///
    /// If the number is out of range.
    pub fn max(self, max: usize) -> Result<Self, SettingError> {
        let max = SettingError::within(OWNER, "max", max, 1..=MOST)?;
        Ok(Self { max, ..self })
    }

    /// Adds a URI, or a reference such as `/products`. Returns false if it is not warmed; it is then counted.
    ///
    /// The fragment is removed. Spaces and letters beyond ASCII in path and query are percent-encoded.
    pub fn add(&mut self, text: &str) -> bool {
        match self.check(text) {
            Ok(uri) => {
                self.uris.push(uri);
                true
            }
            Err(refusal) => {
                self.skip(text, refusal);
                false
            }
        }
    }

    /// Adds a list: a URI or reference on each line. Empty lines and those that begin with `#` are comments.
    ///
    /// # Errors
    ///
    /// If the list cannot be read.
    pub fn add_list(&mut self, list: impl BufRead) -> io::Result<()> {
        let mut lines = Lines::new(list, MAX_URI);
        while let Some(line) = lines.next()? {
            match line {
                Line::Text(text) => {
                    let text = String::from_utf8_lossy(text);
                    let text = text.trim_start_matches('\u{feff}').trim();
                    if !text.is_empty() && !text.starts_with('#') {
                        self.add(text);
                    }
                }
                Line::TooLong(start) => {
                    let start = String::from_utf8_lossy(start).into_owned();
                    self.skip(&start, Refusal::Invalid(TOO_LONG));
                }
            }
        }
        Ok(())
    }

    /// Returns the URIs.
    #[must_use]
    pub fn uris(&self) -> &[Uri] {
        &self.uris
    }

    /// Reports whether the highest number is reached.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.uris.len() >= self.max
    }

    /// Returns the numbers of those that are not warmed.
    #[must_use]
    pub fn skipped(&self) -> SkippedTargets {
        self.skipped
    }

    /// Returns a sentence about each of the first that are invalid or on another host.
    #[must_use]
    pub fn examples(&self) -> &[String] {
        &self.examples
    }

    /// Returns a URI of the sources as it would be added, without adding it. `None` if it is not on the host.
    #[cfg(feature = "sitemap")]
    pub(crate) fn resolve(&self, text: &str) -> Option<Uri> {
        self.parse(text).ok()
    }

    /// Counts URIs that a source names beyond its own limit.
    #[cfg(feature = "sitemap")]
    pub(crate) fn count_over_limit(&mut self, uris: u64) {
        self.skipped.over_limit += uris;
    }

    fn check(&mut self, text: &str) -> Result<Uri, Refusal> {
        let uri = self.parse(text)?;
        if is_in_query(&uri) {
            return Err(Refusal::Secret);
        }
        let hash = self.hash.hash_one(&uri);
        if self.known.contains(&hash) {
            return Err(Refusal::Duplicate);
        }
        if self.is_full() {
            return Err(Refusal::OverLimit);
        }
        self.known.insert(hash);
        Ok(uri)
    }

    fn parse(&self, text: &str) -> Result<Uri, Refusal> {
        let text = text.trim();
        let text = text.split('#').next().unwrap_or_default();
        let uri = match (&self.base, text.as_bytes()) {
            (Some(base), [b'/', second, ..]) if *second != b'/' => on(base, text),
            (Some(base), [b'/']) => on(base, text),
            (None, [b'/', ..]) => return Err(Refusal::Invalid("has no host")),
            _ => absolute(text),
        };
        let uri = uri.map_err(Refusal::Invalid)?;
        let same = |base: &Uri| host(base) == host(&uri);
        if !self.any_host && !self.base.as_ref().is_none_or(same) {
            return Err(Refusal::OtherHost);
        }
        Ok(uri)
    }

    fn skip(&mut self, text: &str, refusal: Refusal) {
        let (count, why) = match refusal {
            Refusal::Duplicate => (&mut self.skipped.duplicate, None),
            Refusal::OtherHost => (&mut self.skipped.other_host, Some("is on another host")),
            Refusal::Invalid(why) => (&mut self.skipped.invalid, Some(why)),
            // Not shown: it has a secret.
            Refusal::Secret => (&mut self.skipped.secret, None),
            Refusal::OverLimit => (&mut self.skipped.over_limit, None),
        };
        *count += 1;
        if let Some(why) = why.filter(|_| self.examples.len() < EXAMPLES) {
            let shown: String = text.chars().take(EXAMPLE).collect();
            self.examples.push(format!("{shown:?} {why}"));
        }
    }
}

impl SkippedTargets {
    /// Returns the number of all.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.duplicate + self.other_host + self.invalid + self.secret + self.over_limit
    }
}

impl fmt::Display for SkippedTargets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.duplicate, "named twice"),
            (self.other_host, "on another host"),
            (self.invalid, "invalid"),
            (self.secret, "with a credential"),
            (self.over_limit, "above the limit"),
        ];
        let mut first = true;
        for (count, why) in all.into_iter().filter(|(count, _)| *count > 0) {
            let comma = if first { "" } else { ", " };
            write!(f, "{comma}{count} {why}")?;
            first = false;
        }
        if first { f.write_str("none") } else { Ok(()) }
    }
}

fn host(uri: &Uri) -> Option<std::borrow::Cow<'_, str>> {
    Some(normal_authority(uri.authority()?.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(targets: &Targets) -> Vec<String> {
        targets.uris().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_list_has_comments_blank_lines_references_and_absolute_uris() {
        let mut targets = Targets::on("https://shop.example").unwrap();
        let list = "\u{feff}# the front page\r\n/\r\n\n  /a?b=1#part \nhttps://SHOP.example:443/c\n\
                    /a?b=1\n//other.example/x\nhttp://other.example/\n/ü b\n/?token=x\nnonsense\nlast";
        targets.add_list(list.as_bytes()).unwrap();
        assert_eq!(
            texts(&targets),
            [
                "https://shop.example/",
                "https://shop.example/a?b=1",
                "https://SHOP.example:443/c",
                "https://shop.example/%C3%BC%20b",
            ]
        );
        let skipped = targets.skipped();
        assert_eq!((skipped.duplicate, skipped.other_host), (1, 1));
        assert_eq!((skipped.invalid, skipped.secret), (3, 1));
        assert!(targets.examples()[0].contains("//other.example/x"));
        assert_eq!(
            skipped.to_string(),
            "1 named twice, 1 on another host, 3 invalid, 1 with a credential"
        );
    }

    #[test]
    fn what_is_not_a_uri_of_http_on_a_host_is_refused_with_the_reason() {
        let mut targets = Targets::new();
        for (text, why) in [
            ("/a", "has no host"),
            ("ftp://a.example/", "is not of http or https"),
            ("http://u:p@a.example/", "has a user name"),
            ("http:///a", ""),
            ("http://ü.example/", "xn--"),
            ("http://a.example/\u{1}", "control"),
        ] {
            let before = targets.skipped().invalid;
            assert!(!targets.add(text), "{text}");
            assert_eq!(targets.skipped().invalid, before + 1);
            if let Some(example) = targets.examples().last().filter(|_| before < 5) {
                assert!(example.contains(why), "{example}");
            }
        }
        assert!(targets.add("https://a.example/?x=\"1\""));
        assert_eq!(texts(&targets), ["https://a.example/?x=%221%22"]);
        assert!(Targets::on("shop.example").is_err());
    }

    #[test]
    fn a_list_a_hundred_times_too_long_keeps_its_bound() {
        let mut targets = Targets::new().max(1_000).unwrap();
        for number in 0..100_000 {
            targets.add(&format!("http://a.example/{number}"));
        }
        assert_eq!(targets.uris().len(), 1_000);
        assert_eq!(targets.known.len(), 1_000);
        assert_eq!(targets.skipped().over_limit, 99_000);
        assert!(targets.is_full() && Targets::new().max(0).is_err());
    }

    #[test]
    fn a_line_a_hundred_times_too_long_is_skipped_and_the_next_is_read() {
        let mut list = vec![b'/'; 100 * MAX_URI];
        list.extend_from_slice(b"\n/next");
        let mut targets = Targets::on("http://a.example").unwrap();
        targets.add_list(&list[..]).unwrap();
        assert_eq!(texts(&targets), ["http://a.example/next"]);
        assert!(targets.examples()[0].len() < 200);
        assert!(targets.examples()[0].ends_with(TOO_LONG));
    }
}
