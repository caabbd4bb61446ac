//! Tags with placeholders.

use std::fmt;

use http::{Request, Response};

/// A tag with placeholders, such as `products:list:{query.category}:{query.page}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Box<[Piece]>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Segment(Box<str>),
    Query(Box<str>),
    Header(Box<str>),
}

// === impl Template ===

impl Template {
    pub(crate) fn new(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, behind)) = after.split_once('}') else {
                break;
            };
            if !before.is_empty() {
                pieces.push(Piece::Text(before.into()));
            }
            pieces.push(match name.split_once('.') {
                Some(("query", name)) => Piece::Query(name.into()),
                Some(("header", name)) => Piece::Header(name.to_ascii_lowercase().into()),
                _ => Piece::Segment(name.into()),
            });
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
        }
        Self(pieces.into())
    }

    /// Returns the names of segments of the path that it has.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Segment(name) => Some(&**name),
            _ => None,
        })
    }

    /// Fills the placeholders; an absent value is empty.
    pub(crate) fn fill(
        &self,
        captures: &[(&str, &str)],
        request: &Request<()>,
        response: &Response<()>,
    ) -> String {
        let mut tag = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => tag.push_str(text),
                Piece::Segment(wanted) => {
                    let found = captures.iter().find(|(name, _)| *name == &**wanted);
                    tag.push_str(found.map_or("", |(_, value)| value));
                }
                Piece::Query(wanted) => {
                    let query = request.uri().query().unwrap_or_default();
                    let mut pairs = form_urlencoded::parse(query.as_bytes());
                    let found = pairs.find(|(name, _)| *name == **wanted);
                    tag.push_str(&found.map_or("".into(), |(_, value)| value));
                }
                Piece::Header(name) => {
                    let value = response.headers().get(&**name);
                    tag.push_str(
                        value
                            .and_then(|value| value.to_str().ok())
                            .unwrap_or_default(),
                    );
                }
            }
        }
        tag
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Segment(name) => write!(f, "{{{name}}}"),
            Piece::Query(name) => write!(f, "{{query.{name}}}"),
            Piece::Header(name) => write!(f, "{{header.{name}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_filled_from_path_query_and_response() {
        let request = Request::get("/p?page=2&category=a%20b").body(()).unwrap();
        let response = Response::builder().header("x-rev", "9").body(()).unwrap();
        let fill = |text| Template::new(text).fill(&[("id", "7")], &request, &response);
        assert_eq!(
            fill("list:{query.category}:{query.page}:{query.none}"),
            "list:a b:2:"
        );
        assert_eq!(fill("product:{id}@{header.X-Rev}"), "product:7@9");
        assert_eq!(fill("plain{"), "plain{");
    }
}
