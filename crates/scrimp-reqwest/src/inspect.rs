//! The settings by which a client of reqwest acts by itself, as far as they can be seen.
//!
//! reqwest has no accessors for this, only [`Debug`](std::fmt::Debug). In its multi-line form each
//! setting of the client begins a line with four spaces, each default header a line with eight,
//! and line breaks in values are escaped or indented, so that no value looks like a setting.

/// Fields that every client of reqwest sends by itself, and that say nothing about the caller.
const USUAL: &str = "\"accept\": \"*/*\",";

/// Settings of a client that layers outside it cannot see.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hidden {
    /// It keeps cookies.
    pub(crate) cookies: bool,
    /// It follows redirects.
    pub(crate) redirects: bool,
    /// Names of the fields that it adds to requests. `Accept: */*` is not among them: it means the
    /// same as no Accept.
    pub(crate) fields: Vec<String>,
}

// === impl Hidden ===

impl Hidden {
    /// Reads the settings of a client. `None` if this version of reqwest does not show them.
    pub(crate) fn of(client: &reqwest::Client) -> Option<Self> {
        Self::read(&format!("{client:#?}"))
    }

    fn read(shown: &str) -> Option<Self> {
        let mut hidden = Self {
            cookies: false,
            redirects: true,
            fields: Vec::new(),
        };
        let mut lines = shown.lines().peekable();
        let mut complete = false;
        while let Some(line) = lines.next() {
            match setting(line) {
                Some(("cookie_store", _)) => hidden.cookies = true,
                Some(("redirect_policy", value)) => {
                    hidden.redirects = value != "\"Policy(None)\",";
                }
                Some(("default_headers", _)) => {
                    complete = true;
                    while let Some(entry) = lines.peek().and_then(|line| indented(line, 8)) {
                        if entry != USUAL {
                            hidden.fields.push(name(entry).to_owned());
                        }
                        lines.next();
                    }
                }
                _ => {}
            }
        }
        complete.then_some(hidden)
    }
}

fn setting(line: &str) -> Option<(&str, &str)> {
    indented(line, 4)?.split_once(": ")
}

/// Returns the text of a line that begins with exactly this many spaces.
fn indented(line: &str, spaces: usize) -> Option<&str> {
    let text = line.trim_start_matches(' ');
    (line.len() - text.len() == spaces && !text.is_empty()).then_some(text)
}

/// Returns the name of a field: the text between the first two quotes.
fn name(entry: &str) -> &str {
    entry.split('"').nth(1).unwrap_or(entry)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use reqwest::{
        Client, ClientBuilder,
        redirect::{Action, Attempt, Policy},
    };

    use super::*;

    fn hidden(builder: ClientBuilder) -> Hidden {
        let client = builder.build().expect("a client");
        Hidden::of(&client).expect("settings that can be seen")
    }

    #[test]
    fn a_client_without_settings_only_follows_redirects() {
        let plain = Hidden {
            cookies: false,
            redirects: true,
            fields: Vec::new(),
        };
        assert_eq!(hidden(Client::builder()), plain);
    }

    #[test]
    fn default_headers_are_seen_by_name_whatever_their_values_are() {
        let mut headers = HeaderMap::new();
        let mut secret = HeaderValue::from_static("Bearer alice");
        secret.set_sensitive(true);
        headers.insert("authorization", secret);
        headers.insert(
            "x-a",
            HeaderValue::from_static("\"x-b\": \"\", }, cookie_store: true"),
        );
        headers.insert("x-empty", HeaderValue::from_static(""));
        headers.insert("accept", HeaderValue::from_static("text/html"));
        let builder = Client::builder().default_headers(headers).user_agent("it");
        let mut seen = hidden(builder);
        seen.fields.sort_unstable();
        assert_eq!(
            seen.fields,
            ["accept", "authorization", "user-agent", "x-a", "x-empty"]
        );
        assert!(!seen.cookies, "a value is not a setting");
    }

    fn stop(attempt: Attempt<'_>) -> Action {
        attempt.stop()
    }

    #[test]
    fn redirects_are_seen() {
        assert!(!hidden(Client::builder().redirect(Policy::none())).redirects);
        for policy in [Policy::limited(3), Policy::custom(stop)] {
            assert!(hidden(Client::builder().redirect(policy)).redirects);
        }
    }

    #[cfg(feature = "cookies")]
    #[test]
    fn a_cookie_store_is_seen() {
        let own = std::sync::Arc::new(reqwest::cookie::Jar::default());
        assert!(hidden(Client::builder().cookie_store(true)).cookies);
        assert!(hidden(Client::builder().cookie_provider(own)).cookies);
        assert!(!hidden(Client::builder()).cookies);
    }

    #[test]
    fn a_client_that_shows_no_settings_is_not_taken_for_one_without() {
        assert_eq!(Hidden::read("Client"), None);
        assert_eq!(Hidden::read("Client {\n    accepts: Accepts,\n}"), None);
    }
}
