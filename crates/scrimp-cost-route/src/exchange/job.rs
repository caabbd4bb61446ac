//! One request: its terms, and the providers tried for it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{Extensions, Method, Request, StatusCode, header, request::Parts, response};
use http_body::Body;
use scrimp_core::{
    Money, Totals,
    extensions::{Deadline, Directive, Explain, Priority, Repeatable},
};
use scrimp_http::{body::announced_length, coding, media_type, repeat};
use scrimp_llm::model;
use tokio::time::Instant;

use super::pick::Picked;
use crate::{
    Miss, RequestBody, TokenClass, Tried, Usage,
    body::Kept,
    config::Shared,
    engine::Ask,
    hints::Wanted,
    payer::Payer,
    profile::{Holder, Profile, RequestLimits},
    prompt::{Bet, PromptText},
    refuse::Refused,
    state::Entry,
};

/// Approximate bytes of a request per token, if the estimate does not state tokens.
const BYTES_PER_TOKEN: u64 = 4;

/// A request that is answered. It and its head lie in boxes of their own, so that the future of the
/// exchange is small.
pub(crate) struct Job {
    pub(super) parts: Box<Parts>,
    pub(super) whole: Option<Kept>,
    pub(super) ask: Ask,
    pub(super) tags: Vec<Box<str>>,
    pub(super) payer: Payer,
    pub(super) route: Arc<str>,
    pub(super) usage: Usage,
    pub(super) tried: Vec<Tried>,
    pub(super) deadline: Option<Instant>,
    pub(super) explain: bool,
    /// True if it carries several requests, which do not ask for the same.
    pub(super) mixed: bool,
    pub(super) model: OnceLock<Option<Box<str>>>,
    /// Its prompt, as soon as a provider's prompt cache matters.
    pub(super) text: OnceLock<Option<Arc<PromptText>>>,
    /// Limits of the providers that the request was too large for.
    pub(super) outgrown: Option<RequestLimits>,
    /// Costs of the attempts before.
    pub(super) before: Totals,
}

// === impl Job ===

impl Job {
    pub(crate) fn new(
        shared: &Shared,
        parts: Box<Parts>,
        whole: Option<Kept>,
    ) -> Result<Box<Self>, Refused> {
        let rates = &shared.config.router.exchange;
        let hints = Wanted::of(&parts.extensions, rates)?;
        let usage = usage(shared, &parts, whole.as_ref().map(|(data, _)| data), &hints);
        let empty = || Arc::clone(&shared.unnamed);
        let extensions = &parts.extensions;
        let (is_ahead, replayable) = (
            is_ahead(extensions),
            whole.is_some() && may_repeat(shared, &parts),
        );
        let hedge = hints.hedge.or(shared.config.router.hedge);
        let filters = shared.config.filters.and(hints.bounds, rates);
        let filters = filters.map_err(|missing| Refused::NoCandidate(missing.into()))?;
        Ok(Box::new(Self {
            ask: Ask {
                priority: match is_ahead {
                    // No caller waits for it.
                    true => Priority::Low,
                    false => extensions.get::<Priority>().copied().unwrap_or_default(),
                },
                replayable,
                filters,
                kind: kind(&usage, &hints.tags),
                apart: false,
                hedge: hedge.filter(|_| replayable && !is_ahead),
            },
            payer: Payer::of(extensions).unwrap_or_else(|| Payer::One(empty())),
            deadline: extensions.get().map(|Deadline(at)| *at),
            explain: shared.config.explain || extensions.get::<Explain>().is_some(),
            route: hints.route.unwrap_or_else(empty),
            tags: hints.tags,
            mixed: hints.mixed,
            model: hints
                .model
                .map_or_else(OnceLock::new, |model| Some(model).into()),
            text: OnceLock::new(),
            outgrown: None,
            before: Totals::new(),
            tried: Vec::new(),
            parts,
            whole,
            usage,
        }))
    }

    /// Reports whether the request is made ahead of time, without a caller who waits.
    pub(super) fn is_ahead(&self) -> bool {
        is_ahead(&self.parts.extensions)
    }

    /// Returns the model that the request names. It is looked for only when it matters, as the body
    /// may be large.
    pub(super) fn model(&self) -> Option<&str> {
        let body = || self.whole.as_ref().map(|(data, _)| data);
        let model = self
            .model
            .get_or_init(|| model::named(&self.parts.uri, body()));
        model.as_deref()
    }

    /// Reports whether an empty 200 cannot be an answer: the request is for a stream of events, or
    /// for the words of a model.
    pub(super) fn asks_for_words(&self, head: &response::Parts) -> bool {
        head.status == StatusCode::OK
            && (media_type::accepts_stream(&self.parts.headers)
                || self.parts.method == Method::POST && self.model().is_some())
    }

    /// Returns the model, if a provider has prices of models.
    pub(super) fn model_for(&self, entry: &Entry) -> Option<&str> {
        if entry.provider.models.is_empty() {
            return None;
        }
        self.model()
    }

    /// Returns the request's size, as far as it is known.
    pub(super) fn size(&self) -> RequestLimits {
        RequestLimits {
            context: Some(self.usage.prompt()),
            bytes: Some(self.usage.bytes_in),
        }
    }

