//! The permission matrix: who may do what, where, and over which transport, as `table.md` says, against a real server.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

mod commands;
mod database;
#[path = "../gateway/guest.rs"]
#[expect(dead_code, reason = "the gateway's tests need more of it")]
mod guest;
mod http;
#[path = "../gateway/raw.rs"]
#[expect(dead_code, reason = "the gateway's tests need more of it")]
mod raw;
mod revocation;
mod scene;
mod server;
mod socket;
mod table;

use std::{collections::BTreeSet, sync::Arc};

use grandstand::api::listed_routes;
use tokio::{
    sync::{Mutex, Semaphore},
    task::JoinSet,
};

use crate::{
    scene::{Cell, Scene},
    server::Server,
    table::{Operation, Table},
};

/// Cells tried at one time.
const AT_ONCE: usize = 64;
/// Where JSON is tried beside binary: an encoding knows nothing of apps and their switches.
const IN_JSON: [&str; 4] = ["normal", "foreign", "deleted", "unsigned"];
/// Of the callers over HTTP who prove the same, the one that is tried outside of the normal place, too.
const ONE_OF_EACH: [&str; 7] =
    ["wrong-master", "foreign-mixed", "app-key", "owner-token", "other-key", "other-master", "master"];
/// Mismatches that are shown one by one.
const SHOWN: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_of_the_table_is_as_it_says() {
    let table = Arc::new(Table::read());
    let server = Arc::new(Server::start().await);
    let (places, one_by_one) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Mutex::new(())));
    let mut cells = JoinSet::new();
    let mut asked = cells_of(&table);
    let only = std::env::var("GRANDSTAND_CELLS").ok();
    if let Some(only) = &only {
        asked.retain(|cell| format!("{}: {}, {}", cell.line, cell.caller, cell.place).contains(only));
    }
    let count = asked.len();
    for cell in asked {
        let (table, server) = (Arc::clone(&table), Arc::clone(&server));
        let (places, one_by_one) = (Arc::clone(&places), Arc::clone(&one_by_one));
        cells.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            // A list of words is the whole app's, and an app has one purge and one broadcast at a time.
            let alone = ["/1.2/rtm/words", "/purge", "/broadcast"];
            let _alone = match alone.iter().any(|path| cell.line.contains(path)) {
                true => Some(one_by_one.lock().await),
                false => None,
            };
            mismatch(&server, &table, &cell).await
        });
    }
    let mut mismatches = Vec::new();
    while let Some(tried) = cells.join_next().await {
        mismatches.extend(tried.unwrap_or_else(|failure| Some(format!("a cell failed: {failure}"))));
    }
    mismatches.sort();
    for mismatch in mismatches.iter().take(SHOWN) {
        eprintln!("{mismatch}");
    }
    eprintln!("{count} cells, {} mismatches", mismatches.len());
    assert!((count >= 600 || only.is_some()) && mismatches.is_empty(), "what differs is shown above");
}

/// What differs, in words.
async fn mismatch(server: &Server, table: &Table, cell: &Cell) -> Option<String> {
    let operation = &table.operations[cell.operation];
    let scene = Scene::set(server, cell, operation.over_http || cell.caller == "creator").await;
    let mut found = match operation.over_http {
        true => http::ask(server, cell, &scene).await,
        false => socket::ask(server, cell, &scene).await,
    };
    if !operation.changes {
        // A success that changed nothing is all that it can be.
        found = found.replace("idle", "yes").replace("yes changed", "a change");
    }
    found = found.replace("yes changed", "yes");
    let expected = operation.expected(&cell.caller, &cell.place);
    let transport = match (operation.over_http, cell.json) {
        (true, _) => "",
        (false, true) => " in JSON",
        (false, false) => " in binary",
    };
    let Cell { line, caller, place, .. } = cell;
    (found != expected).then(|| format!("{line}: {caller}, {place}{transport}: {found}, not {expected}"))
}

/// An outcome as the table says it: a refusal or a success, whether anything changed, and what was shown.
fn said(refusal: Option<String>, changed: bool, shown: &str) -> String {
    let what = match (&refusal, changed) {
        (Some(code), true) => format!("{code} changed"),
        (Some(code), false) => code.clone(),
        (None, true) => "yes changed".to_owned(),
        (None, false) => "idle".to_owned(),
    };
    what + shown
}

fn cells_of(table: &Table) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (number, operation) in table.operations.iter().enumerate() {
        let callers = if operation.over_http { &table.http_callers } else { &table.socket_callers };
        for place in places_of(table, operation) {
            let everybody = !operation.over_http || place == "normal";
            let transports = if !operation.over_http && IN_JSON.contains(&place.as_str()) { 2 } else { 1 };
            for caller in callers.iter().filter(|caller| everybody || ONE_OF_EACH.contains(&caller.as_str()))
            {
                cells.extend([false, true][..transports].iter().map(|json| Cell {
                    number: 0,
                    operation: number,
                    line: operation.line.clone(),
                    caller: caller.clone(),
                    place: place.clone(),
                    json: *json,
                }));
            }
        }
    }
    for (number, cell) in cells.iter_mut().enumerate() {
        cell.number = number;
    }
    cells
}

fn places_of(table: &Table, operation: &Operation) -> Vec<String> {
    let names_a_room = operation.line.contains("{room}");
    let usual = |place: &&String| match (operation.over_http, names_a_room) {
        (false, _) => *place != "opened",
        (true, true) => ["normal", "missing", "foreign", "deleted", "unsigned"].contains(&place.as_str()),
        (true, false) => *place == "normal",
    };
    match operation.places.is_empty() {
        true => table.places.iter().filter(usual).cloned().collect(),
        false => operation.places.clone(),
    }
}

/// A row that is added later has to be added to the table, too.
#[test]
fn every_route_is_in_the_table() {
    let path_of = |line: &str| {
        let request = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let path = request.split('?').next().unwrap_or_default().to_owned();
        let named =
            |part: &str| part.split_once(':').map_or(part.to_owned(), |(name, _)| format!("{name}}}"));
        path.split('/').map(named).collect::<Vec<_>>().join("/")
    };
    let requests: BTreeSet<String> =
        Table::read().operations.iter().filter(|row| row.over_http).map(|row| path_of(&row.line)).collect();
    let routes: BTreeSet<String> = listed_routes()
        .into_iter()
        .map(|(method, path)| format!("{method} {}", path.replace("{*", "{")))
        .collect();
    let missing: Vec<_> = routes.difference(&requests).collect();
    let gone: Vec<_> = requests.difference(&routes).collect();
    assert!(missing.is_empty(), "these are in no row of tests/permissions/table.md: {missing:#?}");
    assert!(gone.is_empty(), "the table has what is no route: {gone:#?}");
}
