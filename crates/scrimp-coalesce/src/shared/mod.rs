//! State that callers of one key share: the flight and its result, its live or complete body,
//! finished results in the window, and marks of writes.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod common;
pub(crate) mod flight;
pub(crate) mod live;
pub(crate) mod prefix;
pub(crate) mod resume;
pub(crate) mod whole;
pub(crate) mod window;
pub(crate) mod writes;
