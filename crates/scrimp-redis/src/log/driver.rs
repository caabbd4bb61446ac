//! The task that carries out the protocol.

use std::sync::Arc;

use scrimp_cache::LogReplica;
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    State, Timing,
    protocol::{Action, Head, Message, Node, NotAppended, Page},
    server::{PAGE, ServerLog},
    stats::Counts,
    wire,
};
use crate::client::Listener;

/// Maximum number of messages that wait for the task. If more come, it reads the log instead.
const WAITING: usize = 4_096;

/// Receives what the server pushes.
#[derive(Debug)]
pub(super) struct Bell {
    messages: mpsc::Sender<Message>,
    interrupted: Arc<Notify>,
}

/// An answer to an action.
enum Answer {
    Appended(Result<Head, NotAppended>),
    Read(Option<Page>),
    Beaten(Option<bool>),
    Distrusted(bool),
    Announced,
}

/// State of the task.
pub(super) struct Driver {
    pub(super) server: ServerLog,
    pub(super) node: Node<LogReplica>,
    pub(super) queued: Arc<Notify>,
    pub(super) state: watch::Sender<State>,
    pub(super) counts: Arc<Counts>,
    pub(super) id: u64,
    messages: mpsc::Receiver<Message>,
    interrupted: Arc<Notify>,
    /// The client knows it weakly.
    _bell: Arc<dyn Listener>,
}

// === impl Bell ===

impl Listener for Bell {
    fn message(&self, payload: &[u8]) {
        // A message that is cut off is a gap, as one that is missing.
        let sent = wire::message(payload).map(|message| self.messages.try_send(message));
        if !matches!(sent, Some(Ok(()))) {
            self.interrupted.notify_one();
        }
    }

    fn interrupted(&self) {
        self.interrupted.notify_one();
    }
}

// === impl Driver ===

impl Driver {
    pub(super) fn new(
        server: ServerLog,
        replica: LogReplica,
        timing: Timing,
        queued: Arc<Notify>,
        state: watch::Sender<State>,
        counts: Arc<Counts>,
    ) -> Self {
        let (sender, messages) = mpsc::channel(WAITING);
        let interrupted = Arc::new(Notify::new());
        let bell: Arc<dyn Listener> = Arc::new(Bell {
            messages: sender,
            interrupted: Arc::clone(&interrupted),
        });
        server.client.listen(&server.bell(), &bell);
        Self {
            server,
            node: Node::new(replica, timing, fastrand::u64(..), Instant::now()),
            queued,
            state,
            counts,
            id: fastrand::u64(1..),
            messages,
            interrupted,
            _bell: bell,
        }
    }

    /// Follows the log until the task is aborted.
    pub(super) async fn run(mut self) {
        let mut answers = JoinSet::new();
        loop {
            for action in self.node.actions() {
                self.counts.action(&action);
                answers.spawn(carry_out(self.server.clone(), self.id, action));
            }
            self.publish();
            let next = self.node.next_tick();
            let tick = async {
                match next {
                    Some(next) => sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(message) = self.messages.recv() => self.messages(message),
                Some(answer) = answers.join_next() => {
                    // It has no answer if it panicked.
                    if let Ok(answer) = answer {
                        self.answer(answer);
                    }
                }
                () = self.interrupted.notified() => self.node.interrupted(Instant::now()),
                () = self.queued.notified() => self.node.queued(Instant::now()),
                () = tick => self.node.tick(Instant::now()),
            }
        }
    }

    /// Handles a message and those that wait behind it.
    fn messages(&mut self, first: Message) {
        let now = Instant::now();
        let mut next = Some(first);
        for _ in 0..WAITING {
            let Some(message) = next else {
                break;
            };
            self.counts.message(&message);
            self.node.message(now, message);
            next = self.messages.try_recv().ok();
        }
    }

    fn answer(&mut self, answer: Answer) {
        let now = Instant::now();
        match answer {
            Answer::Appended(outcome) => {
                if outcome.is_err() {
                    self.counts.append_failures.increment();
                }
                self.node.appended(now, outcome);
            }
            Answer::Read(page) => self.node.read(now, page),
            Answer::Beaten(elected) => self.node.beaten(now, elected),
            Answer::Distrusted(done) => self.node.distrusted(now, done),
            Answer::Announced => {}
        }
    }

    /// Publishes the state, if it has changed.
    fn publish(&self) {
        let state = State {
            caught_up: self.node.is_caught_up(),
            at: self.node.position(),
            settled: self.node.is_settled(),
        };
        let counts = &self.counts;
        self.state.send_if_modified(|known| {
            if known.caught_up && !state.caught_up {
                counts.behind.increment();
            }
            let changed = *known != state;
            *known = state;
            changed
        });
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Without the task, invalidations of other processes are missing.
        self.node.replica().set_complete(false);
        self.state.send_replace(State::default());
    }
}

async fn carry_out(server: ServerLog, id: u64, action: Action) -> Answer {
    let new_log = fastrand::u64(1..);
    match action {
        Action::Append { nonce, bytes } => {
            Answer::Appended(server.append(nonce, &bytes, new_log).await)
        }
        Action::Read { from } => Answer::Read(server.read(from, PAGE, new_log).await),
        Action::Beat => Answer::Beaten(server.beat(id, new_log).await),
        Action::Announce { by, again, bytes } => {
            server.announce(by, again, &bytes).await;
            Answer::Announced
        }
        Action::Distrust { log } => Answer::Distrusted(server.distrust(log, new_log).await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_that_find_no_room_are_a_gap_and_take_none() {
        let (messages, mut waiting) = mpsc::channel(WAITING);
        let interrupted = Arc::new(Notify::new());
        let bell = Bell {
            messages,
            interrupted: Arc::clone(&interrupted),
        };
        (0..100 * WAITING).for_each(|_| bell.message(b"b 7 2 12\n"));
        interrupted.notified().await;
        let held = std::iter::from_fn(|| waiting.try_recv().ok()).count();
        assert_eq!(held, WAITING);
    }
}
