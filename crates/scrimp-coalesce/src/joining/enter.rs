//! The entry of a request: it joins a flight, reuses a response, or is sent on its own.

use std::{
    any::TypeId,
    ops::ControlFlow,
    sync::Arc,
    task::{Context, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::{BoxError, KeyBuf, KeyRef, ShareError};
use scrimp_flight::single_flight::{self, Admission, SharedResult};
use tokio::time::sleep;
use tower_service::Service;

use super::{Joining, Step, Waiting};
use crate::{
    call::Answered,
    key,
    refuse::Refusal,
    response::{Asker, Collapsed, add_age},
    shared::answer::unshare,
    shared::common::Common,
    shared::flight::{Birth, BoxCall, Terms},
    shared::writes::After,
};

/// Reason why a request without a place in a flight is present.
const OWN: &str = "only a member sends its request, and it does not enter again";

impl<S, ReqB, ResB> Joining<S, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    ReqB: Body + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    /// Takes a place in a flight, or returns the next step without one. Continues with true if
    /// the request waits, and with false if its place must be polled.
    pub(super) fn enter(
        &mut self,
        common: &Arc<Common>,
        cx: &Context<'_>,
    ) -> ControlFlow<Step<Answered<ResB, S::Error>>, bool> {
        // The key is written in place: neither it nor the request is moved.
        let mut key = KeyBuf::new();
        let keyed = self.write_key(&mut key, common);
        let (_, request) = self.own.as_ref().expect(OWN);
        if !keyed {
            common.counters.passed.increment();
            return ControlFlow::Break(Step::Pass(After::passed(common, request)));
        }
        let key = key.as_ref();
        let asker = Asker::of(request);
        if let Some(answer) = recent(common, key, &asker, request) {
            return ControlFlow::Break(Step::Done(answer));
        }
        let (member, waits) = match admit::<_, S::Error>(common, key, &asker, request, cx.waker()) {
            Admission::Member { member, waits } => (member, waits),
            Admission::Copy(copy) => {
                let step = self.copied(common, copy, &asker, key.hash_value());
                return ControlFlow::Break(step);
            }
            Admission::Barred => {
                common.counters.barred.increment();
                let after = After::Barred(key.hash_value());
                return ControlFlow::Break(Step::Pass(after));
            }
            Admission::Crowded => {
                return ControlFlow::Break(self.overflow(common, Refusal::TooManyWaiters));
            }
            Admission::Full => {
                return ControlFlow::Break(self.overflow(common, Refusal::TooManyKeys));
            }
        };
        let deadline = match member.attempt() {
            0 => common.config.max_wait.map(|time| Box::pin(sleep(time))),
            _ => None,
        };
        // A timer starts at its first poll.
        let waits = waits && deadline.is_none();
        self.waiting = Some(Waiting {
            member,
            asker,
            deadline,
        });
        ControlFlow::Continue(waits)
    }

    /// Writes the key. Returns false if the request must be sent on its own.
    fn write_key(&mut self, key: &mut KeyBuf, common: &Common) -> bool {
        let config = &common.config;
        let (_, request) = self.own.as_ref().expect(OWN);
        let empty = key::is_bodiless(request);
        let Some(make) = &config.key else {
            return key::write(key, config, request, empty);
        };
        if !key::is_open(config, request, empty) {
            return false;
        }
        let (inner, request) = self.own.take().expect(OWN);
        let (parts, body) = request.into_parts();
        let made = make(&parts);
        let request = Request::from_parts(parts, body);
        if let Some(made) = &made {
            key::wrap(key, &request, made);
        }
        self.own = Some((inner, request));
        made.is_some()
    }
}

/// Returns a response from the window.
fn recent<ReqB, ResB, E: ShareError>(
    common: &Common,
    key: KeyRef<'_>,
    asker: &Asker,
    request: &Request<ReqB>,
) -> Option<Answered<ResB, E>> {
    let recent = common.recent.as_ref()?;
    if !Asker::takes_recent(request) {
        return None;
    }
    let now = common.config.clock.instant();
    let (load, age) = recent.get(key, now, |born| common.holds(born, request))?;
    let mut charge = None;
    let answer = match load.copy()? {
        Err(error) => Err(unshare::<E>(&error)?),
        Ok((answer, body)) => {
            if !answer.answers(request.headers()) {
                return None;
            }
            charge = answer.charge();
            let mut response = asker.deliver(common, &answer, body, Collapsed::Reused);
            add_age(response.headers_mut(), age);
            Ok(response)
        }
    };
    common.counters.reused.increment();
    asker.book_avoided(common, charge);
    Some(answer)
}

fn admit<ReqB, E: 'static>(
    common: &Arc<Common>,
    key: KeyRef<'_>,
    asker: &Asker,
    request: &Request<ReqB>,
    waker: &Waker,
) -> Admission<BoxCall> {
    let config = &common.config;
    let entry = single_flight::Request {
        key,
        max_members: config.max_waiters.saturating_add(1),
        waker,
    };
    let error = TypeId::of::<E>();
    common.table.enter(
        &entry,
        || config.clock.instant(),
        // A repeated write is one write: it does not outdate itself.
        |terms| {
            let holds = !asker.safe || common.holds(terms.born, request);
            holds && terms.error == error
        },
        || Terms {
            common: Arc::clone(common),
            error,
            born: Birth {
                writes: common.marks.now(),
                since: asker.since,
            },
        },
    )
}
