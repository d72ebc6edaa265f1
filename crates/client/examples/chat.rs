//! Two clients in one room: create, find, join, talk, edit, recall, read history, leave.
//!
//! `cargo run -p grandstand-client --example chat -- --server http://127.0.0.1:8080 --app-id APP`
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;

use clap::Parser;
use grandstand_client::{Client, Event, Events, HistoryQuery, Level, Outgoing, Push, RoomQuery, text_of};
use serde_json::{Map, json};

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
    let (ann, mut to_ann) = Client::builder(&options.server, &options.app_id, "ann").open().await?;
    let (bob, mut to_bob) = Client::builder(&options.server, &options.app_id, "bob").open().await?;

    let name = format!("Final {}", std::process::id());
    let attributes = Map::from_iter([("topic".to_owned(), json!("football"))]);
    let room = ann.create_room(&name, attributes).await?;
    println!("ann created room {room} and is in it");

    let found = bob.query(RoomQuery::new().name(&name).filter("attr.topic", "football")).await?;
    println!("bob found {:?} by {:?}", found[0].name, found[0].creator);
    bob.join(&found[0].id).await?;
    println!("{} clients are online: {:?}", ann.count(&room).await?, ann.members(&room, 10).await?);

    bob.send(&room, Outgoing::text("what a goal")).await?;
    println!("ann reads: {}", words(&next_message(&mut to_ann).await?));
    ann.send(&room, Outgoing::json(&json!({"_lctype": 7, "gift": "rocket"})).level(Level::High)).await?;
    println!("bob gets a gift: {:?}", next_message(&mut to_bob).await?.body);

    let typo = ann.send(&room, Outgoing::text("offsite")).await?;
    next_message(&mut to_bob).await?;
    ann.update_message(&typo, Outgoing::text("offside").into_body()).await?;
    println!("bob sees an edit: {:?}", next_event(&mut to_bob).await?);
    ann.recall(&typo).await?;
    println!("bob sees a recall: {:?}", next_event(&mut to_bob).await?);

    for item in bob.history(&room, HistoryQuery::newest().limit(10)).await? {
        println!("history: {} {} {:?}", item.timestamp, item.from, item.body);
    }
    bob.quit(&room).await?;
    println!("bob left; {} online", ann.count(&room).await?);
    bob.close().await?;
    ann.close().await?;
    Ok(())
}

async fn next_event(events: &mut Events) -> Result<Event, Box<dyn Error>> {
    Ok(events.next().await.ok_or("the session has ended")?)
}

async fn next_message(events: &mut Events) -> Result<Push, Box<dyn Error>> {
    loop {
        if let Event::Message(message) = next_event(events).await? {
            return Ok(*message);
        }
    }
}

fn words(message: &Push) -> String {
    format!("{}: {}", message.from, text_of(&message.body).unwrap_or_default())
}
