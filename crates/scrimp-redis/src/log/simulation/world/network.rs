//! The network: what it loses, and how long it takes.

use std::{cmp::Reverse, time::Duration};

use super::{DELAY, Event, Message, Scheduled, World};

impl World {
    pub(super) fn publish(&mut self, message: &Message) {
        for host in 0..self.hosts.len() {
            if self.lucky() {
                continue;
            }
            let mut at = self.now + self.delay();
            // Most connections keep the order.
            if self.random.u8(..) > 4 {
                at = at.max(self.hosts[host].last_delivery);
                self.hosts[host].last_delivery = at;
            }
            let delay = at.saturating_duration_since(self.now);
            self.schedule(host, delay, Event::Message(message.clone()));
        }
    }

    /// Reports whether something rare happens.
    pub(super) fn lucky(&mut self) -> bool {
        !self.calm && self.random.u16(..1_000) < 8
    }

    pub(super) fn delay(&mut self) -> Duration {
        Duration::from_micros(match self.random.u8(..) {
            0..20 => self.random.u64(..DELAY * 1_000),
            _ => self.random.u64(100..2_000),
        })
    }

    pub(super) fn schedule(&mut self, host: usize, delay: Duration, event: Event) {
        self.number += 1;
        self.events.push(Reverse(Scheduled {
            at: self.now + delay,
            number: self.number,
            host,
            process: self.hosts[host].process,
            event,
        }));
    }
}
