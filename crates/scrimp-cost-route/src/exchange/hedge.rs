//! A second call beside a slow one.

use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::{
    Money, Totals,
    extensions::{Charge, OtherCharges},
};
use tokio::time::Instant;
use tower_service::Service;

use super::{
    attempt::{Attempt, Ended, Missed},
    job::Job,
    look::Look,
    pick::{Picked, trace},
    within::within,
};
use crate::{
    Miss, RequestBody, RouteBody, RouteDecision, Tried,
    bill::Beside,
    config::Shared,
    engine::{Choice, HedgeCost, Reason},
    profile::{Holder, Profile},
    state::State,
    targets::Targets,
};

/// Provider of a second call, and the time after which it is made.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    provider: Arc<str>,
    after: Duration,
}

/// End of a call, or of two beside each other.
pub(super) struct Raced<R: Body, E> {
    pub(super) ended: Ended<R, E>,
    /// The provider of the call that ended last.
    pub(super) provider: Arc<Profile>,
    /// The other call, if both have missed.
    pub(super) other: Option<Loss>,
}

/// Call that has missed beside another one.
pub(super) struct Loss {
    pub(super) provider: Arc<Profile>,
    pub(super) miss: Miss,
    pub(super) paid: Option<Money>,
}

// === impl Job ===

impl Job {
    /// Plans a second call, if one is worth its price.
    pub(super) fn plan(
        &self,
        shared: &Shared,
        state: &State,
        look: &Look,
        choice: &Choice,
    ) -> Option<Plan> {
        self.ask.hedge?;
        let is_plain = matches!(choice.reason, Reason::Best | Reason::Kept);
        let waits = look.barred.wait(choice.index) > 0.0;
        if !is_plain || waits || !self.tried.is_empty() || shared.config.retries.left() == 0 {
            return None;
        }
        let State {
            router, entries, ..
        } = state;
        let cost = |index: usize| {
            let entry = &entries[index];
            let sent = entry.cost_of_sending(&self.usage, self.model_for(entry), look.wall)?;
            Some(HedgeCost {
                whole: self.cost(look, entries, index)?,
                sent,
            })
        };
        let hedge = router.hedge(look.now, &look.ask, choice.index, &look.barred, cost)?;
        Some(Plan {
            provider: Arc::clone(&entries[hedge.index].provider.name),
            after: hedge.after,
        })
    }

    /// Picks the provider of a plan, if it is still up and has room, and there is money.
    fn pick_beside(&self, shared: &Arc<Shared>, first: &Profile, plan: &Plan) -> Option<Picked> {
        let mut state = shared.state.lock();
        let look = self.look(shared, &mut state);
        let (first, second) = (state.find(&first.name)?, state.find(&plan.provider)?);
        if look.barred.is_barred(second) || look.barred.wait(second) > 0.0 {
            return None;
        }
        let cost = self.cost(&look, &state.entries, second);
        let choice = state
            .router
            .beside(look.now, &look.ask, (first, second), cost)?;
        let taken = self.afford(&shared.config, &state.entries, &look, second);
        let reservation = taken.ok()?;
        // A slow provider must not double the calls of the others.
        if !shared.config.retries.withdraw() {
            return None;
        }
        let picked = self.start(shared, &mut state, &look, choice, reservation);
        drop(state);
        trace(&picked.decision);
        Some(picked)
    }
}

