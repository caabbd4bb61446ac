//! Lines of budgets that a store kept.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scrimp_cost_route::{Budget, BudgetLine, Cap, Period};
use scrimp_fuzz::cost::{SMALL, within};

fuzz_target!(|data: &[u8]| {
    let lines = data.split(|&byte| byte == b'\n');
    let lines: Vec<BudgetLine> = lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    for line in &lines {
        let json = serde_json::to_string(line).expect("a line");
        assert_eq!(
            serde_json::from_str::<BudgetLine>(&json).ok().as_ref(),
            Some(line)
        );
    }
    let caps = || {
        [
            Cap::new("a", "10", Period::Day),
            Cap::new("b", "1 EUR", Period::Forever),
        ]
    };
    let budget = Budget::new(caps());
    if within(SMALL, || budget.restore(&lines)).is_err() {
        assert!(budget.snapshot().is_empty(), "nothing is restored by half");
        return;
    }
    // What was restored can be restored.
    let kept = budget.snapshot();
    let again = Budget::new(caps());
    again.restore(&kept).expect("its own lines");
    assert_eq!(again.snapshot(), kept);
    assert!(kept.len() <= lines.len());
    assert!(kept.iter().all(|line| !line.spent.is_negative()));
});
