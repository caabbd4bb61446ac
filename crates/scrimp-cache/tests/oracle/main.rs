//! The same short histories for this cache and for `http-cache-semantics`: a request, its
//! response, a wait, a second request. Where one serves from store and the other asks the
//! origin, a named class has to explain it. `SCRIMP_CASES` sets how many are tried.

#![allow(unreachable_pub, reason = "a test binary exports nothing")]

mod class;
#[path = "../common/mod.rs"]
mod common;
mod history;
mod peer;

use std::{cell::RefCell, collections::BTreeMap};

use common::{Rig, cases::cases, layer, reply};
use history::{History, history};
use proptest::test_runner::{TestCaseError, TestRunner};
use scrimp_cache::Mode;

/// Whether the second request was answered without a call.
fn scrimp_serves(mode: Mode, history: &History) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let given = history.clone();
        let rig = Rig::answering(layer().mode(mode), move |_| {
            reply(given.status, &given.response_fields(), "body")
        });
        rig.get_with("http://h/", &history.first_fields()).await;
        rig.wait(history.wait);
        rig.get_with("http://h/", &history.second_fields())
            .await
            .is_hit()
    })
}

fn compare(mode: Mode) {
    let seen = RefCell::new(BTreeMap::<&str, usize>::new());
    let agreed = RefCell::new(0_usize);
    let mut runner = TestRunner::new(cases(4_000));
    let result = runner.run(&history(), |history| {
        let ours = scrimp_serves(mode, &history);
        let theirs = peer::serves(mode, &history);
        if ours == theirs {
            *agreed.borrow_mut() += 1;
            return Ok(());
        }
        let class = class::explain(mode, &history, ours).ok_or_else(|| {
            let who = if ours { "only scrimp" } else { "only the peer" };
            TestCaseError::fail(format!("{who} serves from store, {mode:?}:\n{history}"))
        })?;
        *seen.borrow_mut().entry(class).or_default() += 1;
        Ok(())
    });
    println!("{mode:?}: {} agreed", agreed.borrow());
    for (class, count) in seen.borrow().iter() {
        println!("{count:>8} {class}");
    }
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn a_shared_cache_disagrees_only_where_a_class_says_why() {
    compare(Mode::Shared);
}

#[test]
fn a_private_cache_disagrees_only_where_a_class_says_why() {
    compare(Mode::Private);
}
