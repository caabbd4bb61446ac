//! Channels of Pub/Sub on the connection of a client.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use parking_lot::RwLock;
use redis::{PushInfo, PushKind, Value};
use tokio::sync::Notify;

/// Receives the messages of a channel.
pub(crate) trait Listener: fmt::Debug + Send + Sync + 'static {
    /// Receives a message. It must not block: the connection waits for it.
    fn message(&self, payload: &[u8]);

    /// Notes that messages may have been lost: the connection has ended, or a new one has begun.
    fn interrupted(&self);
}

/// The channels that a client subscribes to on each of its connections.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    all: RwLock<Vec<Listening>>,
    /// Wakes the keeper after a server has ended a subscription.
    pub(super) ended: Notify,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Channel {
    pub(crate) name: Arc<[u8]>,
    /// Flag that in a cluster only the shard of its slot delivers it.
    pub(crate) sharded: bool,
}

/// A channel, and what listens to it.
type Listening = (Channel, Weak<dyn Listener>);

// === impl Channels ===

impl Channels {
    /// Adds the listener of a channel, for as long as something else holds it.
    pub(crate) fn add(&self, channel: &Channel, listener: &Arc<dyn Listener>) {
        let mut all = self.all.write();
        all.retain(|(_, listener)| listener.strong_count() > 0);
        all.push((channel.clone(), Arc::downgrade(listener)));
    }

    /// Returns the channels with a listener.
    pub(crate) fn used(&self) -> Vec<Channel> {
        let all = self.all.read();
        let used = all
            .iter()
            .filter(|(_, listener)| listener.strong_count() > 0);
        used.map(|(channel, _)| channel.clone()).collect()
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
            // A cluster's connection subscribes again by itself. What was sent meanwhile is missing.
            (PushKind::Subscribe | PushKind::SSubscribe, [Value::BulkString(channel), ..]) => {
                self.each(Some(channel), Listener::interrupted);
            }
            // The slot of the channel is now at another node.
            (PushKind::SUnsubscribe, _) => {
                self.interrupted();
                self.ended.notify_one();
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
        let all = self.all.read();
        for (own, listener) in all.iter() {
            if channel.is_none_or(|channel| channel == &own.name[..])
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

    #[tokio::test]
    async fn a_subscription_that_begins_again_or_ends_is_an_interruption() {
        let (channels, heard) = (Channels::default(), Arc::new(Heard::default()));
        let listener: Arc<dyn Listener> = heard.clone();
        for name in ["one", "other"] {
            let channel = Channel {
                name: name.as_bytes().into(),
                sharded: true,
            };
            channels.add(&channel, &listener);
        }
        let push = |kind| PushInfo {
            kind,
            data: vec![Value::BulkString(b"one".into()), Value::Int(1)],
        };
        channels.receive(&push(PushKind::SSubscribe));
        assert_eq!(*heard.0.lock(), [None]);
        channels.receive(&push(PushKind::SUnsubscribe));
        channels.ended.notified().await;
        assert_eq!(heard.0.lock().len(), 3);
    }

    #[test]
    fn a_listener_hears_its_channel_and_interruptions_while_it_is_held() {
        let (channels, heard) = (Channels::default(), Arc::new(Heard::default()));
        let listener: Arc<dyn Listener> = heard.clone();
        let one = Channel {
            name: b"one"[..].into(),
            sharded: true,
        };
        channels.add(&one, &listener);
        channels.receive(&message("one"));
        channels.receive(&message("other"));
        channels.interrupted();
        assert_eq!(*heard.0.lock(), [Some(b"hello".to_vec()), None]);
        drop((listener, heard));
        assert!(channels.used().is_empty());
        channels.receive(&message("one"));
    }
}
