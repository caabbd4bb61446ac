//! After the chaos: everything is right again, and batches still form.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, future::join_all, stream};
use scrimp::cache::Invalidation;
use tokio::time::{Instant, sleep};

use crate::{
    ask::Ask,
    layers::PLACES,
    plan::Place,
    site::Site,
    tally::Kind,
    thing::{ALL, Area, NUMBERS, Thing},
};

// === impl Site ===

impl Site {
    /// Writes everything anew, invalidates everything, and asks until each answer is right.
    pub(crate) async fn recovers(self: &Arc<Self>, time: Duration) {
        let until = Instant::now() + time;
        self.write_everything();
        let mut asks = vec![Ask::of(
            Thing {
                area: Area::Tenant,
                number: 0,
            },
            "a new tenant",
        )];
        for area in Area::WRITTEN {
            for number in 0..NUMBERS {
                let thing = Thing { area, number };
                asks.extend((0..Ask::audiences(area)).map(|n| Ask::get(thing, n)));
            }
        }
        let checks = stream::iter(asks).map(|ask| async move {
            while self.ask(&ask).await.is_none() {
                if Instant::now() > until {
                    let tally = &self.origin.dice.tally;
                    tally.fault(Kind::Unrecovered, format!("{}: {ask}", self.name));
                    return;
                }
                sleep(Duration::from_millis(100)).await;
            }
        });
        checks.buffer_unordered(16).for_each(async |()| {}).await;
    }

    fn write_everything(&self) {
        let truth = &self.origin.truth;
        let things = Area::WRITTEN
            .into_iter()
            .flat_map(|area| (0..NUMBERS).map(move |number| Thing { area, number }));
        let written: Vec<_> = things.map(|thing| (thing, truth.write(thing))).collect();
        let invalidator = self.layers.cache.invalidator();
        invalidator.invalidate(&Invalidation::everything());
        for (thing, version) in written {
            truth.settle(thing, version);
        }
    }

    /// Fills every place of the batch layer at once, and counts the calls.
    ///
    /// The upstream holds its answers back until as many requests as there are places have come.
    /// A place that was lost holds one back from the upstream, until the calls time out.
    pub(crate) async fn still_batches(&self, round: u64) {
        if self.place == Place::Server {
            return;
        }
        let tally = &self.origin.dice.tally;
        let gathering = &self.origin.gathering;
        let calls = || tally.count("upstream", "calls");
        let before = calls();
        gathering.close(PLACES);
        let asks: Vec<_> = (0..PLACES as u64)
            .map(|number| {
                let number = (round << 12) + NUMBERS + number;
                let area = Area::Flood;
                Ask::of(Thing { area, number }, ALL)
            })
            .collect();
        let (complete, answers) = tokio::join!(
            async {
                let complete = gathering.complete(Duration::from_secs(1)).await;
                (complete, gathering.open(), calls() - before)
            },
            join_all(asks.iter().map(|ask| self.ask(ask)))
        );
        let (complete, present, calls) = complete;
        let name = &self.name;
        if !complete {
            let text = format!("{name}: {present} of {PLACES} requests reach the upstream at once");
            tally.fault(Kind::Permits, text);
        }
        if calls > PLACES as u64 / 8 {
            let text = format!("{name}: {calls} calls for {PLACES} requests at once");
            tally.fault(Kind::Batches, text);
        }
        let missing = answers.iter().filter(|answer| answer.is_none()).count();
        if complete && missing > 0 {
            let text = format!("{name}: {missing} of {PLACES} requests in batches fail");
            tally.fault(Kind::Unrecovered, text);
        }
        tally.add(
            "at the end",
            format!("{name}: calls for {PLACES} requests"),
            calls,
        );
    }
}
