//! The inner format: the encoded part of each response, as it is read.

use std::sync::{Arc, atomic::AtomicU32};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use scrimp_core::{Currency, KeyRef, Money};
use smallvec::SmallVec;

use super::{
    Codec, DecodeError, Erasure, Variants, compression,
    fields::{header_map, shape_lines, too_many},
    frame::Frame,
    layout::Reader,
    moment::{Encoded, Now},
    policy::WrittenPolicy,
    selection::WrittenSelection,
};
use crate::{
    digest::Digest,
    entry::{Booking, CopiedResponse, Entry, Extras, MOST_NAMES, RefreshFlag},
    invalidation::epoch::{Carried, Stamp, Tag, Validity},
    packed::StoredFields,
    policy::judge::Micros,
};

/// The responses under one key, without their bodies.
pub(super) struct Written<'a> {
    key: &'a Digest,
    encoded: Encoded,
    count: u32,
    responses: Reader<'a>,
}

/// A response that was read. Parts that few responses have are marked by flags.
struct Response<'a> {
    /// Length of the body as it is encoded.
    body_length: u64,
    coding: u8,
    /// Length of the body itself.
    length: u64,
    status: u16,
    version: u8,
    /// The lines of the shape of the header fields, which many responses have in common.
    shape: &'a [u8],
    /// Lines of the shape with a value in `own`.
    lines: u64,
    own: &'a [u8],
    trailers: Option<&'a [u8]>,
    upstream_status: Option<&'a [u8]>,
    sent: i64,
    policy: WrittenPolicy,
    selection: WrittenSelection<'a>,
    log: u64,
    fetched_at: u64,
    stamp: Stamp,
    tags: &'a [[u8; 8]],
    versions: &'a [[u8; 16]],
    names: &'a str,
    booking: Option<WrittenBooking<'a>>,
    recompute_cost: u32,
}

/// The tenant is that of the key.
struct WrittenBooking<'a> {
    route: &'a str,
    pico: i128,
    currency: &'a str,
}

/// Flags of the parts that few responses have.
pub(super) const TRAILERS: u8 = 1;
pub(super) const UPSTREAM_STATUS: u8 = 1 << 1;
pub(super) const BOOKING: u8 = 1 << 2;

/// Versions of HTTP by their encoded number.
pub(super) const VERSIONS: [Version; 5] = [
    Version::HTTP_09,
    Version::HTTP_10,
    Version::HTTP_11,
    Version::HTTP_2,
    Version::HTTP_3,
];

// === impl Written ===

impl<'a> Written<'a> {
    pub(super) fn read(head: &'a [u8]) -> Result<Self, DecodeError> {
        let mut responses = Reader::new(head);
        Ok(Self {
            key: responses.chunk()?,
            encoded: Encoded::read(&mut responses)?,
            count: responses.u32()?,
            responses,
        })
    }

    /// Returns the time of encoding.
    pub(super) fn encoded(&self) -> Encoded {
        self.encoded
    }

    pub(super) fn key(&self) -> &Digest {
        self.key
    }

    /// Reports whether an erasure selects one of the responses.
    pub(super) fn select_by(mut self, erasure: &Erasure) -> Result<bool, DecodeError> {
        let mut selected = false;
        for _ in 0..self.count {
            let response = Response::read(&mut self.responses)?;
            selected |= erasure.hits(&response.carried());
        }
        Ok(selected)
    }

    pub(super) fn into_variants(
        mut self,
        frame: &'a Frame<'_>,
        codec: &Codec,
        key: KeyRef<'_>,
        now: Now,
    ) -> Result<Variants, DecodeError> {
        let mut entries = SmallVec::<[_; 1]>::new();
        let (mut outdated, mut bodies) = (false, frame.bodies());
        for _ in 0..self.count {
            let response = Response::read(&mut self.responses)?;
            let length = usize::try_from(response.body_length).unwrap_or(usize::MAX);
            let split = bodies.split_at_checked(length);
            let (body, rest) = split.ok_or(DecodeError::Damaged("body"))?;
            bodies = rest;
            let length = response.length;
            let body =
                compression::decode(response.coding, frame.part(body), length, codec.max_body)?;
            // Two variants of one moment may share a state: one of them is refreshed later.
            let id = self.encoded.id(response.sent, self.key);
            match response.into_entry((frame, body), (codec, key), (self.encoded, now), id) {
                Ok(entry) => entries.push(Arc::new(entry)),
                Err(DecodeError::Outdated) => outdated = true,
                Err(error) => return Err(error),
            }
        }
        match (bodies.is_empty(), self.responses.is_at_end()) {
            (true, true) if outdated && entries.is_empty() => Err(DecodeError::Outdated),
            (true, true) => Ok(entries.into_iter().collect()),
            (true, false) => Err(DecodeError::Damaged("head")),
            (false, _) => Err(DecodeError::Damaged("body")),
        }
    }
}

// === impl Response ===

