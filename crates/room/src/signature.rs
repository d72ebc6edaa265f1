//! Signatures of an app's back end over what a client asks (protocol 7): which text, how long it counts, for what.

mod once;

use grandstand_protocol::{AppId, ClientId, RoomId, Signature};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::{Choice, ConstantTimeEq};

use crate::clock::Millis;

pub use once::{Full, UsedSignatures};

/// How long a signature counts, in milliseconds.
pub const LIFE: i64 = 6 * 60 * 60 * 1000;
/// How far the signer's clock may be ahead, in milliseconds.
pub const SKEW: i64 = 5 * 60 * 1000;
/// Smaller numbers are seconds: as milliseconds they would be in the year 1973.
const SECONDS_BELOW: i64 = 100_000_000_000;

/// Last parts of texts. No nonce may look like one.
const ACTIONS: [&str; 4] = [INVITE, "kick", BLOCK, UNBLOCK];
const INVITE: &str = "invite";
const BLOCK: &str = "conversation-block-clients";
const UNBLOCK: &str = "conversation-unblock-clients";

/// For what an app demands signatures, and how strictly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureSwitches {
    pub login: bool,
    /// To make rooms, and to join them.
    pub rooms: bool,
    /// To read a room's history over REST.
    pub history: bool,
    /// To block clients from a room, and to let them in again.
    pub blocks: bool,
    /// Whether each signature counts only once.
    pub once: bool,
    /// Whether that for a new room may name no members. Its text is then the same as that of a login.
    pub empty_members: bool,
}

impl Default for SignatureSwitches {
    fn default() -> Self {
        Self { login: false, rooms: false, history: false, blocks: false, once: false, empty_members: true }
    }
}

/// What is signed: who may do what.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a> {
    pub app: &'a AppId,
    pub client: &'a ClientId,
    pub purpose: Purpose<'a>,
}

/// What a signature is for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    Login,
    /// With the members that the command names. SDKs sign different lists for it (protocol 10, row 16).
    Create {
        members: &'a [String],
        may_be_empty: bool,
    },
    Join {
        room: &'a RoomId,
        members: &'a [String],
    },
    Block {
        room: &'a RoomId,
        clients: &'a [String],
    },
    Unblock {
        room: &'a RoomId,
        clients: &'a [String],
    },
    History {
        room: &'a RoomId,
    },
}

/// A signature that counts, by what makes it one of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Verified {
    pub made_at: Millis,
    mac: [u8; 20],
}

/// Why a signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error(
        "the signature is wrong; it has to be made for this client id and this operation, with the master key"
    )]
    Wrong,
    /// It could be read as a signature for something else.
    #[error(
        "what is signed is ambiguous: ids must not be empty, nor contain a colon, where signatures are needed"
    )]
    AmbiguousId,
    #[error(
        "the nonce is ambiguous: it must not contain a colon, nor be the name of an action or a time of now"
    )]
    AmbiguousNonce,
    #[error("the signature is older than six hours; sign anew")]
    Expired,
    #[error("the signature is from the future; set the clock of the server that signs")]
    TooEarly,
}

/// Verifies a signature against all keys that count.
///
/// # Errors
/// [`SignatureError`] says why it does not count.
pub fn verify(
    offered: &Signature,
    statement: &Statement<'_>,
    keys: &[&str],
    now: Millis,
) -> Result<Verified, SignatureError> {
    unambiguous(statement, &offered.nonce, now)?;
    let given = from_hexadecimal(&offered.signature).ok_or(SignatureError::Wrong)?;
    let texts = texts(statement, offered.timestamp, &offered.nonce);
    let expected = texts.iter().flat_map(|text| keys.iter().map(move |key| mac(key, text)));
    // All are compared to the end, whichever fits.
    let fits = expected.fold(Choice::from(0), |fits, expected| fits | expected.ct_eq(&given));
    if !bool::from(fits) {
        return Err(SignatureError::Wrong);
    }
    let made_at = time(offered.timestamp);
    match age(made_at, now) {
        age if age > LIFE => Err(SignatureError::Expired),
        age if age < -SKEW => Err(SignatureError::TooEarly),
        _ => Ok(Verified { made_at, mac: given }),
    }
}