/// Makes a call, and after a time a second one beside it. The first answer is taken, and the other
/// call is cancelled.
pub(super) async fn race<S, B, R>(
    (shared, targets): (&Arc<Shared>, Targets<S>),
    job: &Job,
    mut attempt: Attempt<'_>,
    (service, request): (S, Request<RequestBody<B>>),
    plan: Plan,
) -> Raced<R, S::Error>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone,
    B: Body<Data = Bytes>,
    R: Body<Data = Bytes>,
{
    let beside = Beside::new();
    let first_provider = Arc::clone(&attempt.call.provider);
    attempt.call.bill.beside = Some(beside[0].clone());
    let mut first = Box::pin(attempt.run(service, request));
    let alone = |ended| Raced {
        ended,
        provider: Arc::clone(&first_provider),
        other: None,
    };
    let until = Instant::now() + plan.after;
    if let Ok(ended) = within(until, first.as_mut()).await {
        return alone(ended);
    }
    let Some((mut second, request, holder)) = second::<B>(shared, job, &first_provider, &plan)
    else {
        return alone(first.await);
    };
    let second_provider = Arc::clone(&second.call.provider);
    second.call.bill.beside = Some(beside[1].clone());
    let service = targets.get(&second_provider.name);
    let mut second = Box::pin(Attempt::new(shared, job, second, holder).run(service, request));
    let (ended, won) = poll_fn(|cx| {
        if let Poll::Ready(ended) = first.as_mut().poll(cx) {
            return Poll::Ready((ended, 0));
        }
        second.as_mut().poll(cx).map(|ended| (ended, 1))
    })
    .await;
    let providers = [first_provider, second_provider];
    match ended {
        Ended::Good(mut response) => {
            // Cancels the other call, whose cost is known then.
            drop((first, second));
            tell(
                shared,
                &mut response,
                &beside[won],
                &providers[1 - won],
                None,
            );
            Raced {
                ended: Ended::Good(response),
                provider: Arc::clone(&providers[won]),
                other: None,
            }
        }
        Ended::Missed(Missed { miss, paid, last }) => {
            drop(last);
            let mut ended = match won {
                0 => second.await,
                _ => first.await,
            };
            let [missed, provider] = match won {
                0 => providers,
                _ => [1, 0].map(|index: usize| Arc::clone(&providers[index])),
            };
            let other = match &mut ended {
                Ended::Good(response) => {
                    tell(shared, response, &beside[1 - won], &missed, Some(miss));
                    None
                }
                Ended::Missed(_) => Some(Loss {
                    provider: missed,
                    miss,
                    paid,
                }),
            };
            Raced {
                ended,
                provider,
                other,
            }
        }
    }
}

/// Picks the second call, with its request and the holder of its credentials.
fn second<B: Body<Data = Bytes>>(
    shared: &Arc<Shared>,
    job: &Job,
    first: &Profile,
    plan: &Plan,
) -> Option<(Picked, Request<RequestBody<B>>, Holder)> {
    let mut picked = job.pick_beside(shared, first, plan)?;
    let provider = Arc::clone(&picked.call.provider);
    let reads = shared.config.gate.is_some() || picked.call.bill.reads_answers();
    // Only requests whose body is kept are hedged.
    let once = &mut None;
    match job.request(&provider, &mut picked.call.bet, reads, once) {
        Ok((request, holder)) => Some((picked, request, holder)),
        Err(_) => {
            picked.unmake();
            None
        }
    }
}

/// Adds what the other call has cost to what an answer says of its own.
fn tell<R: Body>(
    shared: &Shared,
    response: &mut Response<RouteBody<R>>,
    beside: &Beside,
    other: &Profile,
    missed: Option<Miss>,
) {
    let extensions = response.extensions_mut();
    if let Some(decision) = extensions.get_mut::<RouteDecision>() {
        decision.hedged = Some(Arc::clone(&other.name));
        decision.tried.extend(missed.map(|miss| Tried {
            provider: Arc::clone(&other.name),
            miss,
        }));
        let is_second = decision.reason == Reason::Hedged;
        shared.state.lock().stats.hedges_won += u64::from(is_second);
    }
    let (Some(lost), Some(Charge(charge))) = (beside.lost(), extensions.get_mut::<Charge>()) else {
        return;
    };
    match charge.checked_add(lost) {
        Ok(sum) => *charge = sum,
        // In another currency.
        Err(_) => {
            let others = extensions.get_or_insert_with(|| OtherCharges(Totals::new()));
            others.0.add(lost);
        }
    }
}
