//! The log of invalidations that the processes of a fleet share.
//!
//! Each process has a local log, which decides on what it has in memory. The shared log has
//! positions of its own, and decides on what other processes have stored:
//!
//! - A local invalidation is noted here, entered in the local log, and waits in the outbox. It
//!   comes back with its position in the shared log. Until then it counts as later than all
//!   positions.
//! - While the shared log takes no records, local invalidations are passed on besides. Another process
//!   enters them as if they were its own, so that each of them appends them in the end.
//! - An invalidation of another process is marked here with its position, *then* entered in the
//!   local log.
//! - A response that leaves the process carries the position that had been applied here before its
//!   upstream call began.
//! - A response that comes in is watched, the local position is read, *then* the marks are asked. If
//!   nothing it carries was hit since its own position, it becomes an entry as of the local position.
//!
//! The two orders make the way in safe: an invalidation that the marks do not have yet is entered
//! in the local log later, and hits the entry there.

mod marks;
mod outbox;
mod own;
mod record;
mod unlisted;

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use parking_lot::RwLock;

use self::{marks::Marks, outbox::Outbox, own::Own, record::Record, unlisted::Unlisted};
use super::{
    epoch::{Carried, Epoch, Epochs, Stamp, Target, Validity},
    outside::Announce,
    tags::fingerprint,
};

/// The log of invalidations that the processes of a fleet share, as a layer and a
/// [`Codec`](crate::Codec) use it.
///
/// Give it to [`CacheLayerBuilder::shared_log`](crate::CacheLayerBuilder::shared_log), or return it
/// from [`Store::shared_log`](crate::Store::shared_log), and give it to the codec of a store that
/// several processes write to. Then
///
/// - every invalidation of the layer reaches the other processes, and theirs reach the layer;
/// - a response that another process has stored is used if this process knows all invalidations
///   since its upstream call, and none of them hit it. It is an entry like any other then, which
///   may be kept in memory;
/// - while invalidations may be missing, nothing stored is used unless the upstream confirms it.
///   Nothing is lost by that: what was stored before is used again once they are known.
///
/// A log belongs to one layer. It is cheap to clone.
#[derive(Clone)]
pub struct SharedLog(Arc<Inner>);

/// The side of a [`SharedLog`] that a transport drives: it takes local invalidations, and delivers
/// all invalidations in one order.
///
/// A transport gives each record the next position of the log. It delivers the records of all
/// processes, its own too, in the order of their positions, and leaves none out without saying so
/// ([`begin`](Self::begin)). A record may be appended twice, if it is unknown whether it was
/// appended.
pub struct LogReplica(Arc<Inner>);

/// The name of a record in a log: its position, and a random number that only this record has.
///
/// Positions alone do not tell records apart: a server that comes back with older data, or a
/// replica that lags and takes over, gives the same positions again. The number of a log that cannot
/// lose records may be 0 everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordId {
    /// Position, counted from 1. Range: below 2⁴⁸.
    pub at: u64,
    /// Number that tells the record from others that have had its position.
    pub nonce: u64,
}

/// A record of local invalidations, to be appended to the log.
#[derive(Debug, Clone)]
pub struct OutgoingRecord {
    /// Number to give to [`LogReplica::apply`] with this record, once it has its position.
    pub through: u64,
    /// The record: at most 300 KB, and the texts of up to 512 patterns.
    pub bytes: Bytes,
}

/// Error of a record that cannot be read. It counts as an invalidation of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadableRecord;

struct Inner {
    known: RwLock<Known>,
    local: OnceLock<Arc<Epochs>>,
    wake: Box<dyn Fn() + Send + Sync>,
}

/// Number of applied records whose names are remembered. A server that fails loses the last ones.
const RECENT: usize = 1 << 10;

/// Everything that decisions need. It changes in one step.
#[derive(Default)]
struct Known {
    /// The log, and the last record applied.
    now: Stamp,
    /// The stamps of the last records applied, oldest first, without gaps.
    recent: VecDeque<u64>,
    marks: Marks,
    /// Flag that the log is complete up to its last position.
    complete: bool,
    outbox: Outbox,
    own: Own,
    /// Invalidations passed on beside the log, while it takes no records.
    unlisted: Option<Unlisted>,
}

