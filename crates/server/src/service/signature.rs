//! Signatures where an app demands them: whether one is there, counts, and was not taken back.

use std::sync::PoisonError;

use grandstand_protocol::{ClientId, Code, Fault, RoomId, Signature};
use grandstand_room::signature::{Full, Purpose, Statement, Verified, verify};

use crate::{apps::App, node::Node};

/// What a client asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked<'a> {
    Login,
    Create { members: &'a [String] },
    Join { room: &'a RoomId, members: &'a [String] },
    Block { room: &'a RoomId, clients: &'a [String] },
    Unblock { room: &'a RoomId, clients: &'a [String] },
    History { room: &'a RoomId },
}

impl Asked<'_> {
    fn needs_signature(self, app: &App) -> bool {
        match self {
            Self::Login => app.signatures.login,
            Self::Create { .. } | Self::Join { .. } => app.signatures.rooms,
            Self::Block { .. } | Self::Unblock { .. } => app.signatures.blocks,
            Self::History { .. } => app.signatures.history,
        }
    }

    /// Its name in figures.
    fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Create { .. } => "create",
            Self::Join { .. } => "join",
            Self::Block { .. } => "block",
            Self::Unblock { .. } => "unblock",
            Self::History { .. } => "history",
        }
    }

    fn code(self) -> Code {
        match self {
            Self::Login => Code::SignatureFailed,
            Self::Create { .. } | Self::Join { .. } | Self::History { .. } => {
                Code::ConversationSignatureFailed
            }
            Self::Block { .. } | Self::Unblock { .. } => Code::BlacklistSignatureFailed,
        }
    }
}

/// Whether a client may, as far as signatures go, and by which one. Ones that are not needed are not looked at.
pub(crate) fn may(
    node: &Node,
    app: &App,
    client: &ClientId,
    asked: Asked<'_>,
    offered: Option<&Signature>,
) -> Result<Option<Verified>, Fault> {
    if !asked.needs_signature(app) {
        return Ok(None);
    }
    let offered = offered.ok_or_else(|| missing(asked))?;
    let purpose = match asked {
        Asked::Login => Purpose::Login,
        Asked::Create { members } => Purpose::Create { members, may_be_empty: app.signatures.empty_members },
        Asked::Join { room, members } => Purpose::Join { room, members },
        Asked::Block { room, clients } => Purpose::Block { room, clients },
        Asked::Unblock { room, clients } => Purpose::Unblock { room, clients },
        Asked::History { room } => Purpose::History { room },
    };
    let statement = Statement { app: &app.id, client, purpose };
    let keys: Vec<&str> = app.master_keys().map(|key| key.reveal()).collect();
    let verified = verify(offered, &statement, &keys, node.clock.wall());
    let verified = verified.map_err(|cause| refused(asked, cause.to_string()))?;
    still_holds(node, app, client, verified, asked)?;
    use_up(node, app, verified).map_err(|detail| refused(asked, detail))?;
    Ok(Some(verified))
}

/// What is said to whoever brings no signature.
pub(crate) fn missing(asked: Asked<'_>) -> Fault {
    refused(asked, "this app wants this signed by its own server; set a signature factory")
}

/// Refuses whoever has no way to bring a signature, such as requests with the app's key.
pub(crate) fn not_needed(app: &App, asked: Asked<'_>) -> Result<(), Fault> {
    if !asked.needs_signature(app) {
        return Ok(());
    }
    let detail = "this app wants this signed, and a request with the app's key has no place for a signature: \
                  let your back end ask, with the master key, or a client over its connection";
    Err(refused(asked, detail))
}

/// A kick takes back what was signed before it.
pub(crate) fn still_holds(
    node: &Node,
    app: &App,
    client: &ClientId,
    signature: Verified,
    asked: Asked<'_>,
) -> Result<(), Fault> {
    let revocations = node.revocations.read().unwrap_or_else(PoisonError::into_inner);
    if revocations.is_signature_revoked(&app.id, client, signature.made_at) {
        let detail = "this client was kicked after the signature was made; sign anew";
        return Err(refused(asked, detail));
    }
    Ok(())
}

fn refused(asked: Asked<'_>, detail: impl Into<String>) -> Fault {
    metrics::counter!("grandstand_signatures_refused_total", "kind" => asked.name()).increment(1);
    Fault::because(asked.code(), detail)
}

/// Where each signature counts once, this was it.
fn use_up(node: &Node, app: &App, signature: Verified) -> Result<(), &'static str> {
    if !app.signatures.once {
        return Ok(());
    }
    let mut used = node.used_signatures.lock().unwrap_or_else(PoisonError::into_inner);
    match used.take(&app.id, signature, node.clock.wall()) {
        Ok(true) => Ok(()),
        Ok(false) => Err("in this app each signature counts once; sign anew"),
        Err(Full) => Err("too many signatures were used in the last hours; try again later"),
    }
}