impl<'a> Response<'a> {
    #[inline]
    fn read(bytes: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (body_length, length, status) = (bytes.u64()?, bytes.u64()?, bytes.u16()?);
        let [coding, version, parts] = *bytes.chunk()?;
        let has = |part| parts & part != 0;
        Ok(Self {
            body_length,
            coding,
            length,
            status,
            version,
            sent: bytes.i64()?,
            recompute_cost: bytes.u32()?,
            policy: WrittenPolicy::read(bytes)?,
            shape: bytes.text()?,
            lines: bytes.u64()?,
            own: bytes.text()?,
            selection: WrittenSelection::read(bytes)?,
            log: bytes.u64()?,
            fetched_at: bytes.u64()?,
            stamp: Stamp {
                log: bytes.u64()?,
                at: bytes.u64()?,
            },
            tags: bytes.chunks()?,
            versions: bytes.chunks()?,
            names: bytes.str()?,
            trailers: has(TRAILERS).then(|| bytes.text()).transpose()?,
            upstream_status: has(UPSTREAM_STATUS).then(|| bytes.text()).transpose()?,
            booking: has(BOOKING)
                .then(|| WrittenBooking::read(bytes))
                .transpose()?,
        })
    }

    fn carried(&self) -> Carried {
        let tag = |bytes: &[u8; 8]| Tag(u64::from_le_bytes(*bytes));
        let tags: Box<[Tag]> = self.tags.iter().map(tag).collect();
        let versions = self.versions.iter().map(|bytes| {
            let number = |at: usize| u64::from_le_bytes(bytes.as_chunks().0[at]);
            (Tag(number(0)), number(1))
        });
        let versions: Box<[_]> = versions.collect();
        Carried::new(tags, versions, self.names)
    }

    fn into_entry(
        self,
        (frame, body): (&Frame<'_>, Bytes),
        (codec, key): (&Codec, KeyRef<'_>),
        (encoded, now): (Encoded, Now),
        id: u64,
    ) -> Result<Entry, DecodeError> {
        let shapes = &codec.shapes;
        let shape = shapes.of(self.shape, || shape_lines(self.shape), too_many)?;
        let own = match self.coding {
            _ if self.own.is_empty() => Bytes::new(),
            // The body has the same memory anyway.
            compression::PLAIN => frame.part(self.own),
            _ => Bytes::copy_from_slice(self.own),
        };
        let headers = StoredFields::from_written(shape, self.lines, own)
            .ok_or(DecodeError::Damaged("field value"))?;
        // A hit adds fields of its own.
        if headers.count_names() > MOST_NAMES {
            return Err(too_many());
        }
        let version = VERSIONS.get(usize::from(self.version));
        let carried = self.carried();
        let (validity, stale) = match &codec.shared_log {
            Some(log) => log
                .admit(self.stamp, carried)
                .ok_or(DecodeError::Outdated)?,
            None => {
                let local = Validity::from_parts(self.log, self.fetched_at, carried);
                (local.stamped(self.stamp), false)
            }
        };
        let (selection, is_selection_shared) = self.selection.open(&codec.selections)?;
        let trailers = self.trailers.map(trailers).transpose()?;
        let mut policy = self.policy.into_policy(&headers, encoded, now)?;
        if stale {
            policy.expire(now.instant());
        }
        let pieces = headers.pieces();
        let has_extras = trailers.is_some() || pieces.is_some() || self.upstream_status.is_some();
        let extras = has_extras.then(|| {
            Box::new(Extras {
                trailers,
                pieces,
                // They have no form in bytes.
                extensions: None,
                upstream_status: self.upstream_status.map(Bytes::copy_from_slice),
            })
        });
        Ok(Entry {
            status: StatusCode::from_u16(self.status)
                .map_err(|_| DecodeError::Damaged("status"))?,
            version: *version.ok_or(DecodeError::Damaged("version"))?,
            policy,
            extras,
            is_selection_shared,
            headers,
            body,
            sent: encoded.moment(self.sent, now)?,
            selection,
            validity,
            booking: self
                .booking
                .and_then(|booking| booking.open(codec, key))
                .map(Box::new),
            recompute_cost: Micros::from_number(self.recompute_cost),
            refreshing: RefreshFlag::default(),
            copied: Some(Box::new(CopiedResponse::new(&codec.refreshes, id))),
            weighed: AtomicU32::new(0),
        })
    }
}

/// Reads trailers from their bytes.
fn trailers(bytes: &[u8]) -> Result<HeaderMap, DecodeError> {
    let fields = postcard::from_bytes(bytes).map_err(|_| DecodeError::Damaged("trailers"))?;
    header_map(fields)
}

// === impl WrittenBooking ===

impl<'a> WrittenBooking<'a> {
    fn read(bytes: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            pico: i128::from_le_bytes(*bytes.chunk()?),
            route: bytes.str()?,
            currency: bytes.str()?,
        })
    }

    /// Reopens the account, if there is a ledger.
    fn open(self, codec: &Codec, key: KeyRef<'_>) -> Option<Booking> {
        let currency = Currency::new(self.currency)?;
        let ledger = codec.ledger.as_ref()?;
        let tenant = key.parts().next().unwrap_or_default();
        let tenant = std::str::from_utf8(tenant).unwrap_or_default();
        Some(Booking {
            account: ledger.account("cache", tenant, self.route, currency),
            charge: Money::from_pico(self.pico, currency),
        })
    }
}
