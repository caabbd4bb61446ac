//! Analysis of losses: the chosen and the best provider of each period.

use std::fmt::Write;

use crate::{
    policy::Policy,
    run::{Oracle, Outcome, run},
    world::World,
};

const PRIORITIES: [&str; 3] = ["low", "default", "high"];

/// Describes a world and the losses of a policy in it, as text.
pub(crate) fn text(world: &World, policy: &mut dyn Policy) -> String {
    let oracle = run(world, &mut Oracle);
    let outcome = run(world, policy);
    let mut text = format!(
        "{}: {:.2} % regret\n",
        policy.name(),
        100.0 * outcome.regret(&oracle)
    );
    for (index, state) in world.base.iter().enumerate() {
        let _ = writeln!(
            text,
            "provider {index}: ${:.5}, {:.2} s, {:.1} % errors, quality {:.2}",
            state.price,
            state.latency,
            100.0 * state.errors,
            state.quality
        );
    }
    let mut cuts = vec![0.0];
    for event in &world.events {
        let _ = writeln!(
            text,
            "{:.0} to {:.0} s, provider {}: {}, {:?}",
            event.from, event.to, event.provider, event.name, event.change
        );
        cuts.extend([event.from, event.to]);
    }
    let end = world.requests.last().map_or(0.0, |request| request.at);
    cuts.retain(|at| *at < end);
    cuts.sort_by(f64::total_cmp);
    cuts.push(end + 1.0);
    for pair in cuts.windows(2) {
        for priority in 0..PRIORITIES.len() {
            stretch(&mut text, world, [&oracle, &outcome], pair, priority);
        }
    }
    text
}

fn stretch(
    text: &mut String,
    world: &World,
    [oracle, outcome]: [&Outcome; 2],
    pair: &[f64],
    priority: usize,
) {
    let count = world.base.len();
    let [mut best, mut chosen] = [vec![0; count], vec![0; count]];
    let mut lost = 0.0;
    for (index, request) in world.requests.iter().enumerate() {
        if request.at < pair[0] || request.at >= pair[1] || request.priority != priority {
            continue;
        }
        best[oracle.choices[index].0] += 1;
        chosen[outcome.choices[index].0] += 1;
        let of = |outcome: &Outcome| {
            outcome.course[index]
                - index
                    .checked_sub(1)
                    .map_or(0.0, |before| outcome.course[before])
        };
        lost += of(outcome) - of(oracle);
    }
    let _ = writeln!(
        text,
        "{:>5.0} s {:<8} {:>6.2} %  best {best:?} chosen {chosen:?}",
        pair[0],
        PRIORITIES[priority],
        100.0 * lost / oracle.total
    );
}
