//! Who may do what to whom, and what rules take from a client.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write;

use grandstand_protocol::{ClientId, Code};
use grandstand_room::{
    clock::Millis,
    moderation::{
        Act, Actor, MuteAll, Role, RoomRules, RoomSwitches, SlowMode, SwitchChange, may, moderators,
    },
};

const NOW: Millis = Millis(1_790_000_000_000);

fn client(name: &str) -> ClientId {
    ClientId::new(name).unwrap()
}

/// Every cell: who acts, what it is, and on whom it may be done.
#[test]
fn the_matrix() {
    let actors = [
        Actor::BackEnd,
        Actor::Client(Role::Owner),
        Actor::Client(Role::Manager),
        Actor::Client(Role::Member),
    ];
    let acts = [
        Act::Silence,
        Act::Block,
        Act::SetRole(Role::Owner),
        Act::SetRole(Role::Manager),
        Act::SetRole(Role::Member),
        Act::SeeSilences,
        Act::SeeBlocks,
        Act::ChangeRoom,
    ];
    let mut matrix = String::new();
    for act in acts {
        for actor in actors {
            let targets: String = Role::ALL
                .into_iter()
                .map(|target| if may(actor, act, target) { &target.name()[..2] } else { "--" })
                .collect::<Vec<_>>()
                .join(" ");
            writeln!(matrix, "{act:?} by {actor:?}: {targets}").unwrap();
        }
    }
    let expected = "\
Silence by BackEnd: Me Ma Ow
Silence by Client(Owner): Me Ma --
Silence by Client(Manager): Me -- --
Silence by Client(Member): -- -- --
Block by BackEnd: Me Ma Ow
Block by Client(Owner): Me Ma --
Block by Client(Manager): Me -- --
Block by Client(Member): -- -- --
SetRole(Owner) by BackEnd: Me Ma Ow
SetRole(Owner) by Client(Owner): -- -- --
SetRole(Owner) by Client(Manager): -- -- --
SetRole(Owner) by Client(Member): -- -- --
SetRole(Manager) by BackEnd: Me Ma Ow
SetRole(Manager) by Client(Owner): Me Ma --
SetRole(Manager) by Client(Manager): -- -- --
SetRole(Manager) by Client(Member): -- -- --
SetRole(Member) by BackEnd: Me Ma Ow
SetRole(Member) by Client(Owner): Me Ma --
SetRole(Member) by Client(Manager): -- -- --
SetRole(Member) by Client(Member): -- -- --
SeeSilences by BackEnd: Me Ma Ow
SeeSilences by Client(Owner): Me Ma Ow
SeeSilences by Client(Manager): Me Ma Ow
SeeSilences by Client(Member): Me Ma Ow
SeeBlocks by BackEnd: Me Ma Ow
SeeBlocks by Client(Owner): Me Ma Ow
SeeBlocks by Client(Manager): Me Ma Ow
SeeBlocks by Client(Member): -- -- --
ChangeRoom by BackEnd: Me Ma Ow
ChangeRoom by Client(Owner): Me Ma Ow
ChangeRoom by Client(Manager): Me Ma Ow
ChangeRoom by Client(Member): -- -- --
";
    assert_eq!(matrix, expected);
}

#[test]
fn the_creator_is_an_owner_unless_a_row_says_otherwise() {
    let mut rules = RoomRules { creator: "ann".to_owned(), ..RoomRules::default() };
    assert_eq!([rules.role(&client("ann")), rules.role(&client("bob"))], [Role::Owner, Role::Member]);
    rules.roles.insert(client("ann"), Role::Member);
    rules.roles.insert(client("bob"), Role::Manager);
    assert_eq!([rules.role(&client("ann")), rules.role(&client("bob"))], [Role::Member, Role::Manager]);
}

#[test]
fn roles_are_read_in_any_case() {
    assert_eq!(Role::from_name("manager"), Some(Role::Manager));
    assert_eq!(Role::ALL.map(|role| Role::from_name(role.name())), Role::ALL.map(Some));
    assert_eq!(Role::from_name("admin"), None);
}

