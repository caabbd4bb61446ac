//! Declared predictions.

use std::{fmt, time::Duration};

use http::{Uri, uri::PathAndQuery};
use scrimp_core::SettingError;

use super::{Next, Prediction, Predictor, Visit};
use crate::Trail;

/// The name of the type, for errors.
const OWNER: &str = "RulePredictor";

/// Longest delay of a rule.
const LONGEST: Duration = Duration::from_secs(3600);

/// Predictions that are declared as path templates.
///
/// A name in braces stands for one segment of a path, and has the same value in what is predicted. The
/// query of the request plays no part.
///
/// ```
/// use std::time::Duration;
///
/// use scrimp_prefetch::RulePredictor;
///
/// let reviews = "/api/products/{id}/reviews";
/// let rules = RulePredictor::new()
///     .rule("/api/products/{id}", reviews, 0.8, Duration::from_secs(5))?;
/// # let _ = rules;
/// # Ok::<(), scrimp_prefetch::SettingError>(())
/// ```
///
/// A declared confidence is where the calibration of a rule begins. What the layer acts upon is how often
/// the rule has been right.
#[derive(Clone, Default)]
pub struct RulePredictor {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    from: Vec<Part>,
    to: Vec<Part>,
    confidence: f64,
    delay: Duration,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Text without a name in it.
    Text(Box<str>),
    /// The name of a segment.
    Name(Box<str>),
}

// === impl RulePredictor ===

impl RulePredictor {
    /// Returns a predictor without rules.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the rules of a shop: who looks at `/api/products/{id}` will look at its reviews after 5 s
    /// (0.8), at related products after 10 s (0.65), and at the cart after 15 s (0.45).
    #[must_use]
    pub fn shop() -> Self {
        let from = "/api/products/{id}";
        [
            ("/api/products/{id}/reviews", 0.8, 5),
            ("/api/products/related?id={id}", 0.65, 10),
            ("/api/cart", 0.45, 15),
        ]
        .into_iter()
        .try_fold(Self::new(), |rules, (to, confidence, seconds)| {
            rules.rule(from, to, confidence, Duration::from_secs(seconds))
        })
        .expect("these rules are valid, as a test says")
    }

    /// Adds a rule: after a request for a path that fits `from`, one for `to` is expected with this
    /// confidence (0 to 1), after this delay (up to an hour).
    ///
    /// # Errors
    ///
    /// If a template does not begin with `/`, has an unknown or unclosed name, or is no path; if
    /// confidence or delay are out of their range.
    pub fn rule(
        mut self,
        from: &str,
        to: &str,
        confidence: f64,
        delay: Duration,
    ) -> Result<Self, SettingError> {
        let from = read("from", from)?;
        let to = read("to", to)?;
        let confidence = SettingError::within(OWNER, "confidence", confidence, 0.0..=1.0)?;
        let delay = SettingError::within(OWNER, "delay", delay, ..=LONGEST)?;
        for part in &to {
            if matches!(part, Part::Name(_)) && !from.contains(part) {
                let problem = format!("has a name that `from` has not: {part:?}");
                return Err(SettingError::new(OWNER, "to", problem));
            }
        }
        self.rules.push(Rule {
            from,
            to,
            confidence,
            delay,
        });
        Ok(self)
    }
}

/// Reads a template.
fn read(setting: &'static str, template: &str) -> Result<Vec<Part>, SettingError> {
    let invalid = |problem: &str| {
        let problem = format!("{problem}, but is {template:?}");
        SettingError::new(OWNER, setting, problem)
    };
    if !template.starts_with('/') {
        return Err(invalid("must begin with /"));
    }
    let (mut parts, mut rest) = (Vec::new(), template);
    while let Some((text, behind)) = rest.split_once('{') {
        let Some((name, behind)) = behind.split_once('}') else {
            return Err(invalid("must close its names"));
        };
        if name.is_empty() {
            return Err(invalid("must name what is in braces"));
        }
        if text.is_empty() {
            return Err(invalid("must have text between its names"));
        }
        parts.push(Part::Text(text.into()));
        parts.push(Part::Name(name.into()));
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    let example = write(&parts, |_| Some("1"));
    let is_path = |path: String| path.parse::<PathAndQuery>().is_ok();
    match example.is_some_and(is_path) {
        true => Ok(parts),
        false => Err(invalid("must be a path")),
    }
}

/// Writes a path. `None` if a name has no value.
fn write<'a>(parts: &[Part], value: impl Fn(&Part) -> Option<&'a str>) -> Option<String> {
    let mut path = String::new();
    for part in parts {
        match part {
            Part::Text(text) => path.push_str(text),
            Part::Name(_) => path.push_str(value(part)?),
        }
    }
    Some(path)
}

