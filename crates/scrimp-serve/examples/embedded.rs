//! The gateway inside a program of one's own: `cargo run --example embedded -- gateway.toml`.

use scrimp_gateway::stop_signal;
use scrimp_serve::Server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("which configuration?")?;
    let server = Server::open(file).await?;
    println!("listening on {}", server.address()?);
    server.run(stop_signal()?).await;
    Ok(())
}
