//! The templates that a model knows.

use std::{collections::HashMap, str::FromStr};

use http::uri::PathAndQuery;
use serde::Deserialize;

use crate::OnnxError;

/// Most templates of a vocabulary.
const MOST: usize = 1_024;

/// Longest template, and longest path that is matched, in bytes.
const LONGEST: usize = 1_024;

/// Templates of paths that a model knows, in the order of its outputs.
///
/// It is read from JSON, `{"templates": ["/", "/products/{id}"]}`, with at most 1,024 templates of 1,024 bytes. Other
/// members of the object are ignored.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    templates: Vec<Template>,
    /// Templates without a name, by their path.
    plain: HashMap<Box<str>, u16>,
    /// Names of all templates.
    names: Vec<Box<str>>,
}

#[derive(Debug, Clone)]
struct Template(Vec<Segment>);

/// A segment of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Text(Box<str>),
    /// The place of a name.
    Name(u16),
}

/// A path's template, and the values of its names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// `None`: there is no such template.
    pub(crate) template: Option<u16>,
    pub(crate) values: Vec<(u16, Box<str>)>,
}

/// The file.
#[derive(Deserialize)]
struct File {
    templates: Vec<String>,
}

// === impl Vocabulary ===

impl Vocabulary {
    /// Returns the number of templates: that of the model's outputs.
    #[must_use]
    pub fn templates(&self) -> usize {
        self.templates.len()
    }

    /// Returns the number of features: that of the model's inputs.
    #[must_use]
    pub fn features(&self) -> usize {
        4 * self.templates() + 7
    }

    fn new(all: &[String]) -> Result<Self, OnnxError> {
        if all.is_empty() || all.len() > MOST {
            let problem = format!("a vocabulary has 1 to {MOST} templates, not {}", all.len());
            return Err(OnnxError::new(problem));
        }
        let mut this = Self {
            templates: Vec::new(),
            plain: HashMap::new(),
            names: Vec::new(),
        };
        for (at, text) in (0..).zip(all) {
            let template = this.read(text)?;
            if !template.has_names() {
                this.plain.entry(text.as_str().into()).or_insert(at);
            }
            this.templates.push(template);
        }
        Ok(this)
    }

    fn read(&mut self, text: &str) -> Result<Template, OnnxError> {
        let invalid = || OnnxError::new(format!("no template of a path: {text:?}"));
        let rest = text.strip_prefix('/').ok_or_else(invalid)?;
        let mut segments = Vec::new();
        for segment in rest.split('/') {
            let name = segment
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'));
            segments.push(match name {
                Some("") => return Err(invalid()),
                Some(name) => Segment::Name(self.name(name).ok_or_else(invalid)?),
                None if segment.contains(['{', '}', '?', '#']) => return Err(invalid()),
                None => Segment::Text(segment.into()),
            });
        }
        let template = Template(segments);
        let example = template.path(|_| Some("1")).unwrap_or_default();
        match text.len() <= LONGEST && example.parse::<PathAndQuery>().is_ok() {
            true => Ok(template),
            false => Err(invalid()),
        }
    }

    /// Returns the place of a name. `None` if there are too many.
    fn name(&mut self, name: &str) -> Option<u16> {
        let found = self.names.iter().position(|own| **own == *name);
        let at = found.unwrap_or_else(|| {
            self.names.push(name.into());
            self.names.len() - 1
        });
        u16::try_from(at).ok()
    }

    /// Finds the template of a path. One without names is preferred, and then the first.
    pub(crate) fn page(&self, path: &str) -> Page {
        if path.len() > LONGEST {
            return Page::default();
        }
        if let Some(template) = self.plain.get(path) {
            let template = Some(*template);
            return Page {
                template,
                values: Vec::new(),
            };
        }
        let named = (0..).zip(&self.templates).filter(|(_, it)| it.has_names());
        let mut pages = named.filter_map(|(at, template)| {
            let template_at = Some(at);
            template.values(path).map(|values| Page {
                template: template_at,
                values,
            })
        });
        pages.next().unwrap_or_default()
    }

