//! The tasks that talk to Redis about accounts.

use std::{
    sync::{Arc, LazyLock, Weak},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::{
    Inner, WhenLost,
    account::{Message, Next},
    accounts::{Known, Place},
    milliseconds,
    reply::{LARGEST, Reply},
};
use crate::client::{Failure, Script};

static LEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lease.lua")));

/// Time for a message that no request waits for.
const UNHURRIED: Duration = Duration::from_millis(500);

/// Renews leases, and gives back those that are not used, until the allowance is gone.
pub(super) async fn refresh(inner: Weak<Inner>, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else {
            return;
        };
        let now = Instant::now();
        let due: Vec<Arc<Place>> = {
            let mut accounts = inner.accounts.lock();
            let known = accounts.iter_mut();
            let due = known.filter_map(|Known { account, place }| {
                account.refresh(now, every).then(|| Arc::clone(place))
            });
            due.collect()
        };
        for place in due {
            inner.start_asking(place);
        }
    }
}

/// The one task that asks about an account. Lets another one ask if it ends too early, with its runtime or
/// before it began. Its drop takes the lock of the accounts.
pub(super) struct Asking {
    inner: Arc<Inner>,
    place: Arc<Place>,
    done: bool,
}

// === impl Asking ===

impl Asking {
    pub(super) fn new(inner: &Arc<Inner>, place: Arc<Place>) -> Self {
        Self {
            inner: Arc::clone(inner),
            place,
            done: false,
        }
    }

    pub(super) async fn run(mut self) {
        self.inner.ask(&self.place).await;
        self.done = true;
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.done
            && let Some(known) = self.inner.accounts.lock().get(&self.place.account)
        {
            known.account.failed(Instant::now());
        }
    }
}

// === impl Inner ===

impl Inner {
    /// Asks about an account until it needs nothing any more. One task at a time does for each.
    async fn ask(&self, place: &Place) {
        loop {
            let sent = Instant::now();
            let message = {
                let mut accounts = self.accounts.lock();
                let Some(known) = accounts.get(&place.account) else {
                    break;
                };
                known.account.message(self.config.lease_calls, sent)
            };
            self.counts.calls.increment();
            let reply = self.send(place, &message).await;
            let now = Instant::now();
            if let Ok(reply) = &reply {
                *self.clock.lock() = Some((now, reply.time));
            }
            let next = {
                let mut accounts = self.accounts.lock();
                let Some(known) = accounts.get(&place.account) else {
                    break;
                };
                match &reply {
                    Ok(reply) => {
                        // Its clock may run faster than this one.
                        let until = sent + self.config.lease * 9 / 10;
                        known.account.answered(&message, reply, now, until)
                    }
                    Err(_) => {
                        known.account.failed(now);
                        Next::Done
                    }
                }
            };
            if let Err(error) = &reply {
                self.counts.failed.increment();
                tracing::debug!(%error, "no answer about an allowance");
            }
            match next {
                Next::Ask => {}
                Next::Done => break,
                Next::Wait(time) => {
                    tokio::select! {
                        () = place.bell.notified() => {}
                        () = sleep(time) => {}
                    }
                }
            }
        }
    }

    async fn send(&self, place: &Place, message: &Message) -> Result<Reply, Failure> {
        let mut ready = self.client.admit(&place.keys[0]).ok_or(Failure::Open)?;
        if message.need == 0 {
            ready = ready.within(UNHURRIED);
        }
        let numbers = [
            place.account.limit,
            milliseconds(Some(place.account.began)).into(),
            milliseconds(place.account.ends).into(),
            self.config.lease.as_millis(),
        ];
        let amounts = [
            message.used,
            message.reported,
            message.reserved,
            message.free,
            message.must,
            message.need,
            message.wish,
            self.config.patience.as_millis(),
            u128::from(self.config.when_lost == WhenLost::CountAsUsed),
        ];
        let text = |number: u128| number.min(LARGEST).to_string();
        let (numbers, amounts) = (numbers.map(text), amounts.map(text));
        let new = format!("{:016x}", fastrand::u64(..));
        // An account that was forgotten begins its numbers and amounts anew.
        let process = format!("{}-{}", self.process, place.opened);
        let mut arguments: Vec<&[u8]> = vec![process.as_bytes()];
        arguments.extend(numbers.iter().map(String::as_bytes));
        arguments.extend([new.as_bytes(), message.id.as_bytes()]);
        arguments.extend(amounts.iter().map(String::as_bytes));
        let number = message.number.to_string();
        arguments.extend([self.channel.as_bytes(), place.digest.as_bytes()]);
        arguments.push(number.as_bytes());
        let keys: [&[u8]; 2] = [&place.keys[0], &place.keys[1]];
        let value = LEASE.run(ready, &keys, &arguments).await?;
        Reply::read(&value).ok_or(Failure::TimedOut)
    }
}
