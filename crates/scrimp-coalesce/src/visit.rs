//! From a request to a call, to a place in one, or past all of them.

use std::{
    any::TypeId,
    marker::PhantomData,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::{BoxError, KeyBuf, KeyRef, ShareError};
use tokio::time::sleep;
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    answer::{self, Arrived, Birth, Copied, Errand, Mine, Terms, unshare},
    body::{Boxed, CoalesceBody},
    config::{Asked, Common, Overflow, SlowReader},
    deliver::{Asker, Collapsed, add_age},
    flight::{Cargo, Member, Outcome},
    future::{State, Waiting},
    key,
    pass::{self, After},
    reader::{FellBehind, Reader},
    refuse::Refusal,
    stream::BoxBody,
    table::{self, Entry},
};

/// What to do next.
#[expect(
    clippy::large_enum_variant,
    reason = "it goes from one function's hand into the other's"
)]
pub(crate) enum Step<S, ReqB, T>
where
    S: Service<Request<ReqB>>,
{
    Go(State<S, ReqB>),
    Done(T),
}

/// One poll's view of a response future.
pub(crate) struct Visit<'a, S, ReqB> {
    pub(crate) common: &'a Arc<Common>,
    pub(crate) service: PhantomData<fn() -> (S, ReqB)>,
}

/// What the future comes to.
type Answered<ResB, E> = Result<Response<CoalesceBody<ResB>>, E>;

/// Calls lost in panics, after which the layer answers in place of another attempt.
const MOST_PANICS: u32 = 3;

// === impl Visit ===