    /// Writes the path of a template. `None` if a name has no value.
    pub(crate) fn path<'a>(
        &self,
        template: usize,
        value: impl Fn(u16) -> Option<&'a str>,
    ) -> Option<String> {
        self.templates.get(template)?.path(value)
    }

    /// Reports whether paths of a template differ by the values of names.
    pub(crate) fn has_names(&self, template: usize) -> bool {
        self.templates
            .get(template)
            .is_some_and(Template::has_names)
    }
}

impl FromStr for Vocabulary {
    type Err = OnnxError;

    fn from_str(json: &str) -> Result<Self, OnnxError> {
        let file: File =
            serde_json::from_str(json).map_err(|error| OnnxError::from("no vocabulary", error))?;
        Self::new(&file.templates)
    }
}

// === impl Template ===

impl Template {
    fn has_names(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Segment::Name(_)))
    }

    /// Returns the values of the names, if a path fits.
    fn values(&self, path: &str) -> Option<Vec<(u16, Box<str>)>> {
        let mut segments = path.strip_prefix('/')?.split('/');
        let mut values: Vec<(u16, Box<str>)> = Vec::new();
        for part in &self.0 {
            let segment = segments.next()?;
            match part {
                Segment::Text(text) if **text == *segment => {}
                Segment::Text(_) => return None,
                Segment::Name(_) if is_no_value(segment) => return None,
                Segment::Name(name) => match values.iter().find(|(own, _)| own == name) {
                    Some((_, value)) if **value != *segment => return None,
                    Some(_) => {}
                    None => values.push((*name, segment.into())),
                },
            }
        }
        segments.next().is_none().then_some(values)
    }

    fn path<'a>(&self, value: impl Fn(u16) -> Option<&'a str>) -> Option<String> {
        let mut path = String::new();
        for part in &self.0 {
            path.push('/');
            match part {
                Segment::Text(text) => path.push_str(text),
                Segment::Name(name) => path.push_str(value(*name)?),
            }
        }
        Some(path)
    }
}

/// Reports whether a segment is empty, or leads to another place in the path, as written or once it is decoded.
fn is_no_value(segment: &str) -> bool {
    segment.bytes().all(|byte| byte == b'.') || segment.contains("%2e") || segment.contains("%2E")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Vocabulary {
        let json = r#"{"made": "by hand", "templates": ["/", "/products/{id}", "/products/new",
            "/products/{id}/reviews", "/{shop}/of/{id}"]}"#;
        json.parse().expect("a vocabulary")
    }

    fn template(path: &str) -> Option<u16> {
        shop().page(path).template
    }

    #[test]
    fn a_path_has_the_template_that_fits_and_one_without_names_first() {
        assert_eq!(template("/"), Some(0));
        assert_eq!(template("/products/17"), Some(1));
        assert_eq!(template("/products/new"), Some(2));
        assert_eq!(template("/products/17/reviews"), Some(3));
        for none in [
            "",
            "/products",
            "/products/",
            "/products/..",
            "/products/%2e",
            "/products/1/2",
        ] {
            assert_eq!(template(none), None, "{none}");
        }
        assert_eq!(
            template(&format!("/products/{}", "1".repeat(LONGEST))),
            None
        );
    }

    #[test]
    fn values_of_one_template_fit_into_another() {
        let vocabulary = shop();
        let values = vocabulary.page("/toys/of/9").values;
        let path = vocabulary.path(3, |name| {
            let mut own = values.iter().filter(|(own, _)| *own == name);
            own.next().map(|(_, value)| &**value)
        });
        assert_eq!(path.as_deref(), Some("/products/9/reviews"));
        assert_eq!(vocabulary.path(3, |_| None), None);
    }

    #[test]
    fn what_is_no_vocabulary_is_refused() {
        let many = vec!["/a"; MOST + 1].join("\",\"");
        let many = format!("{{\"templates\": [\"{many}\"]}}");
        let long = format!("{{\"templates\": [\"/{}\"]}}", "a".repeat(LONGEST));
        for json in [
            "",
            "[]",
            r#"{"templates": []}"#,
            r#"{"templates": ["products"]}"#,
            r#"{"templates": ["/{}"]}"#,
            r#"{"templates": ["/a{b}"]}"#,
            r#"{"templates": ["/a b"]}"#,
            r#"{"templates": ["/a?b"]}"#,
            &many,
            &long,
        ] {
            assert!(json.parse::<Vocabulary>().is_err(), "{json:.60}");
        }
    }
}
