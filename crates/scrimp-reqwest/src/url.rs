//! Where an answer came from.

use reqwest::Url;

/// On a response: the URL that it is the answer of, after redirects.
///
/// `http`'s responses have no place for it, and reqwest's have. An answer that a layer gave
/// without a call has none; it counts as that of the request's own URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredBy(pub Url);
