//! Word lists of apps: taken over and removed by back ends.

use super::caller::Caller;
use crate::{
    apps::App,
    audit::{Act, Action},
    node::Node,
    store::StoreError,
    words::WordsError,
};

/// Takes a new list over. When this returns, it holds for every message from now on.
pub(crate) async fn replace(
    node: &Node,
    app: &App,
    caller: &Caller,
    words: Vec<String>,
) -> Result<(), WordsError> {
    let act = Act::new(Action::SetWords).detail("words", words.len());
    node.words.replace(&app.id, words).await?;
    node.audit.record(&app.id, caller, act).await;
    Ok(())
}

/// Forgets a list; `false` when there is none.
pub(crate) async fn remove(node: &Node, app: &App, caller: &Caller) -> Result<bool, StoreError> {
    let removed = node.words.remove(&app.id).await?;
    if removed {
        node.audit.record(&app.id, caller, Act::new(Action::RemoveWords)).await;
    }
    Ok(removed)
}
