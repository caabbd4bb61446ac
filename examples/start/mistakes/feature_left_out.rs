// says: the item is gated behind the `limit` feature
use scrimp::limit::LimitLayer;

fn main() {
    let _ = LimitLayer::per_second(10).build();
}