// === impl SharedLog ===

impl SharedLog {
    /// Returns a log, and the side of it that a transport drives.
    ///
    /// `wake` is called when a record waits to be [taken](LogReplica::take). It must return at once.
    /// Nothing stored is used until the transport says that the log is [complete](LogReplica::set_complete).
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> (Self, LogReplica) {
        let inner = Arc::new(Inner {
            known: RwLock::default(),
            local: OnceLock::new(),
            wake: Box::new(wake),
        });
        (Self(Arc::clone(&inner)), LogReplica(inner))
    }

    /// Connects the local log of a layer. A second layer uses nothing that is stored.
    pub(crate) fn connect(&self, epochs: &Arc<Epochs>) {
        let known = self.0.known.write();
        if self.0.local.set(Arc::clone(epochs)).is_err() {
            tracing::error!("a shared log belongs to one layer; this one will use nothing stored");
            epochs.set_doubtful(true);
            return;
        }
        epochs.share(Box::new(self.clone()));
        let has_begun = known.now.log != 0;
        drop(known);
        if has_begun {
            // What was applied until now has not reached the local log, and a journal may have
            // brought back responses that it hit.
            epochs.follow(Target::Everything, false);
        }
        // Under the lock, so that a transport that changes it now has the last word.
        let known = self.0.known.write();
        epochs.set_doubtful(!known.complete);
    }

    /// Reports whether all local invalidations have positions in the shared log, so that other
    /// processes get to know of them even if this one ends.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.0.known.read().own.is_settled()
    }

    /// Reports whether a response in the memory of this process was hit.
    pub(crate) fn has_hit(&self, entry: &Validity) -> bool {
        let local = self.0.local.get();
        local.is_some_and(|local| local.check(entry) == Epoch::Gone)
    }

    /// Turns a response of another process into an entry as of now. Returns whether it is stale.
    /// `None` if it was hit, or if that is unknown.
    pub(crate) fn admit(&self, stamp: Stamp, mut carried: Carried) -> Option<(Validity, bool)> {
        let local = self.0.local.get()?;
        local.watch(&mut carried);
        let at = local.now();
        let epoch = self.0.known.read().epoch(stamp, &carried);
        let validity = Validity::new(at, carried).stamped(stamp);
        (epoch < Epoch::Doubtful).then_some((validity, epoch == Epoch::Stale))
    }
}

impl Announce for SharedLog {
    fn announce(&self, target: &Target, soft: bool) {
        let mut known = self.0.known.write();
        known.own.add(target.clone(), soft);
        known.outbox.add(target, soft);
        if let Some(unlisted) = &mut known.unlisted {
            unlisted.add(target, soft);
        }
        drop(known);
        (self.0.wake)();
    }

    fn stamp(&self) -> Stamp {
        self.0.known.read().now
    }
}

impl fmt::Debug for SharedLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe("SharedLog", f)
    }
}

// === impl LogReplica ===

impl LogReplica {
    /// Returns the shared log that it drives.
    #[must_use]
    pub fn shared(&self) -> SharedLog {
        SharedLog(Arc::clone(&self.0))
    }

    /// Takes the next record to append. `None` if none waits.
    ///
    /// Call it until there is none. It is the transport that keeps a record from now on, until it
    /// was applied.
    #[must_use]
    pub fn take(&self) -> Option<OutgoingRecord> {
        let mut known = self.0.known.write();
        if known.outbox.is_empty() {
            return None;
        }
        let bytes = known.outbox.take().encode();
        if known.outbox.is_empty() {
            known.own.taken = known.own.last;
        }
        let through = known.own.taken;
        Some(OutgoingRecord { through, bytes })
    }

    /// Begins a log, or goes on with it after records were missed: those up to `last` are
    /// unknown, and everything stored earlier counts as hit.
    ///
    /// `log` identifies the log. Positions of two logs have nothing to do with each other.
    pub fn begin(&self, log: u64, last: RecordId) {
        // Builds that hash in different ways do not use each other's responses.
        let log = (log.rotate_left(32) ^ fingerprint()).max(1);
        let mut known = self.0.known.write();
        if known.now.log != log {
            known.marks = Marks::default();
        }
        known.marks.begin_at(last.at);
        known.recent.clear();
        let at = last.stamp();
        if last.nonce != 0 {
            // A server that came back with older data may give its position to another record.
            known.recent.push_back(at);
        }
        known.now = Stamp { log, at };
        drop(known);
        self.follow(Record::everything());
    }

