//! Random schedules in virtual time: random arrivals and deadlines, jobs of random durations, calls that fail.

mod vendor;

use std::time::Duration;

use futures_util::future::join_all;
use http_body_util::Full;
use scrimp_core::extensions::Deadline;
use tokio::time::{Instant, sleep};
use vendor::{
    Chance, Form,
    rig::{HOUR, Rig},
};

/// Outcome of one schedule.
#[derive(Debug, Default, Clone, Copy)]
struct Night {
    requests: u64,
    missed: u64,
    wrong: u64,
    from_jobs: u64,
    own: u64,
    late: u64,
    twice: u64,
}

async fn night(form: Form, seed: u64, requests: u64) -> Night {
    let mut random = fastrand::Rng::with_seed(seed);
    let rig = Rig::new(form);
    rig.vendor.state().chance = Some(Chance {
        random: random.fork(),
        job: HOUR * random.u32(1..12),
        own: Duration::from_secs(50),
        faults: 0.2 * random.f64(),
    });
    let ask = |n: u64, after: Duration, time: Duration| {
        let rig = &rig;
        async move {
            sleep(after).await;
            let due = Instant::now() + time;
            let mut request = vendor::rig::request(form, vendor::rig::BASE, n, "ok").map(Full::new);
            request.extensions_mut().insert(Deadline(due));
            let (status, body) = rig.ask(request).await;
            (
                status == 200 && body["n"] == n,
                body["own"] == true,
                Instant::now() > due,
            )
        }
    };
    let all = (0..requests).map(|n| {
        let after = HOUR.mul_f64(8.0 * random.f64());
        // Some come in crowds with the same deadline.
        let after = if n % 3 == 0 { HOUR } else { after };
        let time = if n % 3 == 0 {
            9 * HOUR
        } else {
            HOUR.mul_f64(0.1 + 20.0 * random.f64())
        };
        ask(n, after, time)
    });
    let answers = join_all(all.collect::<Vec<_>>()).await;
    let state = rig.vendor.state();
    Night {
        requests,
        missed: answers.iter().filter(|(_, _, missed)| *missed).count() as u64,
        wrong: answers.iter().filter(|(right, _, _)| !right).count() as u64,
        from_jobs: answers.iter().filter(|(_, own, _)| !own).count() as u64,
        own: state.own.values().sum(),
        late: state
            .paid
            .keys()
            .filter(|n| state.own.contains_key(n))
            .count() as u64,
        twice: state.paid.values().filter(|count| **count > 1).count() as u64,
    }
}

#[tokio::test(start_paused = true)]
async fn no_deadline_is_missed_and_nothing_is_paid_twice_in_jobs_on_any_schedule() {
    let seeds = std::env::var("SCRIMP_JOBS_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(4);
    let mut all = Night::default();
    for seed in 0..seeds {
        let form = [Form::OpenAi, Form::Anthropic, Form::Gemini, Form::Mistral][seed as usize % 4];
        let night = night(form, seed, 150).await;
        assert_eq!(
            (night.missed, night.wrong, night.twice),
            (0, 0, 0),
            "{form:?}, seed {seed}: {night:?}"
        );
        all.requests += night.requests;
        all.from_jobs += night.from_jobs;
        all.own += night.own;
        all.late += night.late;
    }
    assert!(all.from_jobs > all.requests / 2, "{all:?}");
    println!("{all:?}");
}
