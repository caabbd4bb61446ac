//! The world: nodes, a server, a network and clients.

mod network;
mod refusal;

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use tokio::time::Instant;

use super::{
    host::{Event, Host, Scheduled},
    law::Law,
    marks::{DOCUMENTS, Stored, written},
    report::Report,
    server::Server,
};
use crate::log::protocol::{Action, Message, NotAppended, Timing, WhenBehind};

/// Time after which a call without an answer has failed.
const TIMEOUT: Duration = Duration::from_millis(500);

/// Longest delay of the network, in milliseconds.
const DELAY: u64 = 60;

/// Lease of the elected node.
const LEASE: Duration = Duration::from_millis(1_500);

/// The same as a duration.
const LONGEST_DELAY: Duration = Duration::from_millis(DELAY);

/// Longest time until all nodes are told of what the server refuses: it is gathered, perhaps behind an append in
/// progress, refused, sent and heard.
const TOLD: Duration = Duration::from_millis(10 + 5 * DELAY);

const PAGE: usize = 32;

pub(crate) struct World {
    hosts: Vec<Host>,
    server: Server,
    /// Flag that the server does not answer.
    down: bool,
    /// Flag that the server takes no writes, and passes messages on.
    refusing: bool,
    tier: [Option<Stored>; DOCUMENTS],
    versions: [u64; DOCUMENTS],
    law: Law,
    /// The same for what nodes tell each other, which holds where no message is lost.
    told: Law,
    events: BinaryHeap<Reverse<Scheduled>>,
    now: Instant,
    number: u64,
    next_failure: Instant,
    calm: bool,
    invalidations: bool,
    timing: Timing,
    random: fastrand::Rng,
    pub(crate) report: Report,
}

// === impl World ===

impl World {
    pub(crate) fn new(nodes: usize, timing: Timing, seed: u64) -> Self {
        let now = Instant::now();
        let mut random = fastrand::Rng::with_seed(seed);
        let host = |_| Host::new(timing, random.u64(..), 0, now);
        let hosts: Vec<_> = (0..nodes).map(host).collect();
        let mut world = Self {
            hosts,
            server: Server::default(),
            down: false,
            refusing: false,
            tier: [None; DOCUMENTS],
            versions: [0; DOCUMENTS],
            law: Law::default(),
            told: Law::default(),
            events: BinaryHeap::new(),
            now,
            number: 0,
            next_failure: now,
            calm: false,
            invalidations: true,
            timing,
            random,
            report: Report::default(),
        };
        (0..nodes).for_each(|host| world.carry_out(host));
        world
    }

    pub(crate) fn run(&mut self, steps: u64) {
        for _ in 0..steps {
            self.step();
        }
    }

