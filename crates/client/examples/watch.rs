//! Watches a room: prints what happens in it, through drops of the connection, until Ctrl-C.
//!
//! `cargo run -p grandstand-client --example watch -- --app-id APP --room ROOM`
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;

use clap::Parser;
use grandstand_client::{Client, Event, HistoryQuery, RoomId, text_of};

#[derive(Parser)]
struct Options {
    /// The server's URL: http://, https://, ws:// or wss://.
    #[arg(long, env = "GRANDSTAND_SERVER", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// The app id that the server printed at its start.
    #[arg(long, env = "GRANDSTAND_APP_ID")]
    app_id: String,
    /// The room's id.
    #[arg(long)]
    room: String,
    /// Whose eyes: any client id that is not in use.
    #[arg(long, default_value = "watcher")]
    client: String,
    /// Leave after so many messages.
    #[arg(long)]
    messages: Option<usize>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let room = RoomId::from(options.room);
    let (client, mut events) =
        Client::builder(&options.server, &options.app_id, &options.client).open().await?;
    client.join(&room).await?;
    for item in client.history(&room, HistoryQuery::newest().limit(10)).await? {
        println!("before  {} {:?}", item.from, item.body);
    }
    let mut left = options.messages.unwrap_or(usize::MAX);
    while left > 0 {
        let event = tokio::select! {
            event = events.next() => event,
            _ = tokio::signal::ctrl_c() => None,
        };
        match event {
            Some(Event::Message(message)) => {
                left -= 1;
                let words = text_of(&message.body).unwrap_or_else(|| format!("{:?}", message.body));
                println!("message {} {words}", message.from);
            }
            Some(Event::Connected { away }) => {
                println!("back after {away:?}");
                // The server kept the place for 30 minutes; joining again does no harm.
                client.join(&room).await?;
            }
            Some(Event::Disconnected(why)) => println!("lost: {why}; trying again"),
            Some(other) => println!("{other:?}"),
            None => break,
        }
    }
    client.close().await?;
    Ok(())
}
