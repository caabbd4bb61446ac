//! Quotas of all accounts.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use hashlink::LruCache;
use scrimp_http::rate_limit::{QuotaStates, QuotaUnit};
use tokio::time::Instant;

use super::{
    bucket::{Bucket, Marks, Room},
    need::Need,
};

/// Pairs of an account and a model whose quotas are remembered, at most.
const MOST: usize = 1_024;

/// Quotas of all accounts: those that settings state, and those that responses state, which are of one
/// model each.
///
/// Clients can name any number of models, so the table is bounded; the pair that was used least recently
/// goes first, and is learned again from the next response.
#[derive(Debug)]
pub(crate) struct Quotas {
    start: Instant,
    /// By number of the account.
    stated: Vec<Option<Bucket>>,
    learned: LruCache<u64, Learned>,
    /// Keyed at random, so that no client can choose names that collide.
    hasher: RandomState,
    made: u64,
}

/// Quotas of a model that an account's responses have stated.
#[derive(Debug)]
struct Learned {
    account: u32,
    model: Box<str>,
    /// Number that distinguishes it from one before that was forgotten.
    made: u64,
    bucket: Bucket,
}

/// Part of an account's quotas that a call has taken.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    account: u32,
    need: Need,
    /// The learned quotas that it was taken from: their place, number, and points.
    learned: Option<(u64, u64, Marks)>,
}

/// State of a quota, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QuotaFigures {
    pub(crate) account: u32,
    /// The model that it is of. Empty if it is of requests that name none. `None` if settings state it.
    pub(crate) model: Option<Box<str>>,
    pub(crate) unit: QuotaUnit,
    /// The whole quota. Infinite if it is not known.
    pub(crate) limit: f64,
    pub(crate) left: f64,
}

// === impl Taken ===

impl Taken {
    /// Returns the account that it was taken from.
    pub(crate) fn account(&self) -> u32 {
        self.account
    }

    /// Reports whether quotas that responses state were known.
    pub(crate) fn is_learned(&self) -> bool {
        self.learned.is_some()
    }
}

// === impl Quotas ===

