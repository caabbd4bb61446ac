//! Answers to requests that a layer makes ahead of time, for which there is no live response.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri, header::HOST};
use parking_lot::Mutex;
use scrimp_core::extensions::Directive;

/// Targets of a generation. There are two of them.
const TARGETS: usize = 2_048;

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// The last live response to each GET, as far as it is needed for an answer like it. Nothing is kept before a layer
/// has made a request ahead of time.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    is_asked: AtomicBool,
    answers: Mutex<Generations>,
}

/// The targets used last, and those before them.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Target, Like>,
    old: HashMap<Target, Like>,
    /// The last response to any of them.
    last: Option<Like>,
}

type Target = (Uri, Option<HeaderValue>);

/// A response like one that was seen: with its head, and a body of as many bytes.
#[derive(Debug, Clone)]
pub(crate) struct Like {
    pub(crate) head: Response<()>,
    pub(crate) length: u64,
    pub(crate) takes: Duration,
}

/// A live response that is remembered when it is whole.
#[derive(Debug)]
pub(crate) struct Noting {
    seen: Arc<Seen>,
    target: Target,
    like: Like,
}

/// Reports whether a request is one that a layer makes ahead of time.
pub(crate) fn is_ahead<B>(request: &Request<B>) -> bool {
    request.extensions().get() == Some(&Directive::Prefetch)
}

/// Takes the next piece of a body of this length.
pub(crate) fn piece(left: &mut u64) -> Option<Bytes> {
    let length = usize::try_from(*left).map_or(ZEROS.len(), |left| left.min(ZEROS.len()));
    *left -= length as u64;
    (length > 0).then(|| Bytes::from_static(&ZEROS[..length]))
}

fn target<B>(request: &Request<B>) -> Target {
    (request.uri().clone(), request.headers().get(HOST).cloned())
}

// === impl Seen ===

impl Seen {
    /// Returns an answer to a request that is made ahead of time: like the last one to its target, or to any.
    pub(crate) fn like<B>(&self, request: &Request<B>) -> Option<Like> {
        self.is_asked.store(true, Relaxed);
        self.answers.lock().get(&target(request))
    }

    /// Begins to remember the response to a request, if that is of use.
    pub(crate) fn note<B>(self: &Arc<Self>, request: &Request<B>) -> Option<Noting> {
        let is_of_use = self.is_asked.load(Relaxed) && request.method() == Method::GET;
        is_of_use.then(|| Noting {
            seen: Arc::clone(self),
            target: target(request),
            like: Like {
                head: Response::new(()),
                length: 0,
                takes: Duration::ZERO,
            },
        })
    }
}

// === impl Generations ===

impl Generations {
    fn get(&mut self, target: &Target) -> Option<Like> {
        if let Some(like) = self.young.get(target) {
            return Some(like.clone());
        }
        match self.old.remove(target) {
            Some(like) => {
                self.young.insert(target.clone(), like.clone());
                Some(like)
            }
            None => self.last.clone(),
        }
    }

    fn put(&mut self, target: Target, like: Like) {
        if self.young.len() >= TARGETS {
            self.old = std::mem::take(&mut self.young);
        }
        self.last = Some(like.clone());
        self.young.insert(target, like);
    }
}

// === impl Noting ===

impl Noting {
    pub(crate) fn head<B>(&mut self, head: &Response<B>, takes: Duration) {
        *self.like.head.status_mut() = head.status();
        self.like.head.headers_mut().clone_from(head.headers());
        self.like.takes = takes;
    }

    pub(crate) fn data(&mut self, chunk: &Bytes) {
        self.like.length += chunk.len() as u64;
    }

    /// Remembers the response, which is whole.
    pub(crate) fn done(self) {
        self.seen.answers.lock().put(self.target, self.like);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_used_last_are_remembered_and_their_number_is_bounded() {
        let seen = Arc::new(Seen::default());
        let request = |n: usize| {
            let request = Request::get(format!("http://a.example/{n}"));
            request.body(()).unwrap()
        };
        let length = |n| seen.like(&request(n)).map(|like| like.length);
        assert!(seen.note(&request(0)).is_none(), "no layer has asked");
        assert_eq!(length(0), None);
        for n in 0..10 * TARGETS {
            let mut noting = seen.note(&request(n)).unwrap();
            noting.data(&Bytes::from(vec![0; n % 100]));
            noting.done();
            assert_eq!(length(0), Some(0), "it is in use");
        }
        let answers = seen.answers.lock();
        assert!(answers.young.len() + answers.old.len() <= 2 * TARGETS + 1);
        drop(answers);
        let last = (10 * TARGETS - 1) % 100;
        assert_eq!(length(10 * TARGETS - 5), Some(last as u64 - 4));
        assert_eq!(
            length(1),
            Some(last as u64),
            "it is forgotten, so like the last one"
        );
    }

    #[test]
    fn a_body_has_the_length_of_the_one_that_was_seen() {
        for length in [0, 1, ZEROS.len() as u64, 3 * ZEROS.len() as u64 + 7] {
            let mut left = length;
            let pieces = std::iter::from_fn(|| piece(&mut left));
            assert_eq!(pieces.map(|piece| piece.len() as u64).sum::<u64>(), length);
        }
    }
}
