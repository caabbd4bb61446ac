//! Strategies of other routers, after their documentation and source, with their defaults.
//!
//! All of them run in the shell of LiteLLM's router: two retries, and no calls to an account for 5 s after more
//! than half of at least five calls within a minute have failed, or for the time of `Retry-After` after a 429.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::{
    servers::{Served, Servers},
    trace::Demand,
};

const RETRIES: u32 = 2;
const COOLDOWN: f64 = 5.0;
/// Seconds after its last use for which a conversation stays with its account, as OpenRouter has it.
const STICKS: f64 = 600.0;
/// Longest pause that a `Retry-After` field may ask for, in seconds.
const LONGEST: f64 = 60.0;
/// Latencies that are remembered.
const RECENT: usize = 10;

/// Strategy by which an account is picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// LiteLLM's `simple-shuffle`: at random, by the quotas if there are some. Portkey's `loadbalance` does the same
    /// by weights.
    Shuffle,
    /// LiteLLM's `least-busy`: the fewest calls in flight.
    LeastBusy,
    /// LiteLLM's `usage-based-routing-v2`: the fewest tokens in this minute, within the quota.
    Usage,
    /// LiteLLM's `latency-based-routing`: the least time per token of the answer, as a mean of ten.
    Latency,
    /// LiteLLM's `cost-based-routing`: the lowest sum of rates, within the quota.
    Cost,
    /// OpenRouter without a cache: at random, by one over the price squared.
    InverseSquare,
    /// OpenRouter with a cache, and sessions elsewhere: a conversation stays with its account for ten minutes
    /// after its last request; the first one is placed by one over the price squared.
    Sticky,
}

/// Router with a strategy.
pub(super) struct Shell {
    servers: Arc<Servers>,
    field: Field,
    books: Mutex<Books>,
}

/// Figures that a router counts.
struct Books {
    rng: fastrand::Rng,
    accounts: Vec<Account>,
    /// Account of each conversation, and its last use.
    sessions: HashMap<(u64, u64), (usize, f64)>,
}

#[derive(Debug, Clone, Default)]
struct Account {
    in_flight: u32,
    until: f64,
    minute: u64,
    calls: u32,
    failures: u32,
    tokens: f64,
    recent: VecDeque<f64>,
}

// === impl Field ===

impl Field {
    pub(super) const ALL: [Self; 7] = [
        Self::Sticky,
        Self::InverseSquare,
        Self::Shuffle,
        Self::LeastBusy,
        Self::Usage,
        Self::Latency,
        Self::Cost,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Shuffle => "simple-shuffle",
            Self::LeastBusy => "least-busy",
            Self::Usage => "usage-based-routing-v2",
            Self::Latency => "latency-based-routing",
            Self::Cost => "cost-based-routing",
            Self::InverseSquare => "1/price²",
            Self::Sticky => "sticky sessions",
        }
    }
}

// === impl Shell ===

impl Shell {
    pub(super) fn new(servers: &Arc<Servers>, field: Field) -> Self {
        let world = &servers.world;
        Self {
            servers: Arc::clone(servers),
            field,
            books: Mutex::new(Books {
                rng: fastrand::Rng::with_seed(world.seed),
                accounts: vec![Account::default(); world.specs.len()],
                sessions: HashMap::new(),
            }),
        }
    }

    /// Sends a request. Returns true if it was answered.
    pub(super) async fn send(self: Arc<Self>, index: usize) -> bool {
        let demand = &self.servers.world.demands[index];
        for attempt in 0..=RETRIES {
            let picked = self.books.lock().pick(self.field, &self.servers, demand);
            let Some(account) = picked else {
                self.pause(attempt).await;
                continue;
            };
            let began = Instant::now();
            self.books.lock().accounts[account].in_flight += 1;
            let served = self.servers.call(account, demand).await;
            let seconds = began.elapsed().as_secs_f64();
            let now = self.servers.now();
            let mut books = self.books.lock();
            books.ended(account, demand, served, (now, seconds));
            if matches!(served, Served::Answer { .. }) {
                books.sessions.insert(opening(demand), (account, now));
                return true;
            }
        }
        false
    }

    /// Waits before another attempt, as no account may be called: until one may, if that is within a minute.
    async fn pause(&self, attempt: u32) {
        let now = self.servers.now();
        let first = {
            let books = self.books.lock();
            let until = books.accounts.iter().map(|account| account.until);
            until.fold(f64::INFINITY, f64::min) - now
        };
        let seconds = match first > 0.0 && first <= LONGEST {
            true => first,
            // All are over their quotas of this minute, or out for long: twice as long with each attempt.
            false => 0.5 * f64::from(2_u32.pow(attempt)),
        };
        sleep(Duration::from_secs_f64(seconds)).await;
    }
}

