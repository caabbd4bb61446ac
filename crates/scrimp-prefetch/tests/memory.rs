//! What the model and a request take.

use http::Uri;
use scrimp_prefetch::{ItemId, MarkovPredictor, Predictor, Trail, Visit};

#[test]
fn the_model_allocates_nothing_after_it_was_made() {
    let mut model = MarkovPredictor::builder()
        .contexts(1_024)
        .items(256)
        .build()
        .unwrap();
    let bytes = model.bytes();
    let (uri, mut predictions) = (Uri::from_static("/"), Vec::with_capacity(64));
    let taken = allocation_counter::measure(|| {
        // A hundred times as many contexts and items as it has room for.
        for session in 0..2_560_u32 {
            let mut trail = Trail::new();
            for step in 0..10 {
                let item = ItemId::of_hash(u64::from(session * 10 + step + 1));
                model.observe(&trail, &Visit::new(item, &uri, None));
                trail.push(item);
                predictions.clear();
                model.predict(&trail, &Visit::new(item, &uri, None), &mut predictions);
            }
        }
    });
    assert_eq!(taken.count_total, 0);
    assert_eq!(model.bytes(), bytes);
}

#[test]
fn the_default_model_takes_ten_megabytes() {
    let bytes = MarkovPredictor::new().bytes();
    assert!((9_500_000..10_500_000).contains(&bytes), "{bytes}");
}
