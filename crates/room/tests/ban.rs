//! Who is kept out of an app.
#![expect(clippy::unwrap_used, reason = "tests")]

use grandstand_protocol::ClientId;
use grandstand_room::{
    ban::{Ban, Banned, Bans},
    clock::Millis,
};

const NOW: Millis = Millis(1_790_000_000_000);

fn client(name: &str) -> ClientId {
    ClientId::new(name).unwrap()
}

fn network(text: &str, until: Option<Millis>) -> Ban {
    Ban { banned: Banned::Network(text.parse().unwrap()), until, reason: None, made_at: NOW }
}

#[test]
fn clients_addresses_and_networks_are_found_until_their_end() {
    let soon = NOW.plus(1000);
    let of_client =
        Ban { banned: Banned::Client(client("ann")), until: Some(soon), reason: None, made_at: NOW };
    let bans = Bans::new(vec![
        of_client,
        network("192.0.2.7/32", None),
        network("198.51.100.0/24", Some(soon)),
        network("2001:db8::/32", None),
    ]);
    for (name, address, now, banned) in [
        ("ann", None, NOW, true),
        ("ann", None, soon, false),
        ("ann", Some("203.0.113.1"), NOW, true),
        ("bob", None, NOW, false),
        ("bob", Some("192.0.2.7"), NOW, true),
        ("bob", Some("::ffff:192.0.2.7"), NOW, true),
        ("bob", Some("192.0.2.8"), NOW, false),
        ("bob", Some("198.51.100.200"), NOW, true),
        ("bob", Some("::ffff:198.51.100.200"), NOW, true),
        ("bob", Some("198.51.100.200"), soon, false),
        ("bob", Some("2001:db8:1::1"), NOW, true),
        ("bob", Some("2001:db9::1"), NOW, false),
    ] {
        let address = address.map(|text| text.parse().unwrap());
        assert_eq!(bans.find(&client(name), address, now).is_some(), banned, "{name} {address:?}");
    }
}
