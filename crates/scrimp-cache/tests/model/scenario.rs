//! Threads that fetch, write and read one resource through the log of invalidations.
//!
//! A fetch acts as the layer does: it notes the log's position, gets the current value of the
//! origin, and stores it if the log allows it. A write changes the value at the origin and then
//! appends an invalidation. The property: once an append has returned, no later read returns an
//! older value.

use std::sync::Arc;

use crate::{
    epoch::{CallStart, Carried, Epoch, Epochs, Tag, Target, Validity},
    log::TagList,
    pattern::Pattern,
    sync::{AtomicU64, Ordering, RwLock, thread},
};

/// Kinds of invalidation by a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    Tag,
    SoftTag,
    Version,
    Glob,
    Everything,
    SoftEverything,
    /// A tag, among enough other tags that the log forgets it.
    Forgotten,
    /// The write itself, through the cache.
    Write,
    /// A write whose response does not come.
    CancelledWrite,
    /// A write, where every response is stored as a copy that is not in memory.
    #[cfg(feature = "codec")]
    WriteToCopy,
    /// All the hard kinds in turn.
    Mixed,
}

/// The point at which a fetch notes the log's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Born {
    BeforeTheCall,
    /// A wrong point, to show that the models would notice.
    AfterTheCall,
}

/// The parallel threads: the number of each kind, and their number of turns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) means: Means,
    pub(crate) born: Born,
    pub(crate) fetchers: usize,
    pub(crate) writers: usize,
    pub(crate) readers: usize,
    pub(crate) turns: u64,
}

/// The action of a thread in each turn.
type Act = fn(&World);

struct World {
    scenario: Scenario,
    epochs: Epochs,
    /// The value at the origin.
    origin: AtomicU64,
    /// The newest value whose invalidation has returned.
    told: AtomicU64,
    slot: RwLock<Option<Arc<Stored>>>,
}

struct Stored {
    validity: Validity,
    value: u64,
}

const TAG: Tag = Tag(8);
const NAME: &str = "thing";

/// The tag of the resource's URI, by its lowest bits.
const URI: Tag = Tag(5);

/// Number of tags that the log holds individually in the scenario that makes it forget.
const FEW_MARKS: usize = 2;

// === impl Scenario ===

impl Scenario {
    /// Runs all threads to their end. Call it inside a model.
    pub(crate) fn run(self) {
        let marks = match self.means {
            Means::Forgotten => FEW_MARKS,
            _ => usize::MAX,
        };
        let world = Arc::new(World {
            scenario: self,
            epochs: Epochs::new(marks),
            origin: AtomicU64::new(0),
            told: AtomicU64::new(0),
            slot: RwLock::default(),
        });
        let roles: [(usize, Act); 3] = [
            (self.fetchers, World::fetch),
            (self.writers, World::write),
            (self.readers, World::read),
        ];
        let threads: Vec<_> = roles
            .into_iter()
            .flat_map(|(count, act)| std::iter::repeat_n(act, count))
            .map(|act| {
                let world = Arc::clone(&world);
                thread::spawn(move || (0..self.turns).for_each(|_| act(&world)))
            })
            .collect();
        for thread in threads {
            thread.join().expect("a panic ends the schedule");
        }
        world.read();
        // The log must not be safe by refusing everything.
        world.fetch();
        assert_eq!(world.read_epoch(), Some(Epoch::Valid), "{self:?}");
    }
}

// === impl World ===

impl World {
    fn fetch(&self) {
        let before = self.epochs.begin(URI);
        let value = self.origin.load(Ordering::SeqCst);
        let born = match self.scenario.born {
            Born::BeforeTheCall => before,
            Born::AfterTheCall => self.epochs.begin(URI),
        };
        let validity = self.copied(Validity::of_call(&born, self.carried(value)));
        drop::<CallStart>(born);
        let stored = Arc::new(Stored { validity, value });
        // The store asks under its lock for the key, as a put must.
        let mut slot = self.slot.write();
        if self.epochs.check(&stored.validity) != Epoch::Gone {
            *slot = Some(stored);
        }
    }

    fn write(&self) {
        let value = self.origin.fetch_add(1, Ordering::SeqCst) + 1;
        let tag = || Target::tag(TAG);
        let (hit, soft) = match self.scenario.means {
            Means::Tag | Means::Forgotten => (tag(), false),
            Means::SoftTag => (tag(), true),
            Means::Version => (Target::Version(TAG, value), false),
            Means::Glob => (Target::Glob(Pattern(NAME)), false),
            Means::Everything => (Target::Everything, false),
            Means::SoftEverything => (Target::Everything, true),
            Means::Write | Means::CancelledWrite => {
                let soft = self.scenario.means == Means::CancelledWrite;
                self.epochs.written(TagList::from_iter([URI]), soft);
                self.told.fetch_max(value, Ordering::AcqRel);
                return;
            }
            #[cfg(feature = "codec")]
            Means::WriteToCopy => {
                self.epochs.written(TagList::from_iter([URI]), false);
                self.told.fetch_max(value, Ordering::AcqRel);
                return;
            }
            Means::Mixed => match value % 4 {
                0 => (tag(), false),
                1 => (Target::Glob(Pattern(NAME)), false),
                2 => (Target::Everything, false),
                _ => (Target::Version(TAG, value), false),
            },
        };
        self.epochs.append(hit, soft);
        self.told.fetch_max(value, Ordering::AcqRel);
        if self.scenario.means == Means::Forgotten {
            for other in 0..=FEW_MARKS as u64 {
                let other = Tag(100 + other);
                self.epochs.append(Target::tag(other), false);
            }
        }
    }

    fn read(&self) {
        self.read_epoch();
    }

    /// Reads as a request does. Returns the log's answer on the stored value.
    fn read_epoch(&self) -> Option<Epoch> {
        let told = self.told.load(Ordering::Acquire);
        let stored = self.slot.read().clone()?;
        let epoch = self.epochs.check(&stored.validity);
        if epoch == Epoch::Valid {
            let value = stored.value;
            assert!(
                value >= told,
                "value {value} was given out after the invalidation of {told} had returned: {:?}",
                self.scenario
            );
        }
        Some(epoch)
    }

    /// Returns the validity of what is stored: in one scenario, of a copy that watches nothing.
    fn copied(&self, validity: Validity) -> Validity {
        #[cfg(feature = "codec")]
        if self.scenario.means == Means::WriteToCopy {
            validity.cover();
            let (log, fetched_at, carried) = validity.parts();
            return Validity::from_parts(log, fetched_at, carried.unwatched());
        }
        validity
    }

    fn carried(&self, value: u64) -> Carried {
        let versions: Box<[_]> = match self.scenario.means {
            Means::Version | Means::Mixed => [(TAG, value)].into(),
            _ => Box::default(),
        };
        Carried::new([Tag(4), TAG, URI], versions, NAME)
    }
}
