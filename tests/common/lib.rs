//! Helpers of the tests: a cache over a scripted upstream, a server on a socket, and third-party
//! servers as processes.

mod daemon;
mod rig;
mod server;

pub use daemon::Daemon;
pub use rig::{Answer, Fields, Rig, builder, layer, reply, request};
pub use server::Server;