    /// Makes the request in the form that a provider needs, and tells the holder of its credentials. If
    /// its answer is read here, it is asked for without a content coding.
    pub(crate) fn request<B: Body<Data = Bytes>>(
        &self,
        provider: &Profile,
        bet: &mut Option<Bet>,
        reads: bool,
        once: &mut Option<RequestBody<B>>,
    ) -> Result<(Request<RequestBody<B>>, Holder), Refused> {
        let mut parts = (*self.parts).clone();
        let renamed = match provider.renamed.is_empty() {
            true => None,
            false => self.model(),
        };
        let renamed = renamed.and_then(|asked| Some((asked, provider.own_name(asked)?)));
        if let Some((asked, own)) = renamed {
            model::rename_in_path(&mut parts.uri, asked, own);
        }
        provider.dress(&mut parts)?;
        if reads && parts.headers.contains_key(header::ACCEPT_ENCODING) {
            coding::ask_for_identity(&mut parts.headers);
        }
        let body = match &self.whole {
            Some((data, trailers)) => {
                let marked = bet.as_mut().and_then(|bet| bet.mark(data));
                let changes = marked.is_some() || renamed.is_some() || provider.map.is_some();
                let mut data = marked.unwrap_or_else(|| data.clone());
                if let Some((asked, own)) = renamed {
                    model::rename_in_body(&mut data, asked, own);
                }
                if let Some(map) = &provider.map {
                    data = (map.0)(&mut parts, data);
                }
                if changes {
                    size(&mut parts, data.len())?;
                }
                RequestBody::whole((data, trailers.clone()))
            }
            // `may_follow` permits a second attempt only if the body is kept.
            None => once.take().expect("a body that is not kept is sent once"),
        };
        let request = Request::from_parts(parts, body);
        let holder = provider.credential_of(&self.parts, &request);
        Ok((request, holder))
    }

    /// Notes an attempt that did not bring the answer.
    pub(super) fn lose(&mut self, provider: &Profile, miss: Miss, paid: Option<Money>) {
        self.tried.push(Tried {
            provider: Arc::clone(&provider.name),
            miss,
        });
        if let Some(paid) = paid {
            self.before.add(paid);
        }
    }

    /// Picks the next provider after a miss, if another may be tried.
    pub(crate) async fn next(
        &mut self,
        shared: &Arc<Shared>,
        provider: &Profile,
        miss: Miss,
        paid: Option<Money>,
    ) -> Option<Picked> {
        let may_follow = self.may_follow(shared, miss);
        self.lose(provider, miss, paid);
        if miss == Miss::TooLarge {
            let limits = self.outgrown.unwrap_or_default();
            self.outgrown = Some(limits.max(provider.limits));
        }
        let retries = &shared.config.retries;
        if !may_follow || retries.left() == 0 {
            return None;
        }
        let picked = self.pick(shared).await.ok()?;
        // Another request may have taken the last retry meanwhile.
        if retries.withdraw() {
            Some(picked)
        } else {
            picked.unmake();
            None
        }
    }

    /// Reports whether another attempt may follow one that misses in this way.
    pub(super) fn may_follow(&self, shared: &Shared, miss: Miss) -> bool {
        let late = self.deadline.is_some_and(|at| at <= Instant::now());
        let allowed = match miss {
            // The provider says that it did nothing, or the gate rejected the answer.
            Miss::Status(401 | 402 | 403 | 429) | Miss::Model | Miss::TooLarge | Miss::Quality => {
                self.whole.is_some()
            }
            _ => self.ask.replayable,
        };
        allowed && !late && self.tried.len() + 1 < shared.config.attempts
    }

    /// Reports whether the attempt under way is the last.
    pub(super) fn is_last(&self, shared: &Shared) -> bool {
        !self.ask.replayable || self.tried.len() + 1 >= shared.config.attempts
    }
}

/// Corrects the stated length of a changed body.
fn size(parts: &mut Parts, length: usize) -> Result<(), Refused> {
    if parts.headers.contains_key(header::CONTENT_LENGTH) {
        let inserted = parts
            .headers
            .try_insert(header::CONTENT_LENGTH, length.into());
        inserted.map_err(|_| Refused::TooManyFields)?;
    }
    Ok(())
}

/// Reports whether a request may be repeated: by its method or fields, or because a layer or the
/// settings say so.
fn may_repeat(shared: &Shared, parts: &Parts) -> bool {
    let repeats = shared.config.repeats.as_ref();
    repeat::may_repeat(&parts.method, &parts.headers)
        || parts.extensions.get::<Repeatable>().is_some()
        || repeats.is_some_and(|repeats| repeats.allows(parts))
}

fn is_ahead(extensions: &Extensions) -> bool {
    extensions.get() == Some(&Directive::Prefetch)
}

fn usage(shared: &Shared, parts: &Parts, body: Option<&Bytes>, hints: &Wanted) -> Usage {
    let announced = || announced_length(&parts.headers).unwrap_or(0);
    let length = body.map_or_else(announced, |data| data.len() as u64);
    let mut usage = match (&hints.usage, &shared.config.estimate) {
        (Some(usage), _) => *usage,
        (None, Some(estimate)) => estimate(parts, body.map_or(&[], |data| data)),
        (None, None) => Usage::default().with(TokenClass::Input, length.div_ceil(BYTES_PER_TOKEN)),
    };
    usage.bytes_in = length;
    usage
}

/// Sorts requests into kinds. Those of about the same size that ask for the same tags are alike:
/// prices grow with size, and so another provider may be best for larger ones.
fn kind(usage: &Usage, tags: &[Box<str>]) -> u64 {
    // Hints may hold any number.
    let prompt = usage.prompt().max(usage.bytes_in / BYTES_PER_TOKEN);
    let size = prompt.saturating_add(usage.completion());
    let mut kind = u64::from(size.checked_ilog2().unwrap_or(0));
    for byte in tags.iter().flat_map(|tag| tag.bytes()) {
        kind = (kind ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    kind
}
