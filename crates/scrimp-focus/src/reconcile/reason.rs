//! Probable reasons of differences.

use std::{
    cmp::Ordering::{Equal, Greater, Less},
    fmt,
};

use serde::Serialize;

use super::{
    Amounts,
    amounts::{costs, counts},
};

/// Probable reason of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProbableReason {
    /// Only the provider has it: others use the account, or calls go around the layers.
    OtherUse,
    /// Only the ledger has it: the export does not reach this day, is of another account, or has another name for
    /// the model.
    NotInExport,
    /// The provider counts more calls: others use the account, or a process ended before its last period was cut.
    MissingCalls,
    /// The ledger counts more calls: the provider does not bill all of them, such as failed ones.
    UnbilledCalls,
    /// The provider counts more tokens of answers for the calls: streams were cut, and what they had cost by then
    /// was estimated too low.
    CutStreams,
    /// The ledger counts more tokens, or other ones of prompts: answers did not report their usage, and it was
    /// estimated.
    Estimated,
    /// The usage agrees and the cost does not: the price has changed, or it is one of another tier, a discount, or
    /// of a cache.
    PriceDiffers,
    /// The ledger does not know the tokens of its calls: their price does not depend on them, or their answers were
    /// not read.
    UsageUnknown,
}

/// Returns the probable reasons of differences beyond the tolerance.
pub(super) fn reasons(ledger: &Amounts, provider: &Amounts, permille: u16) -> Vec<ProbableReason> {
    let requests = counts(ledger.requests, provider.requests, permille);
    let input = counts(ledger.tokens_in, provider.tokens_in, permille);
    let output = counts(ledger.tokens_out, provider.tokens_out, permille);
    let cost = costs(ledger, provider, permille);
    let all = [requests, input, output, cost];
    if all
        .iter()
        .all(|order| order.is_none_or(|order| order == Equal))
    {
        return Vec::new();
    }
    if ledger.is_zero() {
        return vec![ProbableReason::OtherUse];
    }
    if provider.is_zero() {
        return vec![ProbableReason::NotInExport];
    }
    let mut reasons = Vec::new();
    match requests {
        Some(Less) => reasons.push(ProbableReason::MissingCalls),
        Some(Greater) => reasons.push(ProbableReason::UnbilledCalls),
        // Without a count of calls: more of both kinds of tokens means more calls.
        None if (input, output) == (Some(Less), Some(Less)) => {
            reasons.push(ProbableReason::MissingCalls);
        }
        None | Some(Equal) => {}
    }
    let unknown = (ledger.tokens_in, ledger.tokens_out) == (Some(0), Some(0));
    let told = provider.tokens_in.is_some() || provider.tokens_out.is_some();
    if unknown && told {
        reasons.push(ProbableReason::UsageUnknown);
    } else if reasons.is_empty() {
        if output == Some(Less) {
            reasons.push(ProbableReason::CutStreams);
        }
        if output == Some(Greater) || input.is_some_and(|order| order != Equal) {
            reasons.push(ProbableReason::Estimated);
        }
    }
    // A cost that follows from other calls or tokens is no difference of price. Where neither is told, it may be
    // either.
    let agrees = matches!(reasons[..], [] | [ProbableReason::UsageUnknown]);
    let usage_is_told = requests.is_some() || told && !unknown;
    if cost.is_some_and(|order| order != Equal) && agrees {
        if !usage_is_told && cost == Some(Less) {
            reasons.push(ProbableReason::MissingCalls);
        }
        reasons.push(ProbableReason::PriceDiffers);
    }
    reasons
}

// === impl ProbableReason ===

impl fmt::Display for ProbableReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherUse => "only at the provider: another key uses the account, or calls go around the layers",
            Self::NotInExport => {
                "only in the ledger: the export does not reach this day, is of another account, or has another name \
                 for the model"
            }
            Self::MissingCalls => {
                "calls are missing in the ledger: another key uses the account, or a process ended before its last \
                 period was cut"
            }
            Self::UnbilledCalls => "the provider does not bill all calls, such as failed ones",
            Self::CutStreams => "streams were cut, and the tokens of their answers estimated too low",
            Self::Estimated => "answers did not report their usage, and it was estimated",
            Self::PriceDiffers => {
                "the usage agrees and the cost does not: the price has changed, or is of another tier, a discount or a \
                 cache"
            }
            Self::UsageUnknown => "the ledger does not know the tokens of these calls",
        })
    }
}