    /// Applies a record with its name. If it is one of this process, `own` is the number that
    /// was [taken](Self::take) with it.
    ///
    /// # Errors
    ///
    /// If the record is damaged, or of another version. It counts as an invalidation of everything.
    pub fn apply(
        &self,
        id: RecordId,
        record: &[u8],
        own: Option<u64>,
    ) -> Result<(), UnreadableRecord> {
        let read = Record::decode(record);
        let outcome = read.as_ref().map(|_| ()).ok_or(UnreadableRecord);
        let record = read.unwrap_or_else(Record::everything);
        let targets: Vec<_> = record.targets().collect();
        let mut known = self.0.known.write();
        for (target, soft) in targets.clone() {
            known.marks.apply(id.at, target, soft);
        }
        known.advance(id);
        if let Some(through) = own {
            known.own.place(through);
        }
        drop(known);
        // This comes second: see the module. An own record is in the local log since it was made.
        if own.is_none() || outcome.is_err() {
            self.enter(targets);
        }
        outcome
    }

    /// Sets whether all records up to now are applied, as far as can be known. If not, nothing stored
    /// is used unless the upstream confirms it.
    pub fn set_complete(&self, complete: bool) {
        let mut known = self.0.known.write();
        known.complete = complete;
        if let Some(local) = self.0.local.get() {
            local.set_doubtful(!complete);
        }
    }

    fn follow(&self, record: Record) {
        self.enter(record.targets());
    }

    /// Enters invalidations of other processes in the local log.
    fn enter(&self, targets: impl IntoIterator<Item = (Target, bool)>) {
        if let Some(local) = self.0.local.get() {
            for (target, soft) in targets {
                local.follow(target, soft);
            }
        }
    }
}

impl fmt::Debug for LogReplica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe("LogReplica", f)
    }
}

// === impl Inner ===

impl Inner {
    /// Describes the state. Targets may hold credentials, and are not written.
    fn describe(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known.read();
        f.debug_struct(name)
            .field("position", &position(known.now.at))
            .field("complete", &known.complete)
            .finish_non_exhaustive()
    }
}

// === impl Known ===

impl Known {
    fn epoch(&self, stamp: Stamp, carried: &Carried) -> Epoch {
        let at = position(stamp.at);
        if stamp.log == 0 || stamp.log != self.now.log || !self.has(stamp.at) {
            return Epoch::Gone;
        }
        self.own.epoch(carried).max(self.marks.epoch(carried, at))
    }

    /// Notes that a record is applied.
    fn advance(&mut self, id: RecordId) {
        if id.at != position(self.now.at) + 1 {
            self.recent.clear();
        }
        self.now.at = id.stamp();
        self.recent.push_back(self.now.at);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// Reports whether the log has this record, as far as is known. A response may carry a later one
    /// than was applied here, or one that the log has lost.
    fn has(&self, stamp: u64) -> bool {
        let back = position(self.now.at).checked_sub(position(stamp));
        back.is_some_and(|back| {
            let last = self.recent.len().checked_sub(1);
            let place = last.and_then(|last| last.checked_sub(usize::try_from(back).ok()?));
            place.is_none_or(|place| self.recent[place] == stamp)
        })
    }
}

// === impl RecordId ===

impl RecordId {
    /// Bits of a stamp that tell records with one position apart.
    const NAME: u32 = 16;

    /// Returns the form in which responses carry it, in 8 bytes: the position, and a part of the number.
    fn stamp(self) -> u64 {
        self.at << Self::NAME | self.nonce & ((1 << Self::NAME) - 1)
    }
}

/// Returns the position in a stamp.
fn position(stamp: u64) -> u64 {
    stamp >> RecordId::NAME
}

// === impl UnreadableRecord ===

impl fmt::Display for UnreadableRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an invalidation of another process cannot be read; everything is invalid")
    }
}

impl std::error::Error for UnreadableRecord {}

#[cfg(test)]
mod tests;
