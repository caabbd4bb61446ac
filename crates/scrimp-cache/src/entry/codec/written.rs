//! The inner format: the encoded part of each response.

use std::{
    borrow::Cow,
    sync::{Arc, atomic::AtomicU32},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{StatusCode, Version};
use scrimp_core::{Currency, Money};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{
    Codec, DecodeError, Variants,
    compression::{self, Coded},
    fields::{Field, fields, header_lines, header_map, shape_lines, too_many},
    frame::Frame,
    moment::{Date, Moment, Now, Past},
    policy::WrittenPolicy,
    selection::WrittenSelection,
};
use crate::{
    digest::Digest,
    entry::{Booking, CopiedResponse, Entry, Extras, MOST_NAMES, RefreshFlag},
    invalidation::{
        FORGOTTEN, WITHHELD,
        epoch::{Carried, Stamp, Tag, Validity},
    },
    packed::{StoredFields, WrittenFields},
};

/// The responses under one key, without their bodies.
#[derive(Serialize, Deserialize)]
pub(super) struct Written<'a> {
    key: Digest,
    /// The time of encoding, by the wall clock of the process.
    encoded: Date,
    #[serde(borrow)]
    responses: Vec<Response<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Response<'a> {
    /// Length of the body as it is encoded.
    body_length: u64,
    coding: u8,
    /// Length of the body itself.
    length: u64,
    status: u16,
    version: u8,
    /// The lines of the shape of the header fields, which many responses have in common.
    #[serde(borrow)]
    shape: Cow<'a, [u8]>,
    /// Lines of the shape with a value in `own`.
    lines: u64,
    #[serde(borrow)]
    own: Cow<'a, [u8]>,
    #[serde(borrow)]
    trailers: Option<Vec<Field<'a>>>,
    upstream_status: Option<&'a [u8]>,
    sent: Moment,
    policy: WrittenPolicy,
    #[serde(borrow)]
    selection: WrittenSelection<'a>,
    log: u64,
    fetched_at: u64,
    shared_log: u64,
    shared_at: u64,
    tags: Vec<Tag>,
    versions: Vec<(Tag, u64)>,
    #[serde(borrow)]
    names: Cow<'a, str>,
    #[serde(borrow)]
    booking: Option<WrittenBooking<'a>>,
    recompute_cost: Duration,
}

/// The tenant is that of the key.
#[derive(Serialize, Deserialize)]
struct WrittenBooking<'a> {
    route: &'a str,
    pico: i128,
    #[serde(borrow)]
    currency: Cow<'a, str>,
}

/// Versions of HTTP by their encoded number.
const VERSIONS: [Version; 5] = [
    Version::HTTP_09,
    Version::HTTP_10,
    Version::HTTP_11,
    Version::HTTP_2,
    Version::HTTP_3,
];

// === impl Written ===

