//! Records of the variants under a key, beside their bytes.
//!
//! A key with one variant, as most have, is a string: the head, its record, its bytes. A key with
//! several is a hash. Each variant is a field, named by its selection; the field `m` holds the head
//! and the records, the newest first. Scripts read and write the same forms.
//!
//! | bytes | |
//! |---|---|
//! | 8 | the head: the highest fence, as all numbers a big-endian double |
//! | 64 each | name (16), writer (8), stamp (8), time of the request on the writer's clock in µs, time of storing and of expiry on the server's clock in ms, number of bytes |

/// Length of the name of a variant.
pub(super) const NAME: usize = 16;

/// Length of the head.
pub(super) const HEAD: usize = 8;

/// Length of a record.
pub(super) const RECORD: usize = 64;

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
    /// Number of bytes of the variant.
    pub(super) length: u64,
}

/// Reads the records, newest first. What makes no sense is left out.
pub(super) fn read(bytes: &[u8]) -> impl Iterator<Item = Record> {
    let records = bytes.get(HEAD..).unwrap_or_default();
    records.chunks_exact(RECORD).filter_map(|record| {
        let number = |at: usize| {
            let bytes = record.get(at..at + 8)?.try_into().ok()?;
            Some(f64::from_be_bytes(bytes) as u64)
        };
        Some(Record {
            name: record[..NAME].try_into().ok()?,
            stamp: record[24..32].try_into().ok()?,
            stored: number(40)?,
            length: number(56)?,
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
            bytes.extend(3210_f64.to_be_bytes());
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
                stored: 1_700_000_000_123,
                length: 3210,
            }
        );
        assert!(read(b"").is_empty() && read(b"short").is_empty());
    }
}