/// Returns the blocks that a conversation is known by.
fn opening(demand: &Demand) -> (u64, u64) {
    let block = |n: usize| demand.blocks.get(n).copied().unwrap_or(u64::MAX);
    (block(0), block(1))
}

// === impl Books ===

impl Books {
    fn pick(&mut self, field: Field, servers: &Servers, demand: &Demand) -> Option<usize> {
        let (now, specs) = (servers.now(), &servers.world.specs);
        self.accounts
            .iter_mut()
            .for_each(|account| account.turn(now));
        // Equal ones are picked at random by some strategies, and in their order by others.
        let jitter: Vec<f64> = specs.iter().map(|_| self.rng.f64() * 1e-9).collect();
        let accounts = &self.accounts;
        let is_open = |&index: &usize| accounts[index].until <= now;
        let open: Vec<usize> = (0..specs.len()).filter(is_open).collect();
        let has_room = |&&index: &&usize| {
            let quota = specs[index].quota.unwrap_or(f64::INFINITY);
            // The length of the answer is not known before.
            accounts[index].tokens + demand.input as f64 <= quota
        };
        let inverse = |index: usize| (specs[index].price[0] + specs[index].price[2]).powi(-2);
        match field {
            Field::LeastBusy => {
                let score = |index: usize| f64::from(accounts[index].in_flight);
                least(open.iter(), score)
            }
            Field::Usage => {
                let score = |index: usize| accounts[index].tokens + jitter[index];
                least(open.iter().filter(has_room), score)
            }
            Field::Latency => {
                let score = |index: usize| accounts[index].mean() + jitter[index];
                least(open.iter().filter(has_room), score)
            }
            Field::Cost => {
                let score = |index: usize| specs[index].price[0] + specs[index].price[2];
                least(open.iter().filter(has_room), score)
            }
            Field::Shuffle => {
                let weight = |index: usize| specs[index].quota.unwrap_or(1.0);
                draw(&mut self.rng, &open, weight)
            }
            Field::InverseSquare => draw(&mut self.rng, &open, inverse),
            Field::Sticky => {
                let session = self.sessions.get(&opening(demand));
                let session = session.filter(|(_, used)| now - used <= STICKS);
                let account = session.map(|(account, _)| *account);
                let account = account.filter(|account| open.contains(account));
                account.or_else(|| draw(&mut self.rng, &open, inverse))
            }
        }
    }

    fn ended(
        &mut self,
        account: usize,
        demand: &Demand,
        served: Served,
        (now, seconds): (f64, f64),
    ) {
        let account = &mut self.accounts[account];
        account.turn(now);
        account.in_flight -= 1;
        account.calls += 1;
        match served {
            Served::Answer { .. } => {
                account.tokens += (demand.input + demand.output) as f64;
                account.note(seconds / demand.output.max(1) as f64);
            }
            Served::Failed => {
                account.failures += 1;
                account.note(1_000.0);
                if account.calls >= 5 && account.failures * 2 > account.calls {
                    account.until = now + COOLDOWN;
                }
            }
            Served::Throttled(wait) => account.until = now + wait.min(LONGEST),
        }
    }
}

/// Returns the account with the lowest score.
fn least<'a>(open: impl Iterator<Item = &'a usize>, score: impl Fn(usize) -> f64) -> Option<usize> {
    open.copied().min_by(|&a, &b| score(a).total_cmp(&score(b)))
}

/// Draws one of the accounts by their weights.
fn draw(rng: &mut fastrand::Rng, open: &[usize], weight: impl Fn(usize) -> f64) -> Option<usize> {
    let sum: f64 = open.iter().map(|&index| weight(index)).sum();
    let mut point = rng.f64() * sum;
    let found = open.iter().find(|&&index| {
        point -= weight(index);
        point < 0.0
    });
    found.or(open.last()).copied()
}

// === impl Account ===

impl Account {
    /// Begins a new minute, if one has begun.
    fn turn(&mut self, now: f64) {
        let minute = (now / 60.0) as u64;
        if minute > self.minute {
            (self.minute, self.calls, self.failures, self.tokens) = (minute, 0, 0, 0.0);
        }
    }

    fn note(&mut self, seconds: f64) {
        self.recent.push_back(seconds);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// Returns the mean of the latest times. An account without any counts as 0 s.
    fn mean(&self) -> f64 {
        self.recent.iter().sum::<f64>() / self.recent.len().max(1) as f64
    }
}