/// Signs a statement as the app's back end would.
///
/// # Errors
/// [`SignatureError`] when nobody would take the signature.
pub fn sign(
    statement: &Statement<'_>,
    key: &str,
    now: Millis,
    nonce: String,
) -> Result<Signature, SignatureError> {
    unambiguous(statement, &nonce, now)?;
    let text = texts(statement, now.0, &nonce).swap_remove(0);
    let signature = mac(key, &text).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Signature { signature, timestamp: now.0, nonce })
}

/// The parts of a text are joined by colons and nothing else, so none of them may hold one. What stands last tells
/// texts with an action from those without; and a time in the place of the nonce is all that would tell the text of a
/// new room from that of history.
fn unambiguous(statement: &Statement<'_>, nonce: &str, now: Millis) -> Result<(), SignatureError> {
    let (room, others, nonce_may_be_time) = match statement.purpose {
        Purpose::Login => (None, &[][..], true),
        Purpose::Create { members, .. } => (None, members, false),
        Purpose::History { room } => (Some(room), &[][..], false),
        Purpose::Join { room, members: clients }
        | Purpose::Block { room, clients }
        | Purpose::Unblock { room, clients } => (Some(room), clients, true),
    };
    let is_plain = |id: &str| !id.is_empty() && !id.contains(':');
    let ids = [statement.app.as_str(), statement.client.as_str()];
    let mut ids = ids.into_iter().chain(room.map(RoomId::as_str)).chain(others.iter().map(String::as_str));
    if !ids.all(is_plain) {
        return Err(SignatureError::AmbiguousId);
    }
    let is_time = || nonce.parse().is_ok_and(|number| (-SKEW..=LIFE).contains(&age(time(number), now)));
    if nonce.contains(':') || ACTIONS.contains(&nonce) || (!nonce_may_be_time && is_time()) {
        return Err(SignatureError::AmbiguousNonce);
    }
    Ok(())
}

/// The texts of which one has to be signed.
fn texts(statement: &Statement<'_>, timestamp: i64, nonce: &str) -> Vec<String> {
    let Statement { app, client, purpose } = statement;
    let own = client.as_str().to_owned();
    let acting = |room: &RoomId, members: &str, action: &str| {
        format!("{app}:{client}:{room}:{members}:{timestamp}:{nonce}:{action}")
    };
    match purpose {
        Purpose::Login => vec![format!("{app}:{client}::{timestamp}:{nonce}")],
        Purpose::Create { members, may_be_empty } => {
            let mut lists = vec![own, sorted(members)];
            lists.retain(|list| !list.is_empty());
            lists.extend(may_be_empty.then(String::new));
            lists.iter().map(|list| format!("{app}:{client}:{list}:{timestamp}:{nonce}")).collect()
        }
        // Old .NET names itself twice.
        Purpose::Join { room, members } => {
            vec![acting(room, &own, INVITE), acting(room, &sorted(members), INVITE)]
        }
        Purpose::Block { room, clients } => vec![acting(room, &sorted(clients), BLOCK)],
        Purpose::Unblock { room, clients } => vec![acting(room, &sorted(clients), UNBLOCK)],
        Purpose::History { room } => vec![format!("{app}:{client}:{room}:{nonce}:{timestamp}")],
    }
}

fn sorted(ids: &[String]) -> String {
    let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    ids.sort_unstable();
    ids.join(":")
}

/// Back ends write milliseconds, as the guides say, or seconds, as some samples do.
fn time(timestamp: i64) -> Millis {
    Millis(if timestamp < SECONDS_BELOW { timestamp.saturating_mul(1000) } else { timestamp })
}

/// Negative when the signer's clock is ahead.
fn age(made_at: Millis, now: Millis) -> i64 {
    now.0.saturating_sub(made_at.0)
}

fn mac(key: &str, text: &str) -> [u8; 20] {
    let keyed = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    keyed.chain_update(text).finalize().into_bytes().into()
}

/// Forty digits of either case.
fn from_hexadecimal(text: &str) -> Option<[u8; 20]> {
    let digits = text.as_bytes();
    if digits.len() != 40 {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16);
    let mut bytes = [0; 20];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::try_from(value(pair[0])? << 4 | value(pair[1])?).ok()?;
    }
    Some(bytes)
}
