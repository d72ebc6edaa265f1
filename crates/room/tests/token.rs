//! Session tokens: what is signed comes back, anything else is refused, and revoked ones stay revoked.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use grandstand_protocol::{AppId, ClientId};
use grandstand_room::{
    clock::Millis,
    session::{Device, SessionId},
    token::{Claims, REVOCATIONS_KEPT, Revocations, Signer, TokenError},
};
use proptest::prelude::*;

const HOUR: i64 = 60 * 60 * 1000;
const ISSUED: Millis = Millis(1_700_000_000_000);

fn claims() -> Claims {
    Claims {
        app: AppId::from("app"),
        client: ClientId::new("tom").expect("a client id"),
        tag: Some("mobile".to_owned()),
        device: Device { id: Some("d1".to_owned()), token: None },
        session: SessionId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        issued_at: ISSUED,
    }
}

fn signer() -> Signer {
    Signer::new([7; 32], None)
}

fn verify(text: &str) -> Result<Claims, TokenError> {
    signer().verify(text, &claims().app, ISSUED)
}

proptest! {
    #[test]
    fn what_is_signed_comes_back(
        app in ".{0,30}",
        client in ".{1,64}",
        tag in proptest::option::of(".{0,300}"),
        id in proptest::option::of(".{0,40}"),
        token in proptest::option::of(".{0,40}"),
        session: u128,
        issued_at in 0..i64::MAX,
    ) {
        let client = ClientId::new(&client).unwrap();
        let device = Device { id, token };
        let issued_at = Millis(issued_at);
        let claims = Claims { app: AppId::from(app), client, tag, device, session: SessionId(session), issued_at };
        let text = signer().issue(&claims);
        prop_assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
        prop_assert_eq!(signer().verify(&text, &claims.app, claims.issued_at), Ok(claims.clone()));
    }

    #[test]
    fn one_changed_bit_is_a_forgery(position: prop::sample::Index, bit in 0..8u32) {
        let mut bytes = URL_SAFE_NO_PAD.decode(signer().issue(&claims())).unwrap();
        let index = position.index(bytes.len());
        bytes[index] ^= 1 << bit;
        prop_assert_eq!(verify(&URL_SAFE_NO_PAD.encode(bytes)), Err(TokenError::Forged));
    }

    #[test]
    fn noise_is_a_forgery(text in ".{0,200}") {
        prop_assert_eq!(verify(&text), Err(TokenError::Forged));
    }
}

#[test]
fn any_part_alone_is_a_forgery() {
    let text = signer().issue(&claims());
    for length in 0..text.len() {
        assert_eq!(verify(&text[..length]), Err(TokenError::Forged), "{length} characters");
    }
    assert_eq!(verify(&format!("{text}A")), Err(TokenError::Forged));
    assert_eq!(verify(&format!("{text}=")), Err(TokenError::Forged));
    assert_eq!(verify(&text), Ok(claims()));
}

#[test]
fn tokens_of_the_first_release_stay_readable() {
    // Clients keep tokens over an upgrade of the server. A new format needs a new version beside this one.
    let text = "AQEjRWeJq83vASNFZ4mrze8AAAGLz-VoAARhcHAEdG9tB21vYmlsZQNkMQACRdbUdXQbxoDJc-rEqwSHswKx4Ui12uVKm53yjvdWKA";
    assert_eq!(signer().issue(&claims()), text);
    assert_eq!(verify(text), Ok(claims()));
}

#[test]
fn an_app_does_not_take_tokens_of_another() {
    let text = signer().issue(&claims());
    assert_eq!(signer().verify(&text, &AppId::from("other"), ISSUED), Err(TokenError::Forged));
}

#[test]
fn a_change_of_keys_logs_nobody_out_and_a_second_one_does() {
    let text = Signer::new([1; 32], None).issue(&claims());
    let verify = |signer: Signer| signer.verify(&text, &claims().app, ISSUED);
    assert_eq!(verify(Signer::new([2; 32], Some([1; 32]))), Ok(claims()));
    assert_eq!(verify(Signer::new([3; 32], Some([2; 32]))), Err(TokenError::Forged));
    let renewed = Signer::new([2; 32], Some([1; 32])).issue(&claims());
    assert_eq!(Signer::new([2; 32], None).verify(&renewed, &claims().app, ISSUED), Ok(claims()));
}

#[test]
fn tokens_live_for_two_days() {
    let text = signer().issue(&claims());
    let late = || Err(TokenError::Expired(Box::new(claims())));
    let cases = [
        (0, Ok(claims())),
        (47 * HOUR, Ok(claims())),
        (48 * HOUR, Ok(claims())),
        (48 * HOUR + 1, late()),
        (REVOCATIONS_KEPT, late()),
        // From here on nobody knows whether it was revoked.
        (REVOCATIONS_KEPT + 1, Err(TokenError::Forged)),
        // The clock jumped back.
        (-HOUR, Ok(claims())),
    ];
    for (age, expected) in cases {
        assert_eq!(signer().verify(&text, &claims().app, ISSUED.plus(age)), expected, "{age} ms old");
    }
}

#[test]
fn a_revoked_login_stays_revoked() {
    let mut revocations = Revocations::default();
    assert!(!revocations.is_revoked(&claims()));
    revocations.revoke_session(claims().session, ISSUED);
    let later = Claims { issued_at: ISSUED.plus(HOUR), ..claims() };
    assert!(revocations.is_revoked(&claims()) && revocations.is_revoked(&later));
    assert!(!revocations.is_revoked(&Claims { session: SessionId(1), ..claims() }));
}

#[test]
fn revoked_logins_take_some_megabytes_at_most() {
    let mut revocations = Revocations::default();
    let of = |session| Claims { session: SessionId(session), ..claims() };
    let held = 100_000;
    for session in 0..=held {
        revocations.revoke_session(SessionId(session), ISSUED);
    }
    assert!(revocations.is_revoked(&of(held - 1)) && !revocations.is_revoked(&of(held)));
}

#[test]
fn a_client_is_revoked_up_to_a_time() {
    let mut revocations = Revocations::default();
    let at = |time| Claims { issued_at: Millis(time), ..claims() };
    revocations.revoke_before(claims().app, claims().client, Millis(100));
    revocations.revoke_before(claims().app, claims().client, Millis(50));
    assert!(revocations.is_revoked(&at(60)) && revocations.is_revoked(&at(100)));
    assert!(!revocations.is_revoked(&at(101)));
    assert!(!revocations.is_revoked(&Claims { app: AppId::from("other"), ..at(60) }));
    assert!(!revocations.is_revoked(&Claims { client: ClientId::new("eve").unwrap(), ..at(60) }));
}

#[test]
fn revocations_are_forgotten_when_no_token_can_outlive_them() {
    let mut revocations = Revocations::default();
    revocations.revoke_session(claims().session, ISSUED);
    revocations.revoke_before(claims().app, ClientId::new("eve").unwrap(), ISSUED);
    let of_eve = Claims { client: ClientId::new("eve").unwrap(), session: SessionId(2), ..claims() };
    revocations.prune(ISSUED.plus(REVOCATIONS_KEPT));
    assert!(revocations.is_revoked(&claims()) && revocations.is_revoked(&of_eve));
    revocations.prune(ISSUED.plus(REVOCATIONS_KEPT + 1));
    assert!(!revocations.is_revoked(&claims()) && !revocations.is_revoked(&of_eve));
}
