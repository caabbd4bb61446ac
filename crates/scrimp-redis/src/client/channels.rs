//! Channels of Pub/Sub on the connection of a client.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use parking_lot::RwLock;
use redis::{PushInfo, PushKind, Value};

/// Receives the messages of a channel.
pub(crate) trait Listener: fmt::Debug + Send + Sync + 'static {
    /// Receives a message. It must not block: the connection waits for it.
    fn message(&self, payload: &[u8]);

    /// Notes that messages may have been lost: the connection has ended, or a new one has begun.
    fn interrupted(&self);
}

/// The channels that a client subscribes to on each of its connections.
#[derive(Debug, Default)]
pub(crate) struct Channels(RwLock<Vec<Channel>>);

/// A channel, and what listens to it.
type Channel = (Arc<[u8]>, Weak<dyn Listener>);

// === impl Channels ===

impl Channels {
    /// Adds the listener of a channel, for as long as something else holds it.
    pub(crate) fn add(&self, channel: &[u8], listener: &Arc<dyn Listener>) {
        let mut all = self.0.write();
        all.retain(|(_, listener)| listener.strong_count() > 0);
        all.push((channel.into(), Arc::downgrade(listener)));
    }

    /// Returns the channels with a listener.
    pub(crate) fn names(&self) -> Vec<Arc<[u8]>> {
        let all = self.0.read();
        let used = all
            .iter()
            .filter(|(_, listener)| listener.strong_count() > 0);
        used.map(|(name, _)| Arc::clone(name)).collect()
    }

    /// Passes on what the server pushes.
    pub(crate) fn receive(&self, push: &PushInfo) {
        match (&push.kind, &push.data[..]) {
            (PushKind::Message | PushKind::SMessage, [channel, payload]) => {
                if let (Value::BulkString(channel), Value::BulkString(payload)) = (channel, payload)
                {
                    self.each(Some(channel), |listener| listener.message(payload));
                }
            }
            (PushKind::Disconnection, _) => self.interrupted(),
            _ => {}
        }
    }

    /// Tells all listeners that messages may have been lost.
    pub(crate) fn interrupted(&self) {
        self.each(None, Listener::interrupted);
    }

    fn each(&self, channel: Option<&[u8]>, act: impl Fn(&dyn Listener)) {
        let all = self.0.read();
        for (name, listener) in all.iter() {
            if channel.is_none_or(|channel| channel == &name[..])
                && let Some(listener) = listener.upgrade()
            {
                act(&*listener);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<Option<Vec<u8>>>>);

    impl Listener for Heard {
        fn message(&self, payload: &[u8]) {
            self.0.lock().push(Some(payload.to_vec()));
        }

        fn interrupted(&self) {
            self.0.lock().push(None);
        }
    }

    fn message(channel: &str) -> PushInfo {
        let text = |text: &str| Value::BulkString(text.into());
        PushInfo {
            kind: PushKind::Message,
            data: vec![text(channel), text("hello")],
        }
    }

    #[test]
    fn a_listener_hears_its_channel_and_interruptions_while_it_is_held() {
        let (channels, heard) = (Channels::default(), Arc::new(Heard::default()));
        let listener: Arc<dyn Listener> = heard.clone();
        channels.add(b"one", &listener);
        channels.receive(&message("one"));
        channels.receive(&message("other"));
        channels.interrupted();
        assert_eq!(*heard.0.lock(), [Some(b"hello".to_vec()), None]);
        drop((listener, heard));
        assert!(channels.names().is_empty());
        channels.receive(&message("one"));
    }
}
