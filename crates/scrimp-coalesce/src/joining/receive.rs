//! The exit of a request: it receives its response from a flight.

use std::{any::Any, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::{BoxError, ShareError};
use scrimp_flight::single_flight::Outcome;
use tower::util::Oneshot;
use tower_service::Service;

use super::{Joining, Step, Waiting, refuse};
use crate::{
    body::Boxed,
    call::Answered,
    config::SlowReader,
    refuse::Refusal,
    response::{Asker, Collapsed},
    shared::answer::{Answer, Copied, Failure, Load, unshare},
    shared::body::SharedBody,
    shared::common::Common,
    shared::flight::BoxCall,
    shared::live::{BoxBody, FellBehind},
    shared::writes::After,
};

impl<S, ReqB, ResB> Joining<S, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    ReqB: Body + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    /// Turns an outcome, or `None` after the deadline, into the next step. Returns `None` if the
    /// request starts again.
    pub(super) fn receive(
        &mut self,
        common: &Common,
        outcome: Option<Outcome<BoxCall>>,
    ) -> Option<Step<Answered<ResB, S::Error>>> {
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
                Some(Load::Error(error)) => return Some(failed(common, error, &asker)),
                None => {}
            },
            Some(Outcome::Own(call)) => return Some(Step::Done(own(common, call, &asker))),
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
    ) -> Step<Answered<ResB, S::Error>> {
        match copy {
            Ok((answer, body)) => self.hand_over(common, &answer, body, asker, hash),
            Err(error) => failed(common, &error, asker),
        }
    }

    fn hand_over(
        &mut self,
        common: &Common,
        answer: &Arc<Answer>,
        body: SharedBody,
        asker: &Asker,
        hash: u64,
    ) -> Step<Answered<ResB, S::Error>> {
        if asker.leads {
            let response = asker.deliver(common, answer, body, Collapsed::Led);
            asker.book_made(common, Some(&response));
            return Step::Done(Ok(response));
        }
        let Some((_, request)) = &self.own else {
            return refuse(common, Refusal::FellBehind);
        };
        let counters = &common.counters;
        if !answer.answers(request.headers()) {
            drop(body);
            common.bar(hash, "vary");
            counters.released.increment();
            return Step::Pass(After::Nothing);
        }
        counters.joined.increment();
        if common.config.slow_reader == SlowReader::OwnCall {
            self.spare(answer);
        }
        asker.book_avoided(common, answer.charge());
        Step::Done(Ok(asker.deliver(common, answer, body, Collapsed::Joined)))
    }

    /// Leaves the request to readers that fall behind, as a spare call.
    fn spare(&mut self, answer: &Answer) {
        let (Some(live), Some((inner, request))) = (answer.live(), self.own.take()) else {
            return;
        };
        let call = Oneshot::new(inner, request);
        live.channel().add_spare(Box::new(move || {
            Box::pin(async move {
                let response = call.await.map_err(|_| FellBehind)?;
                Ok(response.map(|body| -> BoxBody { Box::pin(Boxed::new(body)) }))
            })
        }));
    }
}

/// Returns the unshared result to its only caller.
fn own<ResB: 'static, E: 'static>(
    common: &Common,
    mut call: BoxCall,
    asker: &Asker,
) -> Answered<ResB, E> {
    let mut answer: Option<Answered<ResB, E>> = None;
    let place: &mut dyn Any = &mut answer;
    call.0.as_mut().own(place);
    let answer = answer.expect("the call was made with the types of this future");
    asker.book_made(common, answer.as_ref().ok());
    answer
}

fn failed<ResB, E: ShareError>(
    common: &Common,
    error: &Failure,
    asker: &Asker,
) -> Step<Answered<ResB, E>> {
    if asker.leads {
        asker.book_made::<ResB>(common, None);
    } else {
        common.counters.joined.increment();
        common.counters.errors_shared.increment();
        asker.book_avoided(common, None);
    }
    let error = unshare(error).expect("callers of one flight have one type of error");
    Step::Done(Err(error))
}
