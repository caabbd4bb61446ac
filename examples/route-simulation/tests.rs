use scrimp::cost_route::engine::{Reason, RouterConfig};

use crate::{
    policy::{self, Scrimp},
    run::{Oracle, Outcome, run},
    world::World,
};

/// Number of worlds with all policies; scrimp alone runs in more.
const ALL: u64 = 4;
/// First seed of those worlds: no setting was tuned on it.
const FRESH: u64 = 1_000;
const SEEDS: u64 = 20;
const SECONDS: f64 = 1_000.0;

fn scrimp(world: &World) -> (Scrimp, Outcome) {
    let mut policy = Scrimp::new(&world.base, RouterConfig::default());
    let outcome = run(world, &mut policy);
    (policy, outcome)
}

/// Returns the requests of default priority between two times.
fn between(world: &World, from: f64, to: f64) -> Vec<usize> {
    let within = |index: &usize| {
        let request = &world.requests[*index];
        request.at >= from && request.at < to && request.priority == 1
    };
    (0..world.requests.len()).filter(within).collect()
}

#[test]
fn regret_is_at_most_six_percent_and_below_every_other_policys() {
    for seed in FRESH..FRESH + ALL {
        for world in [World::standard(seed, SECONDS), World::random(seed, SECONDS)] {
            let oracle = run(&world, &mut Oracle);
            let mut regrets = policy::all(&world.base, seed)
                .into_iter()
                .map(|mut policy| (policy.name(), run(&world, &mut *policy).regret(&oracle)));
            let (_, ours) = regrets.next().expect("scrimp comes first");
            assert!(ours <= 0.06, "seed {seed}: {ours}");
            for (name, theirs) in regrets {
                assert!(ours < theirs, "seed {seed}, {name}: {theirs}, ours {ours}");
            }
        }
    }
}

#[test]
fn a_newly_best_provider_is_found_within_a_minute() {
    for seed in 0..SEEDS {
        let world = World::standard(seed, SECONDS);
        let (_, outcome) = scrimp(&world);
        let late = world.events.last().expect("the late best comes last");
        let after = between(&world, late.from, SECONDS);
        let mut row = 0;
        let found = after.iter().find(|&&index| {
            row = if outcome.choices[index].0 == late.provider {
                row + 1
            } else {
                0
            };
            row == 10
        });
        let found = world.requests[*found.expect("it is found")].at - late.from;
        assert!(found <= 60.0, "seed {seed}: after {found} s");
    }
}

#[test]
fn an_outage_costs_three_requests_besides_probes() {
    for seed in 0..SEEDS {
        let world = World::standard(seed, SECONDS);
        let (policy, outcome) = scrimp(&world);
        let outage = world.events.iter().find(|event| event.name == "outage");
        let outage = outage.expect("an outage exists");
        let lost = (0..world.requests.len()).filter(|&index| {
            let at = world.requests[index].at;
            let asked = !matches!(policy.reasons[index], Reason::Probed | Reason::Explored);
            at >= outage.from
                && at < outage.to
                && outcome.choices[index] == (outage.provider, true)
                && asked
        });
        let lost = lost.count();
        assert!(lost <= 3, "seed {seed}: {lost}");
    }
}

#[test]
fn a_change_in_the_world_causes_at_most_two_switches() {
    for seed in 0..SEEDS {
        let mut world = World::standard(seed, SECONDS);
        // Small and large requests have different best providers, even without changes.
        world
            .requests
            .iter_mut()
            .for_each(|request| request.size = 1.0);
        let (policy, _) = scrimp(&world);
        // The start and the end of an event are changes; each priority chooses independently.
        let ends = world
            .events
            .iter()
            .filter(|event| event.to < SECONDS)
            .count();
        let changes = 3 * (world.events.len() + ends) as u64;
        let switches = policy.router.switches();
        assert!(
            switches <= 2 * changes,
            "seed {seed}: {switches} for {changes} changes"
        );
    }
}
