//! Kicks and bans while clients are busy: nothing that they are given meanwhile outlives them, and a failure stops
//! nothing else.

use grandstand_protocol::{ClientId, Code, Command, Event, Open, Token};
use serde_json::json;

use crate::{guest::Guest, messages::NOBODY, server::Server};

/// More than fit into the time of a kick.
const REFRESHES: usize = 5000;

/// Asks for new tokens for as long as it gets any; returns the last one.
async fn refresh_until_closed(mut guest: Guest, Token { mut text, .. }: Token) -> String {
    for _ in 0..REFRESHES {
        // An open of what is open gives a token, too: Java opens again by itself.
        let open = Open { reopen: true, token: Some(text.clone()), ..Open::default() };
        for command in [Command::Refresh { token: None }, Command::Open(Box::new(open))] {
            match guest.ask(command).await {
                Event::Refreshed { token } | Event::Opened { token } => text = token.text,
                Event::Failed { .. } => return text,
                other => panic!("a token or the end, not {other:?}"),
            }
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_that_is_asked_for_during_a_kick_does_not_count() {
    let server = Server::start().await;
    for round in 0..20 {
        let name = format!("ann {round}");
        let (guest, token) = Guest::log_in(server.address, &name).await;
        let path = format!("/1.2/rtm/clients/ann%20{round}/kick");
        let (token, kicked) =
            tokio::join!(refresh_until_closed(guest, token), server.master("POST", &path, NOBODY));
        kicked.ok();
        let mut again = Guest::connect(server.address, &name).await;
        let open = Open { reopen: true, token: Some(token), ..Open::default() };
        let answer = again.ask(Command::Open(Box::new(open))).await;
        assert!(
            matches!(&answer, Event::Failed { fault } if fault.is(Code::SessionTokenExpired)),
            "round {round}: {answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_returns_by_its_token_during_a_kick_is_out_behind_it() {
    let server = Server::start().await;
    for round in 0..10 {
        let name = format!("ann {round}");
        let (guest, token) = Guest::log_in(server.address, &name).await;
        drop(guest);
        let mut returning = Vec::new();
        for _ in 0..40 {
            returning.push(Guest::connect(server.address, &name).await);
        }
        let open = Open { reopen: true, token: Some(token.text), ..Open::default() };
        let all_return = async {
            for guest in &mut returning {
                guest.send(Command::Open(Box::new(open.clone()))).await;
            }
        };
        let path = format!("/1.2/rtm/clients/ann%20{round}/kick");
        let (kicked, ()) = tokio::join!(server.master("POST", &path, NOBODY), all_return);
        kicked.ok();
        for guest in &mut returning {
            // The session that it opened, if it did, was kicked, or taken over by the next one.
            let answer = guest.read().await.expect("an answer").event;
            assert!(matches!(answer, Event::Opened { .. } | Event::Failed { .. }), "{answer:?}");
        }
        let online =
            server.master("POST", "/1.2/rtm/clients/check-online", json!({ "client_ids": [name] })).await;
        assert_eq!(online.ok(), json!({ "results": [] }), "round {round}");
    }
}

#[tokio::test]
async fn a_ban_of_a_network_ends_all_sessions_though_one_could_not_be_written() {
    let server = Server::start().await;
    let mut guests = Vec::new();
    for name in ["ann", "bob", "cid"] {
        guests.push(Guest::log_in(server.address, name).await);
    }
    let database = rusqlite::Connection::open(server.data.path().join("grandstand.db")).unwrap();
    let broken = "CREATE TRIGGER broken BEFORE INSERT ON revocations WHEN NEW.client = 'bob'
                  BEGIN SELECT RAISE(ABORT, 'broken'); END";
    database.execute_batch(broken).unwrap();
    let ban = json!({ "address": "127.0.0.0/8" });
    server.master("POST", "/1.2/rtm/bans", ban).await.refused(503, 4200);
    for (guest, _) in &mut guests {
        let closed = guest.hear_event(|event| matches!(event, Event::Closed { .. })).await;
        assert!(
            matches!(&closed, Event::Closed { fault: Some(fault) } if fault.is(Code::Blacklisted)),
            "{closed:?}"
        );
    }
    let revoked = async || {
        let mut names: Vec<ClientId> = server
            .node
            .store
            .revoked_clients(server.clock.wall())
            .await
            .unwrap()
            .into_iter()
            .map(|row| row.1)
            .collect();
        names.sort();
        names.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(revoked().await, ["ann", "cid"]);

    // Nor does the token count that stayed in the store.
    server.master("DELETE", "/1.2/rtm/bans?address=127.0.0.0/8", NOBODY).await.ok();
    let mut bob = Guest::connect(server.address, "bob").await;
    let open = Open { reopen: true, token: Some(guests[1].1.text.clone()), ..Open::default() };
    let answer = bob.ask(Command::Open(Box::new(open))).await;
    assert!(matches!(&answer, Event::Failed { fault } if fault.is(Code::SessionTokenExpired)), "{answer:?}");
}
