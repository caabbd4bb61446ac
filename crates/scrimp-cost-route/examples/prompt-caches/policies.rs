//! Policies: where a prompt goes, and how much of it is written.

use std::{
    hash::{BuildHasher, Hasher},
    time::Duration,
};

use scrimp_cost_route::engine::{CacheTerms, Prompt, Prompts};
use tokio::time::Instant;

use crate::{
    bills::{Bill, Cache, LIFETIME, READ, WRITE},
    trace::{BLOCK, Request, Trace},
};

/// Blocks that are remembered.
const MOST: usize = 1 << 17;
const TERMS: CacheTerms = CacheTerms {
    write: WRITE as f32,
    read: READ as f32,
    // 1,024 tokens.
    least: 2,
};

/// Choice of an account.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// The one whose cache saves most.
    Money,
    /// By the first block.
    Sticky,
    Random,
}

/// Choice of what is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caching {
    Learned,
    /// Learned per kind of request: by the length of its answer, to a power of two, as a request's
    /// `max_tokens` may tell.
    Told,
    /// As `Learned`, after one pass over the same trace.
    Hindsight,
    Always,
    Never,
}

pub(crate) struct Policy {
    route: Route,
    caching: Caching,
    caches: Vec<Cache>,
    prompts: Prompts,
    rng: fastrand::Rng,
    bill: Bill,
}

// === impl Policy ===

impl Policy {
    pub(crate) fn new(route: Route, caching: Caching, accounts: usize, trace: &Trace) -> Self {
        let mut policy = Self {
            route,
            caching,
            caches: vec![Cache::default(); accounts],
            prompts: Prompts::new(MOST, LIFETIME),
            rng: fastrand::Rng::with_seed(1),
            bill: Bill::default(),
        };
        if caching == Caching::Hindsight {
            for request in &trace.requests {
                policy.prompts.seen(request.at, &policy.prompt(request));
            }
            policy.prompts.forget_all();
        }
        policy
    }

    /// Returns the bill of a trace.
    pub(crate) fn run(mut self, trace: &Trace) -> Bill {
        for request in &trace.requests {
            let (account, write) = self.decide(request);
            self.bill.dollars += self.caches[account].charge(request, write);
        }
        self.bill.runs /= trace.requests.len() as f64;
        self.bill
    }

    fn decide(&mut self, request: &Request) -> (usize, usize) {
        let count = self.caches.len();
        let prompt = self.prompt(request);
        self.bill.hashing += hashing(request);
        let began = Instant::now();
        let outlook = self.prompts.look(request.at, &prompt);
        let (mut account, mut held) = (0, 0);
        for other in 0..count {
            let here = self.prompts.held(request.at, &outlook, other as u32);
            if here > held {
                (account, held) = (other, here);
            }
        }
        let learned = outlook.write(held, TERMS);
        let chosen = began.elapsed();
        match self.route {
            Route::Money => {}
            Route::Sticky => {
                account = request
                    .blocks
                    .first()
                    .map_or(0, |first| *first as usize % count);
            }
            Route::Random => account = self.rng.usize(..count),
        }
        let write = match self.caching {
            Caching::Never => 0,
            Caching::Always => request.blocks.len() as u32,
            Caching::Learned | Caching::Told | Caching::Hindsight => learned,
        };
        let began = Instant::now();
        self.prompts.seen(request.at, &prompt);
        self.prompts
            .hold(request.at, &prompt, account as u32, write, LIFETIME);
        self.bill.decisions.0 += chosen + began.elapsed();
        self.bill.decisions.1 += chosen;
        self.bill.runs += outlook.runs() as f64;
        // The model never expects more than the cache has.
        let really = self.caches[account].held(request);
        assert!(self.route != Route::Money || held as usize <= really);
        (account, write as usize)
    }

    fn prompt(&self, request: &Request) -> Prompt {
        let mut last = 0;
        let next = |block: &u64| {
            last = (last ^ block)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29)
                ^ block;
            last
        };
        Prompt {
            hashes: request.blocks.iter().map(next).collect(),
            kind: match self.caching {
                Caching::Told => request.answer.max(1).ilog2() as u16,
                _ => 0,
            },
        }
    }
}

/// Hashes as many bytes as the prompt has, at four a token. Returns the time that it takes.
fn hashing(request: &Request) -> Duration {
    let block = [7; 4 * BLOCK as usize];
    let keys = hashlink::DefaultHashBuilder::default();
    let began = Instant::now();
    let mut last = 0;
    for _ in &request.blocks {
        let mut hasher = keys.build_hasher();
        hasher.write_u64(last);
        hasher.write(&block);
        last = hasher.finish();
    }
    std::hint::black_box(last);
    began.elapsed()
}
