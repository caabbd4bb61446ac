//! How a request comes in: what it may join, or has to do itself.

use std::{
    any::TypeId,
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

use super::{Step, Visit, Waiting};
use crate::{
    answer::{Birth, Terms, unshare},
    call::{Answered, BoxCall},
    common::{Asked, Common},
    deliver::{Asker, Collapsed, add_age},
    key,
    pass::After,
    refuse::Refusal,
};

/// What came of it.
pub(super) enum Begun<T> {
    /// It has a place, and will be woken.
    Waits,
    /// It has a place, and is to be polled there.
    ToPoll,
    Over(Step<T>),
}

impl<S, ReqB, ResB> Visit<S, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    ReqB: Body + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    pub(super) fn begin(
        &mut self,
        common: &Arc<Common>,
        cx: &Context<'_>,
    ) -> Begun<Answered<ResB, S::Error>> {
        // Written where it stays: neither it nor the request is moved for it.
        let mut key = KeyBuf::new();
        let keyed = self.write_key(&mut key, common);
        let Some((_, request)) = &self.own else {
            return Begun::Waits;
        };
        if !keyed {
            common.counters().passed.add();
            return Begun::Over(Step::Pass(After::passed(common, request)));
        }
        let key = key.as_ref();
        let asker = Asker::of(request);
        if let Some(answer) = recent(common, key, &asker, request) {
            return Begun::Over(Step::Done(answer));
        }
        let entry = enter::<_, S::Error>(common, key, &asker, request, cx.waker());
        let (member, begun) = match entry {
            Admission::Member { member, waits } if waits => (member, Begun::Waits),
            Admission::Member { member, .. } => (member, Begun::ToPoll),
            Admission::Copy(copy) => {
                return Begun::Over(self.copied(common, copy, &asker, key.hash_value()));
            }
            Admission::Barred => {
                common.counters().barred.add();
                return Begun::Over(Step::Pass(After::Barred(key.hash_value())));
            }
            Admission::Crowded => {
                return Begun::Over(self.overflow(common, Refusal::TooManyWaiters));
            }
            Admission::Full => return Begun::Over(self.overflow(common, Refusal::TooManyKeys)),
        };
        let deadline = match member.attempt() {
            0 => common.config.max_wait.map(|time| Box::pin(sleep(time))),
            _ => None,
        };
        // A timer runs from when it is polled first.
        let begun = match (begun, &deadline) {
            (Begun::Waits, Some(_)) => Begun::ToPoll,
            (begun, _) => begun,
        };
        self.waiting = Some(Waiting {
            member,
            asker,
            deadline,
        });
        begun
    }

    /// False if the request has to be sent as it is.
    fn write_key(&mut self, key: &mut KeyBuf, common: &Common) -> bool {
        let config = &common.config;
        let Some((_, request)) = &self.own else {
            return true;
        };
        let empty = key::is_bodiless(request);
        let Some(make) = &config.key else {
            return key::write(key, config, request, empty);
        };
        if !key::is_open(config, request, empty) {
            return false;
        }
        let Some((inner, request)) = self.own.take() else {
            return true;
        };
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

/// An answer from the window.
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
    let asked = Asked::by(common, request, asker);
    let now = common.config.clock.instant();
    let (load, age) = recent.get(key, now, |born| common.holds(born, &asked))?;
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
    common.counters().reused.add();
    asker.book_avoided(common, charge);
    Some(answer)
}

fn enter<ReqB, E: 'static>(
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
    let asked = Asked::by(common, request, asker);
    let error = TypeId::of::<E>();
    common.table.enter(
        &entry,
        || config.clock.instant(),
        // A write that comes twice is one write: it is not outdated by itself.
        |terms| {
            let holds = !asker.safe || common.holds(terms.born, &asked);
            holds && terms.error == error
        },
        || Terms {
            common: Arc::clone(common),
            error,
            born: Birth {
                writes: common.state.marks.now(),
                since: asked.since,
            },
        },
    )
}
