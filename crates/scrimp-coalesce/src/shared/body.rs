//! A caller's view of a shared body.

use super::{live::LiveReader, whole::WholeBody};

/// One caller's view of a body that many read.
pub(crate) enum SharedBody {
    Whole(WholeBody),
    Live(LiveReader),
}
