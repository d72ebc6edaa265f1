//! What holds for every text that a client may send as a query; shared by the test and the cargo-fuzz target.

use grandstand_protocol::{ClientId, ConversationQuery, RoomId};
use grandstand_room::{
    clock::Millis,
    query::{Field, Filter, QueryError, RoomQuery, Test},
    room::Room,
};
use serde_json::json;

/// Reads `where`, a line break and `sort`, and uses what comes out of it.
///
/// # Panics
/// When a promise of the parser does not hold.
pub(crate) fn check(text: &str) -> Result<(), QueryError> {
    let (filter, sort) = text.split_once('\n').unwrap_or((text, ""));
    let asked = ConversationQuery {
        filter: Some(filter.to_owned()),
        sort: Some(sort.to_owned()),
        ..ConversationQuery::default()
    };
    let client = ClientId::new("me").expect("a client id");
    let query = RoomQuery::parse(&asked, &client).inspect_err(|error| {
        assert!(error.to_string().len() < 1000, "an endless explanation");
    })?;
    let mut conditions = 0;
    check_shape(&query.filter, 0, &mut conditions);
    assert!(conditions <= 100, "{conditions} conditions");
    assert!(query.sort.len() <= 8);
    assert!(query.sort.iter().all(|key| is_well_formed(&key.field)));
    assert!(query.limit <= 1000);
    assert!(query.ids().is_none_or(|ids| ids.len() <= 1000));
    let rooms = [room(0), room(1)];
    for room in &rooms {
        let matches = query.filter.matches(room);
        assert!(!(matches && query.filter.is_nothing()), "nothing matches a room");
        let listed = query.filter.ids().is_none_or(|ids| ids.contains(&room.id));
        assert!(!matches || listed, "a room matches whose id is not listed");
    }
    assert_eq!(query.compare(&rooms[0], &rooms[1]), query.compare(&rooms[1], &rooms[0]).reverse());
    Ok(())
}

/// Parsed trees are in their simplest form, as [`Filter`] promises.
fn check_shape(filter: &Filter, depth: usize, conditions: &mut usize) {
    let (parts, own) = match filter {
        Filter::Is(field, test) => {
            *conditions += 1;
            assert!(is_well_formed(field), "{field:?}");
            assert!(
                !matches!(test, Test::In(values) | Test::Nin(values) if values.is_empty() || values.len() > 1000)
            );
            return;
        }
        Filter::And(parts) => (parts, true),
        Filter::Or(parts) => (parts, false),
    };
    assert!(depth <= 32, "too deep");
    assert!(parts.len() != 1, "a list of one");
    assert!(depth == 0 || !parts.is_empty(), "an empty list below the root");
    for part in parts {
        let same = match part {
            Filter::And(_) => own,
            Filter::Or(_) => !own,
            Filter::Is(..) => false,
        };
        assert!(!same, "a list in a list of its kind");
        check_shape(part, depth + 1, conditions);
    }
}

fn is_well_formed(field: &Field) -> bool {
    let Field::Path(path) = field else { return true };
    (1..=16).contains(&path.len())
        && path.iter().all(|key| {
            (1..=128).contains(&key.len())
                && !key.starts_with('$')
                && !key.contains(|c: char| c.is_control() || c == '"' || c == '\\' || c == '.')
        })
}

fn room(number: i64) -> Room {
    let data = json!({
        "name": "cup final",
        "n": number,
        "tags": ["a", 1, null, { "x": 1 }],
        "at": { "__type": "Date", "iso": "2026-01-01T00:00:00.000Z" },
        "attr": { "topic": "football", "deep": { "er": [1.5, "text"] }, "none": null },
    });
    Room {
        id: RoomId::from(format!("65f00000000000000000000{number}")),
        creator: if number == 0 { String::new() } else { "ann".to_owned() },
        data: data.as_object().expect("an object").clone(),
        created_at: Millis(1_767_225_600_000),
        updated_at: Millis(1_767_225_600_000 + number),
        last_message_at: (number > 0).then_some(Millis(1_767_225_700_000)),
    }
}
