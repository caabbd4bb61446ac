//! The laws of a tower service, as tests over any layer.
//!
//! [`contract!`](crate::contract) makes one `#[test]` per law; [`assert_all`] runs all of them in
//! one. Each law runs in its own runtime, on one thread under a paused clock, so that one test
//! cannot affect the next, and a layer that waits without end is detected at once. A breach of the
//! tower contract fails the law during which it occurs, even if the panic is lost in a task.

mod alone;
mod bench;
mod body;
mod cancel;
mod commit;
mod contract;
mod errors;
mod extensions;
mod panics;
mod permits;
mod polls;
mod readiness;
mod shared;
mod sharing;
mod violation;

use std::{fmt, future::Future, panic::AssertUnwindSafe, pin::Pin};

use futures_util::FutureExt;

use self::bench::{Bench, settle, within};
pub use self::violation::Violation;
use self::violation::{Breach, Verdict};
use crate::Subject;

/// One law.
#[derive(Clone, Copy)]
pub struct Law {
    number: u8,
    name: &'static str,
    test: Test,
}

type Test = for<'a> fn(&'a Bench<'a>) -> Pin<Box<dyn Future<Output = Verdict> + 'a>>;

macro_rules! laws {
    ($($number:literal $module:ident::$name:ident),* $(,)?) => {
        /// All laws, by number.
        pub const ALL: &[Law] = &[$(Law {
            number: $number,
            name: stringify!($name),
            test: |bench| Box::pin($module::$name(bench)),
        }),*];
    };
}

laws! {
    1 readiness::no_permit_is_stranded,
    1 readiness::readiness_is_honest,
    1 readiness::an_unready_inner_fails_the_call_not_the_layer,
    2 alone::a_hit_needs_no_backend,
    3 shared::services_of_one_layer_share_state,
    4 readiness::a_clone_is_not_ready,
    5 cancel::a_call_may_be_dropped_at_every_await,
    5 cancel::a_hundred_cancelled_calls_leave_nothing,
    5 cancel::a_dropped_caller_does_not_disturb_the_others,
    6 panics::a_panic_leaves_no_key_wedged,
    7 cancel::an_unpolled_call_is_not_dispatched,
    8 polls::no_poll_without_a_wake,
    8 sharing::a_crowd_makes_one_call_and_is_polled_for_its_answer,
    9 permits::a_permit_lives_as_long_as_the_body,
    10 body::the_reported_length_of_a_body_is_true,
    10 body::an_empty_frame_is_not_the_end,
    10 body::trailers_are_kept,
    11 commit::only_a_clean_end_is_committed,
    11 sharing::an_incomplete_body_is_no_callers_response,
    14 extensions::extensions_survive,
    15 errors::errors_keep_their_source,
    17 readiness::refusals_come_from_the_future,
    19 sharing::a_private_response_goes_to_one_caller,
}

/// Returns the law of this name.
///
/// # Panics
///
/// If there is no such law.
#[must_use]
pub fn law(name: &str) -> Law {
    let found = ALL.iter().find(|law| law.name == name);
    *found.unwrap_or_else(|| panic!("there is no law named `{name}`"))
}

/// Checks the layer against the law of this name.
///
/// # Panics
///
/// If the layer breaks the law, or there is no such law.
pub fn assert(name: &str, subject: &Subject) {
    if let Err(violation) = law(name).check(subject) {
        panic!("{violation}");
    }
}

/// Checks the layer against every law.
///
/// # Panics
///
/// If the layer breaks a law. The message names each broken law.
pub fn assert_all(subject: &Subject) {
    let broken = ALL.iter().filter_map(|law| law.check(subject).err());
    let broken: Vec<String> = broken.map(|violation| violation.to_string()).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

// === impl Law ===

impl Law {
    /// Returns the number of the law; several tests may share one number.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.number
    }

    /// Returns the law as the name of a test.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Checks a layer against the law.
    ///
    /// # Errors
    ///
    /// If the layer breaks the law: the observation and the expectation.
    ///
    /// # Panics
    ///
    /// If called inside a runtime: the law makes its own.
    pub fn check(&self, subject: &Subject) -> Result<(), Violation> {
        if let Some(reason) = subject.exception(self.name) {
            // Printed with the test's output, so that exceptions stay visible.
            eprintln!(
                "law {} ({}) does not apply: {reason}",
                self.number, self.name
            );
            return Ok(());
        }
        let bench = Bench::new(subject);
        let run = async {
            let verdict = within("the test as a whole", (self.test)(&bench)).await;
            // Tasks without a joining caller can break the contract too.
            settle().await;
            verdict?
        };
        let verdict = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without I/O asks nothing of the machine")
            .block_on(AssertUnwindSafe(run).catch_unwind());
        let verdict = match (bench.faults().first(), verdict) {
            (Some(fault), _) => Err(Breach::new(*fault, "the tower contract to be kept")),
            (None, Ok(verdict)) => verdict,
            (None, Err(panic)) => Err(Breach::new(
                format!("a panic: {}", message(&*panic)),
                "none that the test did not script",
            )),
        };
        verdict.map_err(|breach| Violation::new(*self, breach))
    }
}

impl fmt::Debug for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Law({} {})", self.number, self.name)
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
