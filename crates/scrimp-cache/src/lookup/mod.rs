//! Which stored response a request is answered with, and the answer.

pub(crate) mod answer;
pub(crate) mod decide;
pub(crate) mod hit;