    /// Ends all failures, and expects all nodes to catch up.
    pub(crate) fn calm_down(&mut self) {
        if !self.calm {
            // Messages of before may have been lost.
            self.told = Law::default();
        }
        self.calm = true;
        (self.down, self.refusing) = (false, false);
        for host in &mut self.hosts {
            (host.cut, host.deaf) = (false, false);
        }
        self.run_for(Duration::from_secs(12));
        // Messages still overtake each other, and a node that has heard the later one first reads the log:
        // of a thousand, one does so at any moment. One that does for a whole second is stuck.
        let mut behind: Vec<_> = (0..self.hosts.len()).collect();
        let end = self.now + Duration::from_secs(1);
        while self.now < end {
            behind.retain(|&host| !self.hosts[host].node.is_caught_up());
            if behind.is_empty() {
                return;
            }
            self.step();
        }
        panic!("behind for a second: {behind:?}, {:?}", self.report);
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    /// Does the next thing: an event that is due, or a client's request before it.
    fn step(&mut self) {
        let client = self.now + Duration::from_micros(self.random.u64(..8_000));
        match self.events.peek() {
            Some(Reverse(next)) if next.at <= client => {
                let Reverse(next) = self.events.pop().expect("seen above");
                self.now = self.now.max(next.at);
                self.handle(next);
            }
            _ => {
                self.now = client;
                self.client();
            }
        }
        if self.now >= self.next_failure && !self.calm {
            self.next_failure = self.now + Duration::from_millis(self.random.u64(..1_500));
            self.fail();
        }
    }

    fn client(&mut self) {
        let host = self.random.usize(..self.hosts.len());
        let document = self.random.usize(..DOCUMENTS);
        if self.invalidations && self.random.u8(..) < 12 {
            return self.invalidate(host, document);
        }
        self.report.reads += 1;
        let tier = self.tier[document];
        let own = &mut self.hosts[host];
        if let Some(version) = own.node.replica().look_up(document, tier) {
            self.report.from_store += 1;
            let oldest = self
                .law
                .oldest(document, self.now, bound(self.timing.when_behind));
            let told = match self.calm && own.process == 0 {
                true => self.told.oldest(document, self.now, TOLD),
                false => 0,
            };
            if version < oldest.max(own.own[document]).max(told) {
                self.report.stale += 1;
            }
            return;
        }
        let fetched = own.node.replica().begin_call(self.versions[document]);
        let delay = Duration::from_millis(self.random.u64(1..200));
        self.schedule(host, delay, Event::Fetched(document, fetched));
    }

    fn invalidate(&mut self, host: usize, document: usize) {
        self.versions[document] += 1;
        let version = self.versions[document];
        if self.refusing {
            self.told.appended(&written((document, version)), self.now);
        }
        let own = &mut self.hosts[host];
        own.own[document] = version;
        own.node.replica().invalidate(document, version);
        own.node.queued(self.now);
        self.carry_out(host);
    }

    /// Lets something fail, or recover.
    fn fail(&mut self) {
        let host = self.random.usize(..self.hosts.len());
        match self.random.u8(..14) {
            0 | 1 => {
                self.report.cut += 1;
                self.hosts[host].cut = true;
            }
            2 | 3 => self.hosts[host].deaf = true,
            4 => self.restart(host),
            5 => {
                self.report.wiped += 1;
                self.server.wipe();
                self.break_connections();
            }
            6 => {
                self.report.rolled_back += 1;
                let lost = self.random.usize(1..10);
                let lost = self.server.roll_back(lost);
                self.law.lost(&lost);
                self.break_connections();
            }
            7 => {
                self.report.trimmed += 1;
                self.server.trim(self.random.usize(..20));
            }
            8 => self.down = true,
            9 => {
                self.report.refused += 1;
                self.refusing = true;
            }
            _ => {
                (self.down, self.refusing) = (false, false);
                for host in 0..self.hosts.len() {
                    let healed = self.random.bool();
                    let own = &mut self.hosts[host];
                    if (own.cut || own.deaf) && healed {
                        (own.cut, own.deaf) = (false, false);
                        if self.random.bool() {
                            self.schedule(host, Duration::ZERO, Event::Interrupted);
                        }
                    }
                }
            }
        }
    }

    fn restart(&mut self, host: usize) {
        self.report.restarted += 1;
        let process = self.hosts[host].process + 1;
        let seed = self.random.u64(..);
        self.hosts[host] = Host::new(self.timing, seed, process, self.now);
        self.carry_out(host);
    }

    /// Ends some connections; others live on, as through a proxy.
    fn break_connections(&mut self) {
        for host in 0..self.hosts.len() {
            if self.random.bool() {
                self.schedule(host, Duration::ZERO, Event::Interrupted);
            }
        }
    }

    fn handle(&mut self, scheduled: Scheduled) {
        let Scheduled { host, event, .. } = scheduled;
        if self.hosts[host].process != scheduled.process {
            return;
        }
        let (now, own) = (self.now, &mut self.hosts[host]);
        match event {
            Event::Asked(action) => return self.answer(host, action),
            Event::Fetched(document, fetched) => {
                self.tier[document] = Some(fetched);
                return own.node.replica().keep(document, fetched);
            }
            Event::Message(_) if own.cut || own.deaf => return,
            Event::Tick => {
                own.tick_at = None;
                own.node.tick(now);
            }
            Event::Appended(outcome) => own.node.appended(now, outcome),
            Event::Read(page) => own.node.read(now, page),
            Event::Beaten(elected) => own.node.beaten(now, elected),
            Event::Distrusted(done) => own.node.distrusted(now, done),
            Event::Message(message) => own.node.message(now, message),
            Event::Interrupted => own.node.interrupted(now),
        }
        self.carry_out(host);
    }

    /// Sends what a node asks for, and plans its next tick.
    fn carry_out(&mut self, host: usize) {
        for action in self.hosts[host].node.actions() {
            let delay = self.delay();
            self.schedule(host, delay, Event::Asked(action));
        }
        let own = &mut self.hosts[host];
        if let Some(next) = own.node.next_tick()
            && own.tick_at.is_none_or(|planned| next < planned)
        {
            own.tick_at = Some(next);
            let delay = next.saturating_duration_since(self.now);
            self.schedule(host, delay, Event::Tick);
        }
    }

    /// Lets the server handle a call, unless it gets lost, and answers it, unless that gets lost.
    fn answer(&mut self, host: usize, action: Action) {
        let own = &self.hosts[host];
        let lost = self.down || own.cut || self.lucky();
        let log = self.server.head.map(|head| head.log);
        let refused = self.refusing && !lost;
        // Even a script that only reads has to begin a log, if there is none.
        let lost =
            lost || self.refusing && (log.is_none() || !matches!(action, Action::Read { .. }));
        let (answer, message) = match (action, lost) {
            (Action::Announce { by, again, bytes }, _) => {
                if !self.down && !self.hosts[host].cut {
                    self.publish(&Message::Unlisted { by, again, bytes });
                }
                return;
            }
            (Action::Append { .. }, true) if refused => {
                (Event::Appended(Err(NotAppended::Refused)), None)
            }
            (Action::Append { .. }, true) => (Event::Appended(Err(NotAppended::Unknown)), None),
            (Action::Read { .. }, true) => (Event::Read(None), None),
            (Action::Beat, true) => (Event::Beaten(None), None),
            (Action::Distrust { .. }, true) => (Event::Distrusted(false), None),
            (Action::Append { nonce, bytes }, false) => {
                self.law.appended(&bytes, self.now);
                let (head, message) = self.server.append(nonce, bytes);
                let answer = match self.lucky() {
                    true => Err(NotAppended::Unknown),
                    false => Ok(head),
                };
                (Event::Appended(answer), Some(message))
            }
            (Action::Read { from }, false) => {
                (Event::Read(Some(self.server.read(from, PAGE))), None)
            }
            (Action::Beat, false) => {
                let (elected, message) = self.server.beat(host, self.now, LEASE);
                (Event::Beaten(Some(elected)), message)
            }
            (Action::Distrust { log }, false) => {
                let message = self.server.distrust(log);
                (Event::Distrusted(true), message)
            }
        };
        if log.is_some() && self.server.head.map(|head| head.log) != log {
            self.law.new_log(self.now);
        }
        let failed = matches!(
            &answer,
            Event::Appended(Err(NotAppended::Unknown))
                | Event::Read(None)
                | Event::Beaten(None)
                | Event::Distrusted(false)
        );
        let delay = if failed { TIMEOUT } else { self.delay() };
        self.schedule(host, delay, answer);
        if let Some(message) = message {
            self.publish(&message);
        }
    }
}

/// Returns the time after which a record that the log has had is respected by all nodes, as the
/// documentation promises: they notice silence, and ask a server that does not answer.
fn bound(when_behind: WhenBehind) -> Duration {
    let grace = match when_behind {
        WhenBehind::UseFor(time) => time,
        WhenBehind::Bypass => Duration::ZERO,
    };
    let noticed = Duration::from_millis(2_500) + TIMEOUT;
    noticed.max(grace) + 2 * LONGEST_DELAY
}
