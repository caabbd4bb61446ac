//! Predictors that fail, and floods.

use crate::rig;

use std::sync::mpsc;

use rig::{Rig, by_header, eager, get, pass, seconds};
use scrimp_prefetch::{Next, Prediction, Predictor, PrefetchLayerBuilder, Trail, Visit};
use scrimp_testkit::Reply;
use tower::ServiceExt;

/// Panics at every other request, and predicts /b at the others.
#[derive(Debug, Default)]
struct Panics(u32);

impl Predictor for Panics {
    fn observe(&mut self, _: &Trail, _: &Visit<'_>) {}

    fn predict(&mut self, _: &Trail, _: &Visit<'_>, predictions: &mut Vec<Prediction>) {
        self.0 += 1;
        assert!(self.0.is_multiple_of(2), "a predictor's own fault");
        let next = Next::Path("/b".into());
        predictions.push(Prediction::new(next, 0.9, seconds(0)));
    }

    fn is_declared(&self) -> bool {
        true
    }
}

/// Waits until the test lets it go on.
#[derive(Debug)]
struct Slow {
    asked: mpsc::Sender<()>,
    goes_on: mpsc::Receiver<()>,
}

impl Predictor for Slow {
    fn observe(&mut self, _: &Trail, _: &Visit<'_>) {}

    fn predict(&mut self, _: &Trail, _: &Visit<'_>, _: &mut Vec<Prediction>) {
        let _ = self.asked.send(());
        let _ = self.goes_on.recv();
    }
}

/// Predicts a path that no request has named, at each request another one.
#[derive(Debug, Default)]
struct Invents(u32);

impl Predictor for Invents {
    fn observe(&mut self, _: &Trail, _: &Visit<'_>) {}

    fn predict(&mut self, _: &Trail, _: &Visit<'_>, predictions: &mut Vec<Prediction>) {
        for class in 0..8 {
            self.0 += 1;
            let next = Next::Path(format!("/invented/{}", self.0));
            predictions.push(Prediction::new(next, 0.9, seconds(600)).class(class));
        }
    }

    fn is_declared(&self) -> bool {
        true
    }

    fn is_quick(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn a_predictor_that_panics_harms_no_request_and_is_asked_again() {
    let rig = Rig::new(eager().predictor(Panics::default()));
    for session in ["ann", "bob"] {
        assert_eq!(rig.get(session, "/a").await.body(), "/a");
    }
    // Its thread is outside of the paused clock.
    while rig.stats().calls == 0 {
        tokio::task::yield_now().await;
    }
    let stats = rig.stats();
    assert_eq!((stats.predictor_failures, stats.calls), (1, 1));
}

#[tokio::test]
async fn a_slow_predictor_harms_no_request_and_the_queue_is_bounded() {
    let ((asked, is_asked), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
    let slow = Slow { asked, goes_on };
    let rig = Rig::new(eager().predictor(slow).max_events(4));
    for n in 0..400 {
        let call = rig.service.clone().oneshot(get("ann", &format!("/{n}")));
        assert!(call.await.unwrap().status().is_success());
    }
    let stats = rig.stats();
    assert_eq!(stats.requests + stats.dropped, 400);
    assert!(stats.requests <= 6, "{stats:?}");
    drop(go_on);
    tokio::task::spawn_blocking(move || is_asked.recv())
        .await
        .unwrap()
        .unwrap();
}

fn few(builder: PrefetchLayerBuilder) -> PrefetchLayerBuilder {
    builder.max_sessions(10).max_items(10).max_pending(10)
}

#[tokio::test(start_paused = true)]
async fn a_hundred_times_as_many_sessions_targets_and_plans_are_bounded() {
    let rig = Rig::new(few(eager()).predictor(Invents::default()));
    for n in 0..1_000 {
        rig.get(&format!("session {n}"), &format!("/{n}")).await;
        let stats = rig.stats();
        assert!(stats.sessions <= 10 && stats.entries <= 10, "{stats:?}");
    }
    let stats = rig.stats();
    assert_eq!(stats.calls, 0, "their time has not come");
    assert!(stats.prefetches_full >= 2_900, "{stats:?}");
    pass(seconds(700)).await;
    assert!(rig.stats().calls <= 10);
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_are_in_flight_than_allowed() {
    let builder = eager().predictor(Invents::default()).max_fetches(2);
    let rig = Rig::answering(builder.lead(seconds(600)), |parts| {
        let reply = Reply::respond(rig::page(parts));
        match parts.uri.path().starts_with("/invented") {
            true => reply.delay(seconds(10)),
            false => reply,
        }
    });
    for n in 0..20 {
        rig.get("ann", &format!("/{n}")).await;
        assert!(rig.stats().in_flight <= 2);
    }
    assert_eq!(rig.upstream.max_in_flight(), 3, "two, and the caller");
}

#[tokio::test(start_paused = true)]
async fn prefetches_that_do_not_pay_stop_for_a_while() {
    // A price that pays at 5 %, and a rule that is never right.
    let builder = by_header().value_of_waiting("0.2").price("0.01");
    let rules = scrimp_prefetch::RulePredictor::new();
    let rules = rules.rule("/{page}", "/never?after={page}", 1.0, seconds(0));
    let rig = Rig::new(builder.rules(rules.unwrap()).keep(seconds(10)));
    for n in 0..2_000 {
        rig.get(&format!("{n}"), &format!("/{n}")).await;
        pass(seconds(1)).await;
    }
    let stats = rig.stats();
    assert!(stats.calls < 150, "{stats:?}");
    assert!(stats.unpaid > 1_500, "{stats:?}");
    assert!(stats.net.is_negative() && stats.useful == 0, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn an_hour_costs_no_more_than_its_budget() {
    let builder = eager().budget_per_hour("0.005");
    let rig = Rig::new(builder.predictor(Invents::default()).lead(seconds(600)));
    for n in 0..100 {
        rig.get("ann", &format!("/{n}")).await;
    }
    let stats = rig.stats();
    assert_eq!(stats.calls, 5, "{stats:?}");
    assert!(stats.over_budget > 0, "{stats:?}");
}
