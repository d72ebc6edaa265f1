//! A phone loses its network: the HIGH message it missed arrives when it comes back by its token.
//!
//! `cargo run -p grandstand-client --example resume -- --server http://127.0.0.1:8080 --app-id APP`
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;

use clap::Parser;
use grandstand_client::{Client, Event, Level, Outgoing, text_of};
use serde_json::Map;

#[derive(Parser)]
struct Options {
    /// The server's URL: http://, https://, ws:// or wss://.
    #[arg(long, env = "GRANDSTAND_SERVER", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// The app id that the server printed at its start.
    #[arg(long, env = "GRANDSTAND_APP_ID")]
    app_id: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let builder = |client| Client::builder(&options.server, &options.app_id, client);
    let (host, _events) = builder("host").open().await?;
    let room = host.create_room("Resume", Map::new()).await?;

    let (phone, events) = builder("phone").device_id("phone-1").open().await?;
    phone.join(&room).await?;
    let token = phone.token();
    // No farewell: to the server, the phone is in a tunnel.
    drop((phone, events));
    while host.count(&room).await? > 1 {
        tokio::task::yield_now().await;
    }
    println!("the phone is gone; {} online", host.count(&room).await?);

    host.send(&room, Outgoing::text("small talk").level(Level::Low)).await?;
    host.send(&room, Outgoing::text("a rocket for everybody").level(Level::High)).await?;

    let (phone, mut events) = builder("phone").device_id("phone-1").resume(&token).open().await?;
    println!(
        "the phone is back in {:?}; {} online",
        phone.joined(std::slice::from_ref(&room)).await?,
        host.count(&room).await?
    );
    if let Some(Event::Message(message)) = events.next().await {
        println!("it missed: {}", text_of(&message.body).unwrap_or_default());
    }
    phone.close().await?;
    host.close().await?;
    Ok(())
}
