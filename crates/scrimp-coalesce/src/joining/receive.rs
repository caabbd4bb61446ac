//! The exit of a request: it receives its response from a flight.

use std::sync::Arc;

use http::Response;
use http_body::Body;
use scrimp_core::{CountedBody, extensions::Deadline, release_span};
use scrimp_flight::single_flight::Outcome;
use tower::util::Oneshot;

use super::{Joining, Step, Waiting, refuse};
use crate::{
    call::{AnsweredBy, Upstream},
    config::SlowReader,
    response::{Asker, Collapsed, Refusal},
    shared::{
        Common,
        answer::{Answer, Copied, Failure, Load},
        body::{CoalesceBody, ErasedBody, FellBehind},
        flight::BoxCall,
        recent::After,
        resume::BoxBody,
    },
    unshared::Unshared,
};

/// Reason why an error has the type of its receiver's service.
const SAME: &str = "callers of one flight have one type of error";

impl<S, ReqB> Joining<S, ReqB>
where
    S: Upstream<ReqB>,
    ReqB: Body + Send + 'static,
{
    /// Turns an outcome, or `None` after the deadline, into the next step. Returns `None` if the
    /// request starts again.
    pub(super) fn receive(
        &mut self,
        common: &Common,
        outcome: Option<Outcome<BoxCall>>,
    ) -> Option<Step<AnsweredBy<S, ReqB>>> {
        // The member is dropped at the end of this function, after it has got its result.
        let Waiting { member, asker, .. } = self.waiting.take()?;
        let counters = &common.counters;
        match outcome {
            Some(Outcome::Shared) => match member.result() {
                Some(Load::Answer(answer)) => {
                    let hash = member.key().as_ref().hash_value();
                    if let Some(body) = answer.open() {
                        return Some(self.hand_over(common, answer, body, &asker, hash));
                    }
                }
                Some(Load::Error(error)) => return Some(Self::failed(common, error, &asker)),
                None => {}
            },
            Some(Outcome::Own(call)) => return Some(Self::own(common, call, &asker)),
            Some(Outcome::Broken) => return Some(refuse(common, Refusal::Lost)),
            Some(Outcome::Alone) if self.own.is_some() => {
                counters.released.increment();
                return Some(Step::Pass(After::Nothing));
            }
            None => {
                counters.timed_out.increment();
                drop(member);
                return Some(self.overflow(common, Refusal::WaitedTooLong));
            }
            Some(Outcome::Alone | Outcome::Lead | Outcome::Missed) => {}
        }
        match self.own {
            Some(_) => None,
            // This caller's request was sent with the call.
            None => Some(refuse(common, Refusal::FellBehind)),
        }
    }

    pub(super) fn copied(
        &mut self,
        common: &Common,
        copy: Copied,
        asker: &Asker,
        hash: u64,
    ) -> Step<AnsweredBy<S, ReqB>> {
        match copy {
            Ok((answer, body)) => self.hand_over(common, &answer, body, asker, hash),
            Err(error) => Self::failed(common, &error, asker),
        }
    }

    fn hand_over(
        &mut self,
        common: &Common,
        answer: &Arc<Answer>,
        body: ErasedBody,
        asker: &Asker,
        hash: u64,
    ) -> Step<AnsweredBy<S, ReqB>> {
        if asker.leads {
            let mut response = asker.deliver(common, answer, body, Collapsed::Led);
            asker.book_made(common, Some(&mut response));
            return Step::Done(Ok(response));
        }
        let Some((_, request)) = &self.own else {
            return refuse(common, Refusal::FellBehind);
        };
        let counters = &common.counters;
        if !answer.answers(request.headers()) {
            drop(body);
            common.bar(hash, Unshared::Vary);
            counters.released.increment();
            return Step::Pass(After::Nothing);
        }
        counters.joined.increment();
        if common.config.slow_reader == SlowReader::OwnCall {
            self.spare(answer);
        }
        asker.book_avoided(common, Some(answer.extensions()));
        Step::Done(Ok(asker.deliver(common, answer, body, Collapsed::Joined)))
    }

    /// Leaves the request to readers that fall behind, as a spare call.
    fn spare(&mut self, answer: &Answer) {
        let (Some(live), Some((inner, mut request))) = (answer.live(), self.own.take()) else {
            return;
        };
        // Another reader may take the call, and each reader holds its own deadline.
        Deadline::share(request.extensions_mut());
        // It is kept for as long as the shared body, which may outlast its caller.
        release_span(request.extensions_mut());
        let call = Oneshot::new(inner, request);
        live.channel().add_spare(Box::new(move || {
            Box::pin(async move {
                let response = call.await.map_err(|_| FellBehind)?;
                let spare = |body| CoalesceBody::passing(CountedBody::new(body, None));
                Ok(response.map(|body| -> BoxBody { Box::pin(spare(body)) }))
            })
        }));
    }
    /// Returns the unshared result to its only caller.
    fn own(common: &Common, mut call: BoxCall, asker: &Asker) -> Step<AnsweredBy<S, ReqB>> {
        let mut answer = match call.0.as_mut().own() {
            Ok((head, whole)) => {
                let body = match whole {
                    Some(whole) => CoalesceBody::whole(whole),
                    None => CoalesceBody::erased(ErasedBody::Own(call)),
                };
                Ok(Response::from_parts(head, body))
            }
            Err(failure) => Err(failure.error().expect(SAME)),
        };
        asker.book_made(common, answer.as_mut().ok());
        Step::Done(answer)
    }

    fn failed(common: &Common, failure: &Failure, asker: &Asker) -> Step<AnsweredBy<S, ReqB>> {
        if asker.leads {
            asker.book_made::<S::Body>(common, None);
        } else {
            common.counters.joined.increment();
            common.counters.errors_shared.increment();
            asker.book_avoided(common, None);
        }
        Step::Done(Err(failure.error().expect(SAME)))
    }
}
