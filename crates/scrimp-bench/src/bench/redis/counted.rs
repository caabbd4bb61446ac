//! The same hit as subjects of callgrind, which does not count what Redis and the kernel do.

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::{SIZES, server::Server, text, way};
use crate::{bench::coalesce::counted::Counted, poll, subject::Subject};

/// Requests one after the other.
struct Sequence {
    way: Box<dyn way::Way>,
    count: usize,
    runtime: Arc<Runtime>,
    /// The server, and the folder of its socket.
    _server: Arc<(Server, tempfile::TempDir)>,
}

/// Returns the floors, and a hit with the smallest body.
pub(in crate::bench) fn hits() -> anyhow::Result<impl Iterator<Item = Counted>> {
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("socket").display().to_string();
    let server = Arc::new((Server::on_socket(&socket)?, folder));
    let runtime = Arc::new(poll::runtime());
    let body = text(SIZES[0]);
    let ways = runtime.block_on(way::few(&format!("unix://{socket}"), &body))?;
    let floor = ways[0].name;
    Ok(ways.into_iter().map(move |named| Counted {
        name: named.name,
        floor,
        subject: Box::new(Sequence {
            way: named.way,
            count: 0,
            runtime: Arc::clone(&runtime),
            _server: Arc::clone(&server),
        }),
    }))
}

// === impl Sequence ===

impl Subject for Sequence {
    fn prepare(&mut self, count: usize) {
        self.way.prepare(count);
        self.count = count;
    }

    fn exchange(&mut self) {
        let (way, count) = (&mut self.way, self.count);
        self.runtime.block_on(async {
            for _ in 0..count {
                way.get().await;
            }
        });
    }
}
