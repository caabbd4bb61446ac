//! Many nodes and a server under a scheduler that picks every delay, loss and failure by a seed.
//!
//! The nodes run the protocol as the driver does. The marks and the server are models; the tests of
//! `redis` hold the latter against a real server.

mod host;
mod law;
mod marks;
mod report;
mod server;
mod world;

pub(super) use server::Server;

use std::time::Duration;

use super::protocol::{Timing, WhenBehind};
use report::Report;
use world::World;

/// Number of steps: 10⁶ in all, or what the long form says.
fn steps() -> u64 {
    std::env::var("SCRIMP_FLEET_STEPS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000)
}

/// Runs a part of the steps on worlds of many sizes, and adds up what happened.
fn run(timing: Timing, share: u64) -> Report {
    let mut report = Report::default();
    let mut left = steps() / share;
    for seed in 1.. {
        // Only the long form comes to the largest one.
        let (nodes, steps) = match seed % 32 {
            31 => (1_000, 2_000_000),
            _ => ([2, 3, 8, 40][seed as usize % 4], 100_000),
        };
        let steps = left.min(steps);
        let mut world = World::new(nodes, timing, seed);
        world.run(steps);
        world.calm_down();
        report.add(&world.report);
        left -= steps;
        if left == 0 {
            break;
        }
    }
    report
}

#[test]
fn no_node_serves_what_was_invalidated_before_the_bound() {
    for when_behind in [
        WhenBehind::Bypass,
        WhenBehind::UseFor(Duration::from_secs(5)),
    ] {
        let timing = Timing {
            when_behind,
            ..Timing::default()
        };
        let report = run(timing, 2);
        eprintln!("{when_behind:?}: {report:?}");
        assert_eq!(report.stale, 0, "{when_behind:?}: {report:?}");
        // Otherwise the law would hold for nodes that use nothing.
        assert!(report.from_store * 2 > report.reads, "{report:?}");
        let rare = [
            report.wiped,
            report.rolled_back,
            report.trimmed,
            report.restarted,
            report.refused,
        ];
        assert!(rare.iter().all(|count| *count > 9), "{report:?}");
    }
}

#[test]
fn the_law_finds_a_node_that_does_not_notice_silence() {
    let timing = Timing {
        missed: Duration::from_secs(3_600),
        ..Timing::default()
    };
    assert!(run(timing, 10).stale > 0);
}

#[test]
fn what_the_server_takes_no_record_of_holds_on_all_nodes_and_is_appended_without_its_writer() {
    for seed in 0..20 {
        let mut world = World::new(8, Timing::default(), seed);
        world.calm_down();
        // Otherwise those who are told have nothing of their own to append.
        if seed % 2 == 0 {
            world.refuse_for(Duration::from_secs(40));
        }
        world.end_writer();
        world.settle();
        let report = &world.report;
        assert_eq!(report.stale, 0, "{report:?}");
        assert!(report.from_store * 2 > report.reads, "{report:?}");
    }
}
