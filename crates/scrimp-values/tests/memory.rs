//! The weight of values beside what an allocator sees.

use scrimp_values::{ValueCache, mib};

#[test]
fn the_weight_is_what_is_allocated() {
    let cache = ValueCache::builder(mib(64)).weight(|text: &String| text.capacity() as u64);
    let cache = cache.build().expect("valid settings");
    // What all of the table takes is no part of an entry.
    (0..1_000).for_each(|n| cache.set(format!("first {n}"), "x".repeat(100)));
    let before = cache.stats().bytes;
    let allocated = allocation_counter::measure(|| {
        (0..20_000).for_each(|n| cache.set(format!("{n}"), "x".repeat(100)));
    });
    let weighed = cache.stats().bytes - before;
    let ratio = weighed as f64 / allocated.bytes_current as f64;
    println!(
        "{} bytes per value, weighed to allocated {ratio:.2}",
        weighed / 20_000
    );
    assert!((0.8..1.25).contains(&ratio), "{ratio}");
}
