//! Memory of the layers under floods of what clients can invent: each a hundred times its bound.
//!
//! Each flood has a process of its own, as memory that one has freed would hide that of the next.
//! The figures are the growth of its resident bytes, while the layers still exist:
//!
//! ```text
//! cargo test --release -p scrimp-tests --test floods -- --nocapture
//! ```
#![cfg(target_os = "linux")]

mod cache;
mod calls;
mod money;
mod origin;

use std::{fs, num::NonZero, pin::Pin, process::Command, thread};

use parking_lot::Mutex;

/// Names the flood that a process of its own runs.
const FLOOD: &str = "SCRIMP_FLOOD";

const MIB: usize = 1 << 20;

/// Layers after a flood, which hold what they remember of it.
type Held = Box<dyn Send>;

/// A flood, and the number of bytes that it may leave.
struct Flood {
    name: &'static str,
    run: fn() -> Pin<Box<dyn Future<Output = Held> + Send>>,
    most: usize,
}

fn floods() -> [Flood; 12] {
    let flood = |name, run, most| Flood { name, run, most };
    [
        flood(
            "stored responses",
            || Box::pin(cache::responses()),
            16 * MIB,
        ),
        flood(
            "variants of one key",
            || Box::pin(cache::variants()),
            4 * MIB,
        ),
        flood("bodies in progress", || Box::pin(cache::bodies()), 16 * MIB),
        flood(
            "uncacheable keys",
            || Box::pin(cache::uncacheable()),
            8 * MIB,
        ),
        flood("tags of one response", || Box::pin(cache::tags()), 4 * MIB),
        flood(
            "invalidations",
            || Box::pin(cache::invalidations()),
            96 * MIB,
        ),
        flood("lanes of a batch", || Box::pin(calls::lanes()), 32 * MIB),
        flood("flights", || Box::pin(calls::flights()), 4 * MIB),
        flood("reused responses", || Box::pin(calls::reused()), 160 * MIB),
        flood("targets of writes", || Box::pin(calls::writes()), 4 * MIB),
        flood(
            "stampede metadata",
            || Box::pin(calls::metadata()),
            32 * MIB,
        ),
        flood(
            "accounts of a budget",
            || Box::pin(money::accounts()),
            128 * MIB,
        ),
    ]
}

/// Returns the resident bytes of the heap and the stacks; the program's own pages do not count.
fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number
        .and_then(|number| number.parse::<usize>().ok())
        .expect("a number")
        << 10
}

#[test]
fn a_hundred_times_as_many_names_as_a_bound_leave_bounded_memory() {
    // Their memory is their own, so as many run at once as there are processors.
    let rest = Mutex::new(floods().into_iter());
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(Flood { name, .. }) = next(&rest) {
                    run_alone(name);
                }
            });
        }
    });
}

fn next(rest: &Mutex<impl Iterator<Item = Flood>>) -> Option<Flood> {
    rest.lock().next()
}

fn run_alone(name: &str) {
    let this = std::env::current_exe().expect("this program");
    let flood = Command::new(this)
        .args(["--exact", "a_flood_of_a_process_of_its_own", "--nocapture"])
        .env(FLOOD, name)
        .output()
        .expect("a process");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, error) = (text(&flood.stdout), text(&flood.stderr));
    assert!(flood.status.success(), "{name}: {out}{error}");
    for line in out.lines().filter(|line| line.ends_with("MiB")) {
        println!("{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_a_process_of_its_own() {
    let Ok(wanted) = std::env::var(FLOOD) else {
        return;
    };
    let flood = floods().into_iter().find(|flood| flood.name == wanted);
    let Flood { name, run, most } = flood.expect("the name of a flood");
    let before = resident();
    let held = run().await;
    let growth = resident().saturating_sub(before);
    drop(held);
    let tenths = growth * 10 / MIB;
    println!("{name}: {}.{} MiB", tenths / 10, tenths % 10);
    assert!(
        growth < most,
        "{name}: {growth} bytes, and {most} are allowed"
    );
}
