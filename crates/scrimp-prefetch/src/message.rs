//! Messages to the worker.

use http::uri::PathAndQuery;
use tokio::sync::oneshot;

use crate::request::Event;

/// A message to the worker.
pub(crate) enum Message {
    /// A request that was answered.
    Learn(Box<Event>),
    /// A browser that asks for rules.
    Rules(Box<Question>),
    /// A session that is to be forgotten. The answer is true if it was known.
    Forget(u64, oneshot::Sender<bool>),
    /// A page that is being made, which will have links.
    Links(Box<Event>, oneshot::Sender<Rules>),
}

/// The question of a browser.
pub(crate) struct Question {
    pub(crate) session: u64,
    /// A visit of the page that asks.
    pub(crate) page: Option<Box<Event>>,
    pub(crate) reply: oneshot::Sender<Rules>,
}

/// Pages that are worth fetching.
#[derive(Debug, Default)]
pub(crate) struct Rules(pub(crate) Vec<PathAndQuery>);

// === impl Rules ===

impl Rules {
    pub(crate) fn json(&self) -> String {
        if self.0.is_empty() {
            return r#"{"prefetch":[]}"#.to_owned();
        }
        // A browser encodes a quote in a path in this way, too, so it is the same target.
        let urls = self.0.iter().map(|page| {
            let page = page.as_str().replace('"', "%22").replace('\\', "%5C");
            format!("\"{page}\"")
        });
        let urls = urls.collect::<Vec<_>>().join(",");
        format!(r#"{{"prefetch":[{{"source":"list","urls":[{urls}]}}]}}"#)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_json_whatever_the_path_has_in_it() {
        let rules = |paths: &[&'static str]| {
            let paths = paths.iter().map(|path| PathAndQuery::from_static(path));
            Rules(paths.collect()).json()
        };
        assert_eq!(rules(&[]), r#"{"prefetch":[]}"#);
        assert_eq!(
            rules(&["/a?b=c", "/{\"d\"}"]),
            r#"{"prefetch":[{"source":"list","urls":["/a?b=c","/{%22d%22}"]}]}"#
        );
    }
}
