//! Lists that come in pages, followed to their end.

use serde_json::{Value, json};

use super::{Desk, Trouble, call::Call};

/// Entries of a page that names where the next one begins.
const PAGE: u32 = 100;

/// Ids in one call.
pub(super) const IDS: usize = 500;

/// Entries of a list whose pages name the next one: each page's answer is given to `take`, which says whether to go on.
pub(super) async fn pages(
    desk: &Desk,
    call: &Call,
    mut take: impl FnMut(&Value) -> bool,
) -> Result<(), Trouble> {
    let mut next: Option<String> = None;
    loop {
        let answer = desk.client.ask(call.clone().query("limit", PAGE).maybe("next", next.as_ref())).await?;
        let later = answer["next"].as_str().map(str::to_owned);
        // A server that does not get on would be asked for ever.
        if !take(&answer) || later.is_none() || later == next {
            return Ok(());
        }
        next = later;
    }
}

/// A client and until when, of a list of client ids.
pub(super) type Listed = (String, Option<String>);

/// The client ids of a list, each with the end of what it stands there for.
pub(super) async fn clients(desk: &Desk, path: &str, room: &str) -> Result<Vec<Listed>, Trouble> {
    let mut all = Vec::new();
    let collect = |answer: &Value| {
        for client in answer["client_ids"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            all.push((client.to_owned(), answer["until"][client].as_str().map(str::to_owned)));
        }
        true
    };
    pages(desk, &Call::get(path, &[room]), collect).await?;
    Ok(all)
}

/// Makes a call for clients, so many at a time as it takes; `fields` go with each.
pub(super) async fn for_clients(
    desk: &Desk,
    call: &Call,
    clients: &[String],
    fields: &Value,
) -> Result<(), Trouble> {
    for (at, some) in clients.chunks(IDS).enumerate() {
        let mut body = json!({ "client_ids": some });
        for (name, value) in fields.as_object().into_iter().flatten() {
            body[name.as_str()] = value.clone();
        }
        desk.client.ask(call.clone().json(body)).await.map_err(|cause| halfway(clients, at * IDS, cause))?;
    }
    Ok(())
}

/// Says how many of those that were named were done before something failed.
pub(super) fn halfway(named: &[String], done: usize, cause: Trouble) -> Trouble {
    if done == 0 {
        return cause;
    }
    Trouble::Halfway {
        done: format!("the first {done} of {} were done", named.len()),
        cause: Box::new(cause),
    }
}

/// `1 client`, `3 clients`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
