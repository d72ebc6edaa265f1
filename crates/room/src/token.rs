//! Session tokens: signed, so that anyone with the key can tell what they say; and those that were revoked.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use grandstand_protocol::{AppId, ClientId, limits};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    clock::Millis,
    session::{Device, SessionId},
};

/// What a token says of its login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    pub app: AppId,
    pub client: ClientId,
    pub tag: Option<String>,
    pub device: Device,
    pub session: SessionId,
    pub issued_at: Millis,
}

/// Why a token does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Its time is over. What it says is true: the .NET SDK may still reopen with it, unless it was revoked.
    #[error("the token has expired")]
    Expired(Box<Claims>),
    /// Not signed by us, of another app, or so old that its revocation may be forgotten.
    #[error("the token is not valid")]
    Forged,
}

/// Life of a token, in milliseconds.
const LIFE: i64 = limits::TOKEN_SECONDS as i64 * 1000;

/// How long a revocation has to be remembered, in milliseconds: as long as a token may be used, a late one included.
pub const REVOCATIONS_KEPT: i64 = LIFE + 7 * 24 * 60 * 60 * 1000;

/// Of the format below. A change of format is a new version, so that old tokens are refused rather than misread.
const VERSION: u8 = 1;

/// Revoked logins that are held in memory at most: some megabytes.
const LOGINS: usize = 100_000;

/// Bytes of HMAC-SHA256.
const MAC_BYTES: usize = 32;

/// Signs and verifies tokens.
///
/// A token is URL-safe Base64 of: version, session id (16 bytes), issue time (8), then app, client, tag, device id and
/// device token, each as a length plus one (LEB128; 0 = absent) and its bytes; then the HMAC of all that.
#[derive(Clone)]
pub struct Signer {
    current: Hmac<Sha256>,
    previous: Option<Hmac<Sha256>>,
}

impl Signer {
    /// `current` signs; both verify, so that a change of keys logs nobody out.
    #[must_use]
    pub fn new(current: [u8; 32], previous: Option<[u8; 32]>) -> Self {
        let keyed =
            |key: [u8; 32]| Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
        Self { current: keyed(current), previous: previous.map(keyed) }
    }

    /// The token of a login.
    #[must_use]
    pub fn issue(&self, claims: &Claims) -> String {
        let mut bytes = write(claims);
        let mac = self.current.clone().chain_update(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a token says, if it counts. The caller still asks whether it was revoked, and whose client id it is.
    ///
    /// # Errors
    /// [`TokenError`] says why it does not count.
    pub fn verify(&self, text: &str, app: &AppId, now: Millis) -> Result<Claims, TokenError> {
        let claims = self.read(text).filter(|claims| claims.app == *app).ok_or(TokenError::Forged)?;
        match now.since(claims.issued_at) {
            age if age <= LIFE => Ok(claims),
            age if age <= REVOCATIONS_KEPT => Err(TokenError::Expired(Box::new(claims))),
            _ => Err(TokenError::Forged),
        }
    }

    fn read(&self, text: &str) -> Option<Claims> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (content, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        let signed_by = |key: &Hmac<Sha256>| key.clone().chain_update(content).verify_slice(mac).is_ok();
        if !signed_by(&self.current) && !self.previous.as_ref().is_some_and(signed_by) {
            return None;
        }
        read(content)
    }
}

fn write(claims: &Claims) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(&claims.session.0.to_be_bytes());
    out.extend_from_slice(&claims.issued_at.0.to_be_bytes());
    let texts = [
        Some(claims.app.as_str()),
        Some(claims.client.as_str()),
        claims.tag.as_deref(),
        claims.device.id.as_deref(),
        claims.device.token.as_deref(),
    ];
    for text in texts {
        let mut left = text.map_or(0, |text| text.len() + 1);
        while left > 0x7f {
            out.push(left as u8 | 0x80);
            left >>= 7;
        }
        out.push(left as u8);
        out.extend_from_slice(text.unwrap_or_default().as_bytes());
    }
    out
}

fn read(content: &[u8]) -> Option<Claims> {
    let (&version, rest) = content.split_first()?;
    if version != VERSION {
        return None;
    }
    let (session, rest) = rest.split_first_chunk()?;
    let (issued_at, mut rest) = rest.split_first_chunk()?;
    let app = read_text(&mut rest)??;
    let client = read_text(&mut rest)??;
    let tag = read_text(&mut rest)?;
    let device = Device { id: read_text(&mut rest)?, token: read_text(&mut rest)? };
    Some(Claims {
        app: AppId::from(app),
        client: ClientId::new(&client).ok()?,
        tag,
        device,
        session: SessionId(u128::from_be_bytes(*session)),
        issued_at: Millis(i64::from_be_bytes(*issued_at)),
    })
}

/// `None` = malformed, `Some(None)` = absent.
fn read_text(rest: &mut &[u8]) -> Option<Option<String>> {
    let mut length = 0usize;
    for shift in [0, 7, 14, 21, 28] {
        let byte = *rest.split_off_first()?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    if length == 0 {
        return Some(None);
    }
    let bytes = rest.split_off(..length - 1)?;
    String::from_utf8(bytes.to_vec()).ok().map(Some)
}

/// Tokens that count no longer, as far as a node knows without its store: those of client ids up to a time, which are
/// few, and those of logins whose end the store could not write. That of every other login stands in the store alone.
#[derive(Debug, Default)]
pub struct Revocations {
    /// When each login was revoked. Ids are random, hence unique over apps.
    sessions: HashMap<SessionId, Millis>,
    /// Tokens issued at these times or before are revoked.
    clients: HashMap<(AppId, ClientId), Millis>,
}

impl Revocations {
    /// Revokes all tokens of a login, unless too many wait already: a store that fails for long costs no memory.
    pub fn revoke_session(&mut self, session: SessionId, now: Millis) {
        if self.sessions.len() < LOGINS {
            self.sessions.insert(session, now);
        }
    }

    /// Revokes the tokens of a client id that were issued at `time` or before.
    pub fn revoke_before(&mut self, app: AppId, client: ClientId, time: Millis) {
        let until = self.clients.entry((app, client)).or_insert(time);
        *until = time.max(*until);
    }

    /// Whether a token was revoked.
    #[must_use]
    pub fn is_revoked(&self, claims: &Claims) -> bool {
        self.sessions.contains_key(&claims.session)
            || self
                .clients
                .get(&(claims.app.clone(), claims.client.clone()))
                .is_some_and(|until| claims.issued_at <= *until)
    }

    /// Whether a signature for a client id was revoked: nothing that was made before holds any more.
    #[must_use]
    pub fn is_signature_revoked(&self, app: &AppId, client: &ClientId, made_at: Millis) -> bool {
        self.clients.get(&(app.clone(), client.clone())).is_some_and(|until| made_at <= *until)
    }

    /// Forgets what no token can outlive.
    pub fn prune(&mut self, now: Millis) {
        self.sessions.retain(|_, revoked| now.since(*revoked) <= REVOCATIONS_KEPT);
        self.clients.retain(|_, until| now.since(*until) <= REVOCATIONS_KEPT);
    }
}