impl<'a> Written<'a> {
    pub(super) fn new(
        key: Digest,
        variants: &'a Variants,
        bodies: &[Coded],
        now: Now,
    ) -> Result<Self, DecodeError> {
        let pairs = variants.iter().zip(bodies);
        Ok(Self {
            key,
            encoded: now.date(),
            responses: pairs
                .map(|(entry, body)| Response::new(entry, body, now))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Returns the time of encoding, by the wall clock of the process.
    pub(super) fn encoded(&self) -> Result<SystemTime, DecodeError> {
        self.encoded.get()
    }

    pub(super) fn key(&self) -> &Digest {
        &self.key
    }

    /// Returns what can invalidate each response.
    pub(super) fn carried(&self) -> impl Iterator<Item = Carried> {
        self.responses.iter().map(Response::carried)
    }

    pub(super) fn into_variants(
        self,
        frame: &Frame,
        codec: &Codec,
        tenant: &str,
        now: Now,
    ) -> Result<Variants, DecodeError> {
        let mut entries = SmallVec::<[_; 1]>::new();
        let (mut outdated, mut bodies) = (false, frame.bodies.clone());
        for response in self.responses {
            let length = usize::try_from(response.body_length).unwrap_or(usize::MAX);
            if length > bodies.len() {
                return Err(DecodeError::Damaged("body"));
            }
            let body = bodies.split_to(length);
            let length = response.length;
            let body = compression::decode(response.coding, body, length, codec.max_body)?;
            // Two variants of one moment may share a state: one of them is refreshed later.
            let id = response.sent.id(&self.key);
            match response.into_entry((&frame.head, body), (codec, tenant), id, now) {
                Ok(entry) => entries.push(Arc::new(entry)),
                Err(DecodeError::Outdated) => outdated = true,
                Err(error) => return Err(error),
            }
        }
        match bodies.is_empty() {
            true if outdated && entries.is_empty() => Err(DecodeError::Outdated),
            true => Ok(entries.into_iter().collect()),
            false => Err(DecodeError::Damaged("body")),
        }
    }
}

// === impl Response ===

impl<'a> Response<'a> {
    fn new(entry: &'a Entry, body: &Coded, now: Now) -> Result<Self, DecodeError> {
        let WrittenFields { shape, lines, own } = entry.headers.to_written();
        let shape = postcard::to_allocvec(&fields(shape.into_iter()));
        let stamp = entry.validity.stamp();
        let (log, fetched_at, carried) = entry.validity.parts();
        let version = VERSIONS.iter().position(|&known| known == entry.version);
        Ok(Self {
            body_length: body.bytes.len() as u64,
            coding: body.coding,
            length: entry.body.len() as u64,
            status: entry.status.as_u16(),
            version: version.map_or(2, |index| index as u8),
            shape: shape.map_err(|_| DecodeError::Damaged("fields"))?.into(),
            lines,
            own: Vec::from(own).into(),
            trailers: entry
                .trailers()
                .map(|trailers| fields(header_lines(trailers))),
            upstream_status: entry.upstream_status().map(|said| &**said),
            sent: Moment::new(entry.sent(), now),
            policy: WrittenPolicy::new(&entry.policy, now),
            selection: WrittenSelection::new(&entry.selection),
            log,
            fetched_at,
            shared_log: stamp.log,
            shared_at: stamp.at,
            tags: carried.tags().into_vec(),
            versions: carried.versions().to_vec(),
            names: without_queries(carried).into(),
            booking: entry.booking.as_deref().map(WrittenBooking::new),
            recompute_cost: entry.recompute_cost.get(),
        })
    }

    fn carried(&self) -> Carried {
        Carried::new(&self.tags[..], &self.versions[..], &self.names)
    }

    fn into_entry(
        self,
        (head, body): (&Bytes, Bytes),
        (codec, tenant): (&Codec, &str),
        id: u64,
        now: Now,
    ) -> Result<Entry, DecodeError> {
        let shapes = &codec.shapes;
        let shape = shapes.of(&self.shape, || shape_lines(&self.shape), too_many)?;
        let own = match self.coding {
            // The body has the same memory anyway.
            compression::PLAIN => head.slice_ref(&self.own),
            _ => Bytes::copy_from_slice(&self.own),
        };
        let headers = StoredFields::from_written(shape, self.lines, own)
            .ok_or(DecodeError::Damaged("field value"))?;
        // A hit adds fields of its own.
        if headers.count_names() > MOST_NAMES {
            return Err(too_many());
        }
        let version = VERSIONS.get(usize::from(self.version));
        let carried = Carried::new(self.tags, self.versions, &self.names);
        let stamp = Stamp {
            log: self.shared_log,
            at: self.shared_at,
        };
        let (validity, stale) = match &codec.shared_log {
            Some(log) => log.admit(stamp, carried).ok_or(DecodeError::Outdated)?,
            None => {
                let local = Validity::from_parts(self.log, self.fetched_at, carried);
                (local.stamped(stamp), false)
            }
        };
        let (selection, is_selection_shared) = self.selection.open(&codec.selections)?;
        let trailers = self.trailers.map(header_map);
        let mut policy = self.policy.into_policy(&headers, now)?;
        if stale {
            policy.expire(now.instant());
        }
        Ok(Entry {
            status: StatusCode::from_u16(self.status)
                .map_err(|_| DecodeError::Damaged("status"))?,
            version: *version.ok_or(DecodeError::Damaged("version"))?,
            policy,
            extras: Extras {
                trailers: trailers.transpose()?,
                pieces: headers.pieces(),
                // They have no form in bytes.
                extensions: None,
                upstream_status: self.upstream_status.map(Bytes::copy_from_slice),
            }
            .boxed(),
            is_selection_shared,
            headers,
            body,
            sent: match self.sent.past(now)? {
                Past::At(instant) => instant.into(),
                Past::Ago(time) => now.ago(time).into(),
            },
            selection,
            validity,
            booking: self
                .booking
                .and_then(|booking| booking.open(codec, tenant))
                .map(Box::new),
            recompute_cost: self.recompute_cost.into(),
            refreshing: RefreshFlag::default(),
            copied: Some(Box::new(CopiedResponse::new(&codec.refreshes, id))),
            weighed: AtomicU32::new(0),
        })
    }
}

/// Returns names, one per line, without the queries that they have.
fn without_queries(carried: &Carried) -> String {
    let mut forgets = false;
    let name = |name: Cow<'_, str>| match name.split_once('?') {
        Some((path, _)) => {
            forgets |= carried.is_tag(&name);
            format!("{path}?{WITHHELD}")
        }
        None => name.into_owned(),
    };
    let mut names: Vec<_> = carried.names().map(name).collect();
    if forgets {
        names.push(FORGOTTEN.to_owned());
    }
    names.join("\n")
}

// === impl WrittenBooking ===

impl<'a> WrittenBooking<'a> {
    fn new(booking: &'a Booking) -> Self {
        Self {
            route: booking.account.route(),
            pico: booking.charge.pico(),
            currency: booking.charge.currency().code().to_owned().into(),
        }
    }

    /// Reopens the account, if there is a ledger.
    fn open(self, codec: &Codec, tenant: &str) -> Option<Booking> {
        let currency = Currency::new(&self.currency)?;
        let ledger = codec.ledger.as_ref()?;
        Some(Booking {
            account: ledger.account("cache", tenant, self.route, currency),
            charge: Money::from_pico(self.pico, currency),
        })
    }
}
