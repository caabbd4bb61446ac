//! Reasons why a body cannot be decoded.

use std::{error::Error, fmt};

/// Reason why a body cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// A content coding is unknown, or there are more than three.
    Unknown,
    /// The bytes are not in the coding that Content-Encoding names.
    Malformed,
    /// The body breaks off.
    Truncated,
    /// The body decodes to more than this number of bytes, which is the caller's limit.
    TooLong(u64),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("its content coding is unknown"),
            Self::Malformed => f.write_str("it is not in the content coding that it names"),
            Self::Truncated => f.write_str("it breaks off within its content coding"),
            Self::TooLong(most) => write!(f, "it decodes to more than {most} bytes"),
        }
    }
}

impl Error for DecodeError {}
