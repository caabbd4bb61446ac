//! Helpers of the tests: a cache over a scripted upstream, a server on a socket, and third-party
//! servers as processes.

mod daemon;
mod rig;
mod server;
mod spans;

pub use daemon::Daemon;
pub use rig::{Answer, Fields, Rig, builder, layer, reply, request};
pub use server::Server;
pub use spans::{Seen, Spans};
