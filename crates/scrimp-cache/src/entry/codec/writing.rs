//! The inner format: the encoded part of each response, as it is written.

use std::borrow::Cow;

use super::{
    DecodeError, Variants,
    compression::Coded,
    fields::{fields, header_lines},
    layout::Writer,
    moment::Now,
    policy, selection,
    written::{BOOKING, TRAILERS, UPSTREAM_STATUS, VERSIONS},
};
use crate::{
    digest::Digest,
    entry::{Booking, Entry},
    invalidation::{FORGOTTEN, WITHHELD, epoch::Carried},
    packed::{StoredLine, WrittenFields},
};

/// Writes the head of responses under a key.
///
/// # Errors
///
/// If a part of it takes 4 GiB or more.
pub(super) fn write(
    key: &Digest,
    variants: &Variants,
    bodies: &[Coded],
    now: Now,
) -> Result<Vec<u8>, DecodeError> {
    let mut out = Writer::with_capacity(512);
    out.put(key);
    now.encoded().write(&mut out);
    out.put_count(variants.iter().count())?;
    for (entry, body) in variants.iter().zip(bodies) {
        write_response(entry, body, &mut out)?;
    }
    Ok(out.into_bytes())
}

fn write_response(entry: &Entry, body: &Coded, out: &mut Writer) -> Result<(), DecodeError> {
    let WrittenFields { shape, lines, own } = entry.headers.to_written();
    let (trailers, booking) = (entry.trailers(), entry.booking.as_deref());
    let parts = [
        (TRAILERS, trailers.is_some()),
        (UPSTREAM_STATUS, entry.upstream_status().is_some()),
        (BOOKING, booking.is_some()),
    ];
    let set = parts.iter().filter(|(_, is_set)| *is_set);
    let version = VERSIONS.iter().position(|&known| known == entry.version);
    out.put((body.bytes.len() as u64).to_le_bytes());
    out.put((entry.body.len() as u64).to_le_bytes());
    out.put(entry.status.as_u16().to_le_bytes());
    let version = version.map_or(2, |index| index as u8);
    let parts = set.fold(0, |parts, (part, _)| parts | part);
    out.put([body.coding, version, parts]);
    out.put(entry.sent.number().to_le_bytes());
    out.put(entry.recompute_cost.number().to_le_bytes());
    policy::write(&entry.policy, out);
    out.put_text(&encoded(shape.into_iter())?)?;
    out.put(lines.to_le_bytes());
    out.put_text(&own)?;
    selection::write(&entry.selection, out)?;
    let (log, fetched_at, carried) = entry.validity.parts();
    let stamp = entry.validity.stamp();
    for number in [log, fetched_at, stamp.log, stamp.at] {
        out.put(number.to_le_bytes());
    }
    let (tags, versions) = (carried.tags(), carried.versions());
    out.put_count(tags.len())?;
    tags.iter().for_each(|tag| out.put(tag.0.to_le_bytes()));
    out.put_count(versions.len())?;
    for (tag, version) in versions {
        out.put(tag.0.to_le_bytes());
        out.put(version.to_le_bytes());
    }
    out.put_text(without_queries(carried).as_bytes())?;
    if let Some(trailers) = trailers {
        out.put_text(&encoded(header_lines(trailers))?)?;
    }
    if let Some(said) = entry.upstream_status() {
        out.put_text(said)?;
    }
    match booking {
        Some(booking) => write_booking(booking, out),
        None => Ok(()),
    }
}

/// Encodes lines, which are read as a whole or not at all.
fn encoded<'a>(lines: impl Iterator<Item = StoredLine<'a>>) -> Result<Vec<u8>, DecodeError> {
    postcard::to_allocvec(&fields(lines)).map_err(|_| DecodeError::Damaged("fields"))
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

fn write_booking(booking: &Booking, out: &mut Writer) -> Result<(), DecodeError> {
    out.put(booking.charge.pico().to_le_bytes());
    out.put_text(booking.account.route().as_bytes())?;
    out.put_text(booking.charge.currency().code().as_bytes())
}
