//! Floods: one client that names a new thing with every request.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, header};
use tokio::time::{Instant, sleep};

use crate::{
    ask::{Ask, Manners},
    site::Site,
    thing::{ALL, Area, Thing},
};

/// The kind of a flood.
#[derive(Debug, Clone, Copy)]
enum Flood {
    Uris,
    Credentials,
    Hosts,
    Tenants,
    Ranges,
    Writes,
    /// JSON with many members.
    Members,
    /// Two bodies that are too long together, and not alone.
    Pairs,
}

const ALL_FLOODS: [Flood; 8] = [
    Flood::Uris,
    Flood::Credentials,
    Flood::Hosts,
    Flood::Tenants,
    Flood::Ranges,
    Flood::Writes,
    Flood::Members,
    Flood::Pairs,
];

// === impl Flood ===

impl Flood {
    fn name(self) -> &'static str {
        match self {
            Self::Uris => "flood: invented URIs",
            Self::Credentials => "flood: invented credentials",
            Self::Hosts => "flood: invented hosts",
            Self::Tenants => "flood: invented tenants",
            Self::Ranges => "flood: many ranges",
            Self::Writes => "flood: unsafe requests, some cancelled",
            Self::Members => "flood: JSON with many members",
            Self::Pairs => "flood: pairs of long bodies",
        }
    }

    /// Returns the number of requests in a burst.
    fn burst(self) -> usize {
        match self {
            Self::Members => 4,
            Self::Pairs => 2,
            Self::Ranges => 20,
            _ => 200,
        }
    }

    fn ask(self, random: &mut fastrand::Rng) -> Ask {
        let invented = Thing::invented(random);
        let name = format!("invented{}", random.u64(..));
        let number = random.u64(..crate::thing::NUMBERS);
        let one_of = |area| Thing { area, number };
        match self {
            Self::Uris => Ask::of(invented, ALL),
            Self::Credentials => Ask::of(one_of(Area::Private), &name),
            Self::Tenants => Ask::of(one_of(Area::Tenant), &name),
            Self::Hosts => {
                let mut ask = Ask::of(invented, ALL);
                ask.host = Some(format!("{name}.test"));
                ask
            }
            Self::Ranges => {
                let mut ask = Ask::of(one_of(Area::Big), ALL);
                let ranges: Vec<_> = (0..100).map(|n| format!("{}-{}", n * 3, n * 3)).collect();
                ask.field(header::RANGE, format!("bytes={}", ranges.join(",")));
                ask.manners = Manners::ReadsSlowly(Duration::from_millis(5));
                ask
            }
            Self::Writes => {
                let mut ask = Ask::of(invented, ALL);
                ask.method = Method::POST;
                ask.body = "{}".into();
                if random.bool() {
                    ask.manners = Manners::Leaves(Duration::from_millis(random.u64(..5)));
                }
                ask
            }
            Self::Members => {
                let members: Vec<_> = (0..5_000).map(|n| format!("\"{n}\":0")).collect();
                let body = format!("{{{}}}", members.join(","));
                with_body(invented, body.into())
            }
            Self::Pairs => with_body(invented, format!("[{}0]", "0,".repeat(30_000)).into()),
        }
    }
}

fn with_body(thing: Thing, body: Bytes) -> Ask {
    let mut ask = Ask::of(thing, ALL);
    ask.method = Method::PUT;
    ask.body = body;
    ask
}

// === impl Site ===

impl Site {
    /// Floods the stack with one burst after another.
    pub(crate) async fn flood(self: Arc<Self>, seed: u64, until: Instant) {
        let mut random = fastrand::Rng::with_seed(seed);
        for flood in ALL_FLOODS.into_iter().cycle() {
            if Instant::now() >= until || !self.origin.dice.is_on() {
                break;
            }
            let burst: Vec<_> = (0..flood.burst()).map(|_| flood.ask(&mut random)).collect();
            let tally = &self.origin.dice.tally;
            tally.add("chaos", flood.name(), burst.len() as u64);
            let asks = stream::iter(burst).map(|ask| {
                let site = Arc::clone(&self);
                async move { site.in_flood(&ask).await }
            });
            asks.buffer_unordered(50).for_each(async |()| {}).await;
            sleep(Duration::from_millis(random.u64(100..1_000))).await;
        }
    }

    async fn in_flood(&self, ask: &Ask) {
        match ask.method.is_safe() {
            true => drop(self.ask(ask).await),
            false => drop(self.send(ask).await),
        }
    }
}