impl<S, ReqB, ResB> Visit<'_, S, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    ReqB: Body + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    pub(crate) fn begin(
        &mut self,
        inner: S,
        mut request: Request<ReqB>,
        cx: &mut Context<'_>,
    ) -> Step<S, ReqB, Answered<ResB, S::Error>> {
        let config = &self.common.config;
        let empty = request.body().is_end_stream();
        // Written where it stays: neither it nor the request is moved for it.
        let mut key = KeyBuf::new();
        let keyed = match &config.key {
            None => key::write(&mut key, config, &request, empty),
            Some(_) if !key::is_open(config, &request, empty) => false,
            Some(own) => {
                let (parts, body) = request.into_parts();
                let own = own(&parts);
                request = Request::from_parts(parts, body);
                if let Some(own) = &own {
                    key::wrap(&mut key, &request, own);
                }
                own.is_some()
            }
        };
        if !keyed {
            self.common.counters().passed.add();
            let after = After::passed(self.common, &request);
            return pass(inner, request, after);
        }
        let key = key.as_ref();
        let asker = Asker::of(&request);
        if let Some(answer) = self.recent(key, &asker, &request) {
            return Step::Done(answer);
        }
        match self.enter(key, &asker, &request) {
            Entry::Lead(member) => self.lead(member, asker, (inner, request), cx),
            Entry::Join(member) => {
                let max_wait = self.common.config.max_wait;
                let place = Waiting {
                    member,
                    asker,
                    own: Some((inner, request)),
                    deadline: max_wait.map(|time| Box::pin(sleep(time))),
                };
                Step::Go(State::Waiting {
                    waiting: Some(place),
                })
            }
            Entry::Copy(copy) => {
                let own = Some((inner, request));
                self.copied(copy, &asker, own, key.hash_value())
            }
            Entry::Barred => {
                self.common.counters().barred.add();
                pass(inner, request, After::Barred(key.hash_value()))
            }
            Entry::Crowded => self.overflow(Refusal::TooManyWaiters, inner, request),
            Entry::Full => self.overflow(Refusal::TooManyKeys, inner, request),
        }
    }

    /// An answer from the window.
    fn recent(
        &self,
        key: KeyRef<'_>,
        asker: &Asker,
        request: &Request<ReqB>,
    ) -> Option<Answered<ResB, S::Error>> {
        let recent = self.common.recent.as_ref()?;
        if !Asker::takes_recent(request) {
            return None;
        }
        let asked = Asked::by(request, asker);
        let now = self.common.config.clock.instant();
        let (load, age) = recent.get(key, now, |born| self.common.holds(born, &asked))?;
        let mut charge = None;
        let answer = match load.copy()? {
            Copied::Error(error) => Err(unshare::<S::Error>(&error)?),
            Copied::Reader(reader) => {
                if !reader.stream().answers(request.headers()) {
                    return None;
                }
                charge = reader.stream().charge();
                let mut answer = asker.deliver(self.common, reader, Collapsed::Reused);
                add_age(answer.headers_mut(), age);
                Ok(answer)
            }
        };
        self.common.counters().reused.add();
        asker.book_avoided(self.common, charge);
        Some(answer)
    }

    fn enter(&self, key: KeyRef<'_>, asker: &Asker, request: &Request<ReqB>) -> Entry<Arrived> {
        let config = &self.common.config;
        let entry = table::Request {
            key,
            most: config.max_waiters.saturating_add(1),
            finish: config.finish(),
        };
        let asked = Asked::by(request, asker);
        let error = TypeId::of::<S::Error>();
        self.common.table.enter(
            &entry,
            || config.clock.instant(),
            // A write that comes twice is one write: it is not outdated by itself.
            |terms| {
                let holds = !asker.safe || self.common.holds(terms.born, &asked);
                holds && terms.error == error
            },
            || Terms {
                error,
                born: Birth {
                    writes: self.common.state.marks.now(),
                    since: asked.since,
                },
                most_panics: config.attempts().max(MOST_PANICS),
                tasks: Weak::clone(&self.common.tasks),
            },
        )
    }

    fn lead(
        &mut self,
        mut member: Member<Arrived>,
        mut asker: Asker,
        (inner, request): (S, Request<ReqB>),
        cx: &mut Context<'_>,
    ) -> Step<S, ReqB, Answered<ResB, S::Error>> {
        let config = &self.common.config;
        let counters = self.common.counters();
        match member.attempt() {
            1 => counters.calls.add(),
            _ => counters.retried.add(),
        }
        let terms = member.terms();
        let keeps = self.common.recent.is_some() && Asker::keeps(&request);
        let errand = Errand {
            common: Arc::clone(self.common),
            hash: member.key().hash_value(),
            keep: keeps.then(|| (member.key().to_key(), terms.born)),
            last: member.attempt() >= config.attempts(),
            fields: config.key.as_ref().map(|_| request.headers().clone()),
            writes: pass::writes(self.common, &request),
        };
        asker.leads = true;
        let call = Box::pin(answer::call(Oneshot::new(inner, request), errand));
        let launched = member.launch(call, cx);
        let place = Waiting {
            member,
            asker,
            own: None,
            deadline: None,
        };
        match launched {
            Poll::Ready(outcome) => self.end(place, Some(outcome), cx),
            Poll::Pending => Step::Go(State::Waiting {
                waiting: Some(place),
            }),
        }
    }

    /// What came of waiting; nothing if it took too long.
    pub(crate) fn end(
        &mut self,
        place: Waiting<S, ReqB>,
        outcome: Option<Outcome<Arrived>>,
        cx: &mut Context<'_>,
    ) -> Step<S, ReqB, Answered<ResB, S::Error>> {
        let Waiting {
            member, asker, own, ..
        } = place;
        let counters = self.common.counters();
        match (outcome, own) {
            (Some(Outcome::Copy(copy)), own) => {
                self.copied(copy, &asker, own, member.key().hash_value())
            }
            (Some(Outcome::Own(mine)), _) => Step::Done(self.own(mine, &asker)),
            (Some(Outcome::Lead), Some(own)) => self.lead(member, asker, own, cx),
            (Some(Outcome::Alone), Some((inner, request))) => {
                counters.released.add();
                pass(inner, request, After::Nothing)
            }
            (Some(Outcome::Missed), Some(own)) => Step::Go(State::Start { request: Some(own) }),
            (Some(Outcome::Broken), _) => self.refuse(Refusal::Broken),
            (None, Some((inner, request))) => {
                counters.timed_out.add();
                drop(member);
                self.overflow(Refusal::WaitedTooLong, inner, request)
            }
            // The one whose call it was, and whose request is gone with it.
            (_, None) => self.refuse(Refusal::FellBehind),
        }
    }

    fn copied(
        &self,
        copy: Copied,
        asker: &Asker,
        own: Option<(S, Request<ReqB>)>,
        hash: u64,
    ) -> Step<S, ReqB, Answered<ResB, S::Error>> {
        let counters = self.common.counters();
        let reader = match copy {
            Copied::Reader(reader) => reader,
            Copied::Error(error) => {
                if !asker.leads {
                    counters.joined.add();
                    counters.errors_shared.add();
                    asker.book_avoided(self.common, None);
                }
                return match unshare(&error) {
                    Some(error) => Step::Done(Err(error)),
                    None => self.refuse(Refusal::Broken),
                };
            }
        };
        if asker.leads {
            let answer = asker.deliver(self.common, reader, Collapsed::Led);
            asker.book_made(self.common, Some(&answer));
            return Step::Done(Ok(answer));
        }
        let Some((inner, request)) = own else {
            return self.refuse(Refusal::FellBehind);
        };
        if !reader.stream().answers(request.headers()) {
            drop(reader);
            self.common.bar(hash, "vary");
            counters.released.add();
            return pass(inner, request, After::Nothing);
        }
        counters.joined.add();
        if self.common.config.slow_reader == SlowReader::OwnCall {
            spare(&reader, inner, request);
        }
        asker.book_avoided(self.common, reader.stream().charge());
        let answer = asker.deliver(self.common, reader, Collapsed::Joined);
        Step::Done(Ok(answer))
    }

    fn own(&self, mine: Mine, asker: &Asker) -> Answered<ResB, S::Error> {
        let answer = match mine {
            Mine::Whole(head, begun) => Ok(Response::from_parts(head, CoalesceBody::whole(begun))),
            Mine::Result(result) => match result.downcast::<Result<Response<ResB>, S::Error>>() {
                Ok(result) => result.map(|response| response.map(CoalesceBody::passing)),
                // It was made with the types of this very future.
                Err(_) => Ok(Refusal::Broken.response()),
            },
        };
        asker.book_made(self.common, answer.as_ref().ok());
        answer
    }

    fn overflow(
        &self,
        refusal: Refusal,
        inner: S,
        request: Request<ReqB>,
    ) -> Step<S, ReqB, Answered<ResB, S::Error>> {
        tracing::debug!(?refusal, "a limit was reached");
        match self.common.config.overflow {
            Overflow::Refuse => self.refuse(refusal),
            Overflow::OwnCall => {
                self.common.counters().overflowed.add();
                pass(inner, request, After::Nothing)
            }
        }
    }

    fn refuse(&self, refusal: Refusal) -> Step<S, ReqB, Answered<ResB, S::Error>> {
        self.common.counters().refused.add();
        Step::Done(Ok(refusal.response()))
    }
}

/// Sends a request as if there were no layer.
fn pass<S, ReqB, T>(inner: S, request: Request<ReqB>, after: After) -> Step<S, ReqB, T>
where
    S: Service<Request<ReqB>>,
{
    let call = Oneshot::new(inner, request);
    Step::Go(State::Passing { call, after })
}

/// Leaves behind what a reader that falls behind may need.
fn spare<S, ReqB, ResB>(reader: &Reader, inner: S, request: Request<ReqB>)
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    ReqB: Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    let call = Oneshot::new(inner, request);
    reader.stream().add_spare(Box::new(move || {
        Box::pin(async move {
            let response = call.await.map_err(|_| FellBehind)?;
            Ok(response.map(|body| -> BoxBody { Box::pin(Boxed::new(body)) }))
        })
    }));
}
