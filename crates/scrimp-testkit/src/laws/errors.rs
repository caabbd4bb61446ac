//! Law 15: errors keep their cause.

use std::{error::Error, fmt};

use futures_util::future::join;
use scrimp_core::BoxError;

use super::{
    bench::{Answer, Bench, fetch, within},
    violation::{Breach, Verdict, ensure},
};
use crate::{Reply, ScriptedBody};

#[derive(Debug)]
struct Symptom(Cause);

#[derive(Debug)]
struct Cause;

/// Callers can find the cause of an error, even if there are two callers, and even if the body
/// failed.
pub(super) async fn errors_keep_their_source(bench: &Bench<'_>) -> Verdict {
    let in_future = bench.stage_with(|_, _| Reply::error(Symptom(Cause)).wake());
    let in_body = bench.stage_with(|head, [first, _]| {
        let body = ScriptedBody::new().data(first).wake().error(Symptom(Cause));
        Reply::respond(head.map(|()| body))
    });
    for (place, stage) in [("future", in_future), ("body", in_body)] {
        let call = || fetch(stage.service.clone(), bench.request(0));
        let when = format!("a call that failed in its {place}");
        let (one, two) = within(&when, join(call(), call())).await?;
        leads_to_cause(&when, one)?;
        leads_to_cause(&when, two)?;
    }
    Ok(())
}

fn leads_to_cause(when: &str, answer: Result<Answer, BoxError>) -> Verdict {
    let error = match answer {
        Err(error) => error,
        Ok(answer) => {
            let saw = format!("{when}: {}", answer.parts.status);
            return Err(Breach::new(saw, "the error"));
        }
    };
    let mut next: Option<&(dyn Error + 'static)> = Some(&*error);
    let mut found = false;
    while let Some(error) = next {
        found |= error.is::<Cause>();
        next = error.source();
    }
    ensure(
        found,
        format!("{when}: `{error:?}`, whose sources do not lead to the cause"),
        "`source()` to be kept",
    )
}

// === impl Symptom ===

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call failed")
    }
}

impl Error for Symptom {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

// === impl Cause ===

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scripted cause")
    }
}

impl Error for Cause {}
