// says: take `JsonRpc`, `GraphQl` or `RestJson`
use scrimp::batch::BatchLayer;

fn main() {
    let _ = BatchLayer::builder("json");
}
