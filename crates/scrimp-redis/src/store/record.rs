//! Records of the variants under a key, beside their bytes.
//!
//! A key is a hash. Each variant is a field, named by its selection; the field `m` holds the highest
//! fence and one record per variant, the newest first. Scripts read and write the same form.
//!
//! | bytes of `m` | |
//! |---|---|
//! | 8 | the highest fence, as all numbers a big-endian double |
//! | 56 each | name (16), writer (8), stamp (8), time of the request on the writer's clock in µs, time of storing and of expiry on the server's clock in ms |

/// Name of the field with the records.
pub(super) const RECORDS: &[u8] = b"m";

/// Length of the name of a variant.
pub(super) const NAME: usize = 16;

/// Length of the fence.
const HEAD: usize = 8;

/// Length of a record.
const RECORD: usize = 56;

/// Name of a variant: the beginning of the digest of its selection.
pub(super) type Name = [u8; NAME];

/// The record of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) name: Name,
    /// Number of the put, which tells apart what is stored under one name in turn.
    pub(super) stamp: [u8; 8],
    /// Time of storing on the server's clock, in milliseconds since 1970.
    pub(super) stored: u64,
}

/// Reads the records, newest first. What makes no sense is left out.
pub(super) fn read(bytes: &[u8]) -> impl Iterator<Item = Record> {
    let records = bytes.get(HEAD..).unwrap_or_default();
    records.chunks_exact(RECORD).filter_map(|record| {
        let stored = f64::from_be_bytes(record[40..48].try_into().ok()?);
        Some(Record {
            name: record[..NAME].try_into().ok()?,
            stamp: record[24..32].try_into().ok()?,
            stored: stored as u64,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_in_their_order_and_nonsense_is_left_out() {
        let mut bytes = 7_f64.to_be_bytes().to_vec();
        for name in [1, 2] {
            bytes.extend([name; NAME]);
            bytes.extend([9; 8]);
            bytes.extend([name + 10; 8]);
            bytes.extend(5_f64.to_be_bytes());
            bytes.extend(1_700_000_000_123_f64.to_be_bytes());
            bytes.extend(1_700_000_060_123_f64.to_be_bytes());
        }
        bytes.extend([0; 20]);
        let read = |bytes: &[u8]| super::read(bytes).collect::<Vec<_>>();
        let records = read(&bytes);
        assert_eq!(records.len(), 2);
        assert_eq!(
            records[1],
            Record {
                name: [2; NAME],
                stamp: [12; 8],
                stored: 1_700_000_000_123
            }
        );
        assert!(read(b"").is_empty() && read(b"short").is_empty());
    }
}