/// Returns the values of the names, if a path fits a template.
fn values<'p, 't>(template: &'t [Part], path: &'p str) -> Option<Vec<(&'t Part, &'p str)>> {
    let (mut found, mut rest) = (Vec::new(), path);
    for part in template {
        match part {
            Part::Text(text) => rest = rest.strip_prefix(&**text)?,
            Part::Name(_) => {
                let end = rest.find('/').unwrap_or(rest.len());
                // What follows a name within its segment is text, such as `.json`.
                let end = follows(template, part).map_or(Some(end), |text| {
                    let text = text.split('/').next().unwrap_or_default();
                    rest[..end].ends_with(text).then(|| end - text.len())
                })?;
                if end == 0 || is_dots(&rest[..end]) {
                    return None;
                }
                found.push((part, &rest[..end]));
                rest = &rest[end..];
            }
        }
    }
    rest.is_empty().then_some(found)
}

/// Reports whether a segment leads to another place in the path, as written or once it is decoded. A rule would
/// then ask for something else than what it says, behind layers further out that look at paths.
fn is_dots(segment: &str) -> bool {
    segment.bytes().all(|byte| byte == b'.') || segment.contains("%2e") || segment.contains("%2E")
}

/// Returns the text behind a name.
fn follows<'t>(template: &'t [Part], name: &Part) -> Option<&'t str> {
    let at = template.iter().position(|part| std::ptr::eq(part, name))?;
    match template.get(at + 1)? {
        Part::Text(text) => Some(text),
        Part::Name(_) => None,
    }
}

impl Rule {
    fn path(&self, uri: &Uri) -> Option<String> {
        let values = values(&self.from, uri.path())?;
        write(&self.to, |name| {
            let mut all = values.iter();
            all.find(|(other, _)| *other == name)
                .map(|(_, value)| *value)
        })
    }
}

impl Predictor for RulePredictor {
    fn observe(&mut self, _: &Trail, _: &Visit<'_>) {}

    fn predict(&mut self, _: &Trail, last: &Visit<'_>, predictions: &mut Vec<Prediction>) {
        for (class, rule) in (0..).zip(&self.rules) {
            if let Some(path) = rule.path(last.uri) {
                let next = Next::Path(path);
                let prediction = Prediction::new(next, rule.confidence, rule.delay);
                predictions.push(prediction.class(class));
            }
        }
    }

    fn is_declared(&self) -> bool {
        true
    }

    fn is_quick(&self) -> bool {
        true
    }
}

impl fmt::Debug for RulePredictor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RulePredictor({} rules)", self.rules.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ItemId;

    fn predicted(rules: &mut RulePredictor, uri: &str) -> Vec<(String, f64, u64)> {
        let (uri, item) = (uri.parse().expect("a URI"), ItemId::of_hash(1));
        let mut predictions = Vec::new();
        let visit = Visit::new(item, &uri, None);
        rules.predict(&Trail::new(), &visit, &mut predictions);
        let plain = predictions.into_iter().map(|it| match it.next {
            Next::Path(path) => (path, it.confidence, it.delay.as_secs()),
            Next::Item(_) => unreachable!("rules predict paths"),
        });
        plain.collect()
    }

    #[test]
    fn the_shop_has_the_table_of_confidences_and_delays() {
        let mut shop = RulePredictor::shop();
        assert_eq!(
            predicted(&mut shop, "http://shop.test/api/products/42?ref=home"),
            [
                ("/api/products/42/reviews".into(), 0.8, 5),
                ("/api/products/related?id=42".into(), 0.65, 10),
                ("/api/cart".into(), 0.45, 15),
            ]
        );
        for other in [
            "/api/products",
            "/api/products/",
            "/api/products/42/reviews",
            "/api/products/..",
            "/api/products/%2e%2E",
            "/",
        ] {
            assert_eq!(predicted(&mut shop, other), [], "{other}");
        }
    }

    #[test]
    fn several_names_and_text_within_a_segment_fit() {
        let mut rules = RulePredictor::new()
            .rule(
                "/{shop}/p{id}.html",
                "/{shop}/reviews?p={id}",
                0.5,
                Duration::ZERO,
            )
            .expect("a valid rule");
        let expected = ("/toys/reviews?p=7".to_owned(), 0.5, 0);
        assert_eq!(predicted(&mut rules, "/toys/p7.html"), [expected]);
        for other in [
            "/toys/p.html",
            "/toys/p7.htm",
            "/toys/p7/x.html",
            "/p7.html",
        ] {
            assert_eq!(predicted(&mut rules, other), [], "{other}");
        }
    }

    #[test]
    fn invalid_rules_are_refused_with_the_setting_named() {
        let rule = |from: &str, to: &str, confidence: f64| {
            let rules = RulePredictor::new().rule(from, to, confidence, Duration::ZERO);
            rules.expect_err("an invalid rule").setting().to_owned()
        };
        assert_eq!(rule("api", "/a", 0.5), "from");
        assert_eq!(rule("/{a", "/a", 0.5), "from");
        assert_eq!(rule("/{}", "/a", 0.5), "from");
        assert_eq!(rule("/{a}{b}", "/a", 0.5), "from");
        assert_eq!(rule("/{a}", "/{b}", 0.5), "to");
        assert_eq!(rule("/{a}", "/ b", 0.5), "to");
        assert_eq!(rule("/{a}", "/b", 1.5), "confidence");
    }
}
