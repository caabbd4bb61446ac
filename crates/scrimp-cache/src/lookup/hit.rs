//! An answer that is still to be made.

use std::{sync::Arc, time::Duration};

use http::{Extensions, HeaderValue, Response};

use super::answer::whole;
use crate::{
    body::{CacheBody, StoredBody},
    entry::Variants,
};

/// What a request is answered with.
pub(crate) enum Answer {
    /// All of a stored response.
    Stored(Hit),
    Made(Box<Response<StoredBody>>),
}

/// A stored response that is sent as it is.
///
/// The response is made of it where it is handed out: a whole response is too large to be
/// carried there from hand to hand.
pub(crate) struct Hit {
    variants: Arc<Variants>,
    place: usize,
    age: Duration,
    cache_status: HeaderValue,
    extensions: Extensions,
}

// === impl Answer ===

impl Answer {
    #[inline]
    pub(crate) fn into_response<B>(self) -> Response<CacheBody<B>> {
        match self {
            Self::Stored(hit) => hit.into_response(),
            Self::Made(response) => response.map(CacheBody::stored),
        }
    }
}

impl From<Response<StoredBody>> for Answer {
    fn from(response: Response<StoredBody>) -> Self {
        Self::Made(Box::new(response))
    }
}

// === impl Hit ===

impl Hit {
    pub(crate) fn new(
        (variants, place): (Arc<Variants>, usize),
        age: Duration,
        cache_status: HeaderValue,
        extensions: Extensions,
    ) -> Self {
        Self {
            variants,
            place,
            age,
            cache_status,
            extensions,
        }
    }

    #[inline]
    fn into_response<B>(self) -> Response<CacheBody<B>> {
        let entry = self.variants.at(self.place);
        let entry = entry.expect("a place found among these variants, which do not change");
        let mut response = whole(entry, self.age, self.cache_status, CacheBody::stored);
        *response.extensions_mut() = self.extensions;
        response
    }
}
