//! `grandstand erase`: what the server keeps of a client goes.

use clap::Args;
use serde_json::{Value, json};

use super::{Desk, Trouble, call::Call, confirm::Confirm, output, text::shown};

#[derive(Debug, Args)]
pub(in crate::program) struct Erase {
    /// Client id · clientId
    client: String,
    /// Its messages, too · 连同它的消息
    #[arg(long)]
    messages: bool,
    #[command(flatten)]
    confirm: Confirm,
}

pub(super) async fn run(Erase { client, messages, confirm }: Erase, desk: &mut Desk) -> Result<(), Trouble> {
    let what = if messages { "originals, addresses and all messages" } else { "originals and addresses" };
    confirm.ask(&format!("Erase {what} of {}, for good?", shown(&client)))?;
    let call = Call::delete("/1.2/rtm/clients/{}/data", &[&client]).query("messages", messages);
    let mut sum = json!({});
    let mut next = Value::Null;
    loop {
        let answer = desk.client.ask(call.clone().maybe("next", next.as_str())).await?;
        add(&mut sum, &answer);
        // A server that does not get on would be asked for ever.
        if answer["next"].is_null() || answer["next"] == next {
            break;
        }
        next = answer["next"].clone();
    }
    desk.output.answer(&sum, || {
        let counts = sum.as_object().into_iter().flatten();
        let counts: Vec<String> =
            counts.map(|(name, count)| format!("{} {}", output::json(count), shown(name))).collect();
        format!("erased of {}: {}", shown(&client), counts.join(", "))
    })
}

/// Counts of several answers, added.
fn add(sum: &mut Value, answer: &Value) {
    for (name, value) in answer.as_object().into_iter().flatten().filter(|(name, _)| *name != "next") {
        sum[name.as_str()] = (sum[name.as_str()].as_u64().unwrap_or(0) + value.as_u64().unwrap_or(0)).into();
    }
}
