//! URL of a response.

use reqwest::Url;

/// On a response: its URL, after redirects.
///
/// `http`'s responses have no place for it, and reqwest's have. A response that a layer gave
/// without a call has none; the URL of the request then counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredBy(pub Url);