impl Quotas {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            stated: Vec::new(),
            learned: LruCache::new(MOST),
            hasher: RandomState::new(),
            made: 0,
        }
    }

    /// Sets the limits per minute of an account.
    pub(crate) fn set_limits(
        &mut self,
        now: Instant,
        account: u32,
        requests: Option<f64>,
        tokens: Option<f64>,
    ) {
        let now = self.seconds(now);
        let index = account as usize;
        if self.stated.len() <= index {
            self.stated.resize(index + 1, None);
        }
        let place = &mut self.stated[index];
        if requests.is_none() && tokens.is_none() {
            *place = None;
        } else {
            let bucket = place.get_or_insert_with(Bucket::default);
            bucket.set_limits(requests, tokens, now);
        }
    }

    /// Reports whether no quota is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.learned.is_empty() && self.stated.iter().all(Option::is_none)
    }

    /// Reports whether room depends on the model that a request names.
    pub(crate) fn is_by_model(&self) -> bool {
        !self.learned.is_empty()
    }

    fn seconds(&self, now: Instant) -> f64 {
        now.saturating_duration_since(self.start).as_secs_f64()
    }

    fn key(&self, account: u32, model: Option<&str>) -> u64 {
        self.hasher.hash_one((account, model.unwrap_or_default()))
    }

    /// Returns the room for a request in the quotas of an account.
    pub(crate) fn room(
        &mut self,
        now: Instant,
        account: u32,
        model: Option<&str>,
        need: &Need,
    ) -> Room {
        let now = self.seconds(now);
        let mut room = Room::Now;
        if let Some(bucket) = self.stated(account) {
            room = room.and(bucket.room(now, need));
        }
        if self.is_by_model() {
            let key = self.key(account, model);
            if let Some(learned) = self.learned.get_mut(&key) {
                room = room.and(learned.bucket.room(now, need));
            }
        }
        room
    }

    /// Takes the part of a call that is sent after some seconds.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        account: u32,
        model: Option<&str>,
        need: Need,
        wait: Duration,
    ) -> Taken {
        let now = self.seconds(now);
        let sent = now + wait.as_secs_f64();
        if let Some(bucket) = self.stated(account) {
            bucket.take(now, &need, sent);
        }
        let mut taken = Taken {
            account,
            need,
            learned: None,
        };
        if self.is_by_model() {
            let key = self.key(account, model);
            if let Some(learned) = self.learned.get_mut(&key) {
                let marks = learned.bucket.take(now, &need, sent);
                taken.learned = Some((key, learned.made, marks));
            }
        }
        taken
    }

    /// Returns the seconds until a call that waits may be sent: more than it was told, if its turn has
    /// moved.
    pub(crate) fn rest(&mut self, now: Instant, taken: &Taken) -> f64 {
        let now = self.seconds(now);
        match &taken.learned {
            Some((key, made, marks)) => match self.learned.get_mut(key) {
                Some(learned) if learned.made == *made => learned.bucket.rest(now, marks),
                _ => 0.0,
            },
            None => 0.0,
        }
    }

    /// Notes that a call that has waited is sent.
    pub(crate) fn sent(&self, now: Instant, taken: &mut Taken) {
        let now = self.seconds(now);
        if let Some((_, _, marks)) = &mut taken.learned {
            marks.iter_mut().flatten().for_each(|mark| mark.sent = now);
        }
    }

    /// Returns the part of a call that was not sent.
    pub(crate) fn give_back(&mut self, now: Instant, taken: &Taken) {
        let now = self.seconds(now);
        if let Some(bucket) = self.stated(taken.account) {
            bucket.give_back(now, &taken.need);
        }
        if let Some((key, made, _)) = taken.learned
            && let Some(learned) = self.learned.get_mut(&key)
            && learned.made == made
        {
            learned.bucket.give_back(now, &taken.need);
        }
    }

    /// Corrects the part of a call by what it has used. Quotas that responses state are corrected by
    /// them.
    pub(crate) fn settle(&mut self, now: Instant, taken: &Taken, used: &Need) {
        let now = self.seconds(now);
        if let Some(bucket) = self.stated(taken.account) {
            bucket.settle(now, &taken.need, used);
        }
    }

    /// Learns what a response states. `others` is the number of the account's other calls under way.
    pub(crate) fn learn(
        &mut self,
        now: Instant,
        model: Option<&str>,
        taken: &Taken,
        states: &QuotaStates,
        others: usize,
    ) {
        let seconds = self.seconds(now);
        let others = u32::try_from(others).map_or(f64::MAX, f64::from);
        let learned = self.learned(taken.account, model);
        let marks = match &taken.learned {
            Some((_, made, marks)) if *made == learned.made => Some(marks),
            _ => None,
        };
        let bucket = &mut learned.bucket;
        bucket.learn(seconds, states, marks, (&taken.need, others));
    }

    /// Bars an account after a 429, for the time that it asks for. `is_told` is true if the response
    /// states what is left.
    pub(crate) fn refused(
        &mut self,
        now: Instant,
        model: Option<&str>,
        taken: &Taken,
        asked: Option<Duration>,
        is_told: bool,
    ) {
        let seconds = self.seconds(now);
        let asked = asked.map(|wait| wait.as_secs_f64());
        let bucket = &mut self.learned(taken.account, model).bucket;
        bucket.refused(seconds, &taken.need, asked, is_told);
    }

    /// Learns that a call of an account was let through.
    pub(crate) fn admitted(&mut self, taken: &Taken) {
        if let Some((key, ..)) = &taken.learned
            && let Some(learned) = self.learned.get_mut(key)
        {
            learned.bucket.admitted();
        }
    }

    /// Returns what is known.
    pub(crate) fn figures(&self, now: Instant) -> Vec<QuotaFigures> {
        let now = self.seconds(now);
        let of = |account: u32, model: Option<&Box<str>>, bucket: &Bucket| {
            let model = model.cloned();
            let each = bucket.read(now);
            let each = each.map(move |(unit, limit, left)| QuotaFigures {
                account,
                model: model.clone(),
                unit,
                limit,
                left,
            });
            each.collect::<Vec<_>>()
        };
        let mut figures = Vec::new();
        for (account, bucket) in (0..).zip(&self.stated) {
            if let Some(bucket) = bucket {
                figures.extend(of(account, None, bucket));
            }
        }
        for (_, learned) in &self.learned {
            figures.extend(of(learned.account, Some(&learned.model), &learned.bucket));
        }
        figures
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.learned.len()
    }

    fn stated(&mut self, account: u32) -> Option<&mut Bucket> {
        self.stated.get_mut(account as usize)?.as_mut()
    }

    fn learned(&mut self, account: u32, model: Option<&str>) -> &mut Learned {
        let key = self.key(account, model);
        if !self.learned.contains_key(&key) {
            self.made += 1;
            let learned = Learned {
                account,
                model: model.unwrap_or_default().into(),
                made: self.made,
                bucket: Bucket::default(),
            };
            self.learned.insert(key, learned);
        }
        self.learned.get_mut(&key).expect("it is there")
    }
}