#[test]
fn messages_are_refused_for_the_gravest_reason_until_its_end() {
    let (ann, later) = (client("ann"), NOW.plus(1000));
    let mut rules = RoomRules::default();
    assert_eq!(rules.refuses_message(&ann, NOW), None);
    rules.silenced_until.insert(ann.clone(), later);
    assert_eq!(rules.refuses_message(&ann, NOW), Some(Code::ConversationTemporaryBlacklisted));
    assert_eq!(rules.refuses_message(&ann, later), None, "over");
    rules.silenced.insert(ann.clone());
    assert_eq!(rules.refuses_message(&ann, later), Some(Code::Silenced));
    rules.blocked.insert(ann.clone(), Some(later));
    assert_eq!(rules.refuses_message(&ann, NOW), Some(Code::BlockedByConv));
    assert_eq!(rules.refuses_message(&ann, later), Some(Code::Silenced), "the block is over");
    rules.blocked.insert(ann.clone(), None);
    assert!(rules.is_blocked(&ann, Millis(i64::MAX)));
    assert_eq!(rules.refuses_message(&client("bob"), NOW), None);
    assert_eq!(rules.size(), 3);
}

fn muted(until: Option<Millis>) -> RoomRules {
    let mute = MuteAll { until, clients: [client("host")].into(), roles: moderators() };
    let switches = RoomSwitches { mute_all: Some(mute), ..RoomSwitches::default() };
    let roles = [(client("manager"), Role::Manager)].into();
    RoomRules { creator: "owner".to_owned(), roles, switches, ..RoomRules::default() }
}

#[test]
fn while_all_are_muted_only_some_speak() {
    let mut rules = muted(None);
    let refusal = |rules: &RoomRules, name: &str| rules.refuses_message(&client(name), NOW);
    for (name, expected) in
        [("owner", None), ("manager", None), ("host", None), ("guest", Some(Code::ConversationNotAllowed))]
    {
        assert_eq!(refusal(&rules, name), expected, "{name}");
    }
    assert_eq!(rules.refuses_recall(), None);
    assert_eq!(rules.switches.refuses_strangers(NOW), Some(Code::ConversationNotAllowed));
    rules.silenced.insert(client("host"));
    assert_eq!(refusal(&rules, "host"), Some(Code::Silenced), "who is silenced stays so");
    rules.switches.mute_all.as_mut().unwrap().roles = [Role::Owner].into();
    assert_eq!(refusal(&rules, "manager"), Some(Code::ConversationNotAllowed));
    assert_eq!(refusal(&rules, "owner"), None);
}

#[test]
fn a_mute_of_all_ends_by_itself() {
    let rules = muted(Some(NOW));
    let guest = client("guest");
    let before = Millis(NOW.0 - 1);
    assert_eq!(rules.refuses_message(&guest, before), Some(Code::ConversationNotAllowed));
    assert!(rules.switches.muted(before).is_some());
    assert_eq!(rules.refuses_message(&guest, NOW), None);
    assert_eq!((rules.switches.muted(NOW), rules.switches.refuses_strangers(NOW)), (None, None));
}

#[test]
fn a_frozen_room_is_so_for_all() {
    let mut rules = muted(None);
    rules.switches.frozen = true;
    for name in ["owner", "manager", "host", "guest"] {
        assert_eq!(rules.refuses_message(&client(name), NOW), Some(Code::ConversationReadOnly), "{name}");
    }
    assert_eq!(rules.refuses_recall(), Some(Code::ConversationReadOnly));
    assert_eq!(rules.switches.refuses_strangers(NOW), Some(Code::ConversationReadOnly));
    assert!(!rules.is_blocked(&client("guest"), NOW), "joining and reading are another thing");
}

#[test]
fn slow_mode_passes_over_roles() {
    let mut rules = muted(None);
    assert_eq!(rules.slows(&client("guest")), None);
    rules.switches.slow_mode = Some(SlowMode { seconds: 30, roles: [Role::Owner].into() });
    for (name, expected) in [("owner", None), ("manager", Some(30)), ("host", Some(30)), ("guest", Some(30))]
    {
        assert_eq!(rules.slows(&client(name)), expected, "{name}");
    }
}

#[test]
fn a_change_leaves_other_switches_alone() {
    let slow = SlowMode { seconds: 5, roles: moderators() };
    let on = RoomSwitches::default().changed(SwitchChange {
        slow_mode: Some(Some(slow.clone())),
        frozen: Some(true),
        ..SwitchChange::default()
    });
    assert_eq!(on, RoomSwitches { mute_all: None, slow_mode: Some(slow.clone()), frozen: true });
    let thawed = on.changed(SwitchChange { frozen: Some(false), ..SwitchChange::default() });
    assert_eq!(thawed, RoomSwitches { slow_mode: Some(slow), ..RoomSwitches::default() });
    let off = thawed.changed(SwitchChange { slow_mode: Some(None), ..SwitchChange::default() });
    assert_eq!(off, RoomSwitches::default());
}
