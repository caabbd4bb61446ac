//! Hits that no policy can exceed.
//!
//! With equal weights it is Belady's rule (1966), which is exact: of the keys that are held and the
//! new one, the key goes whose next use is furthest away. With unequal weights the exact optimum is
//! out of reach, and this is the bound of Berger, Beckmann and Harchol-Balter (2018), PFOO-U: each
//! interval between two uses takes its weight times its length of memory × time, and the intervals
//! that cost least per hit are taken until all of it is spent.

use std::collections::BTreeSet;

use super::Request;

/// Returns an upper bound of the costs that hits save, for calls that cost unequally: the intervals that
/// save most for their memory × time come first, and a part of the last one counts.
pub(crate) fn saved(requests: &[Request], keys: usize, capacity: u64) -> f64 {
    let mut intervals = reuses(requests, keys, capacity);
    let density = |&(turn, space): &(usize, u128)| requests[turn].cost / space as f64;
    intervals.sort_unstable_by(|a, b| density(b).total_cmp(&density(a)));
    let mut left = capacity as f64 * requests.len() as f64;
    let parts = intervals.iter().map_while(|&(turn, space)| {
        let part = (left / space as f64).min(1.0);
        left -= part * space as f64;
        (part > 0.0).then(|| part * requests[turn].cost)
    });
    parts.sum()
}

/// Returns an upper bound of hits.
pub(crate) fn bound(requests: &[Request], keys: usize, capacity: u64) -> u64 {
    let equal = requests.first().map(|first| first.weight);
    let all_equal = requests.iter().all(|request| Some(request.weight) == equal);
    match equal {
        Some(weight) if all_equal => belady(requests, keys, capacity / weight.max(1)),
        _ => intervals(requests, keys, capacity),
    }
}

fn belady(requests: &[Request], keys: usize, places: u64) -> u64 {
    let mut next = vec![usize::MAX; requests.len()];
    let mut latest = vec![usize::MAX; keys];
    for (turn, request) in requests.iter().enumerate().rev() {
        next[turn] = latest[request.key as usize];
        latest[request.key as usize] = turn;
    }
    let mut held = vec![false; keys];
    // By next use. Keys without one are never held.
    let mut order = BTreeSet::new();
    let mut hits = 0;
    for (turn, request) in requests.iter().enumerate() {
        let key = request.key as usize;
        if std::mem::take(&mut held[key]) {
            hits += 1;
            order.remove(&(turn, key));
        }
        if next[turn] == usize::MAX {
            continue;
        }
        held[key] = true;
        order.insert((next[turn], key));
        if order.len() as u64 > places
            && let Some((_, last)) = order.pop_last()
        {
            held[last] = false;
        }
    }
    hits
}

/// Returns the turns that may be hits, each with the memory × time that its key takes since its last
/// use.
fn reuses(requests: &[Request], keys: usize, capacity: u64) -> Vec<(usize, u128)> {
    let mut latest = vec![usize::MAX; keys];
    let mut reuses = Vec::new();
    for (turn, request) in requests.iter().enumerate() {
        let before = std::mem::replace(&mut latest[request.key as usize], turn);
        if before != usize::MAX && request.weight <= capacity {
            let space = u128::from(request.weight) * (turn - before) as u128;
            reuses.push((turn, space));
        }
    }
    reuses
}

fn intervals(requests: &[Request], keys: usize, capacity: u64) -> u64 {
    let reuses = reuses(requests, keys, capacity);
    let mut costs: Vec<u128> = reuses.into_iter().map(|(_, space)| space).collect();
    costs.sort_unstable();
    let mut left = u128::from(capacity) * requests.len() as u128;
    let affordable = costs.iter().take_while(|&&cost| {
        let fits = cost <= left;
        left = left.saturating_sub(cost);
        fits
    });
    affordable.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(keys: &[u32], weight: impl Fn(u32) -> u64) -> Vec<Request> {
        let request = |&key| Request {
            key,
            weight: weight(key),
            cost: 1.0,
        };
        keys.iter().map(request).collect()
    }

    #[test]
    fn a_loop_over_three_keys_hits_two_times_of_three_with_room_for_two() {
        let keys: Vec<u32> = (0..9).map(|turn| turn % 3).collect();
        // 0 and 1 stay, and 2 is never held.
        assert_eq!(bound(&requests(&keys, |_| 1), 3, 2), 4);
        assert_eq!(bound(&requests(&keys, |_| 1), 3, 3), 6);
    }

    #[test]
    fn what_is_saved_at_most_counts_costs_before_hits() {
        let mut trace = requests(&[0, 1, 1, 0, 1, 0], |_| 1);
        for request in &mut trace {
            request.cost = f64::from(1 + 9 * request.key);
        }
        // All intervals of key 1 (1 and 2 turns), then those of key 0 with room for three turns more.
        assert!((saved(&trace, 2, 1) - (20.0 + 1.0 + 1.0 / 3.0)).abs() < 1e-9);
        assert_eq!(saved(&trace, 2, 2), 22.0);
    }

    #[test]
    fn unequal_weights_are_bounded_by_memory_and_time() {
        let keys = [0, 1, 0, 1];
        let trace = requests(&keys, |key| u64::from(key) + 1);
        // The interval of 0 takes 2, and that of 1 takes 4, of 4 turns × capacity.
        assert_eq!(bound(&trace, 2, 1), 1);
        assert_eq!(bound(&trace, 2, 2), 2);
    }
}
