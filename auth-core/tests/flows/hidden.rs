//! What strangers can learn about an address: nothing, from answers, effects or hash work.
//!
//! The same requests go into worlds that differ in the state of one address. Whoever lacks its mailbox sees the same
//! in all of them.

use std::collections::BTreeSet;

use auth_core::{
    Administer, Authenticate, ChangeAddress, ChangePassword, Code, Confirm, ConfirmAddress, DeleteAccount,
    Deliver, Flow, Import, Kind, LastMail, Logout, LogoutEverywhere, Row, Status,
};

use crate::{
    catalogue::FLOWS,
    fixture::{DAY, rules, rules_with, scrypt, seconds},
    world::{How, Request, Seen, World, well},
};

const ADDRESS: &str = "ada@example.org";
const OWNERS: &str = "password of the owner";

/// Returns one world for each state that an address can be in, all at the same time of day.
fn worlds() -> Vec<(&'static str, World)> {
    let absent = World::new(rules());
    let mut vacant = absent.clone();
    vacant.resend(ADDRESS);
    let mut waiting = absent.clone();
    waiting.register(ADDRESS, OWNERS);
    let mut pending = waiting.clone();
    pending.deliver();
    let mut late = pending.clone();
    late.later(seconds(3600));
    let mut used_up = pending.clone();
    for _ in 0..6 {
        let code = used_up.wrong_code();
        used_up.activate(ADDRESS, OWNERS, &code);
    }
    let mut expired = pending.clone();
    expired.later(DAY * 2);
    let mut activated = pending.clone();
    let code = activated.last_code();
    activated.activate(ADDRESS, OWNERS, &code);
    let mut notified = activated.clone();
    notified.resend(ADDRESS);
    notified.pass(seconds(60));
    let mut active = activated.clone();
    active.later(DAY * 3);
    let mut blocked = active.clone();
    blocked.tamper(ADDRESS, |row| {
        if let Status::Active { blocked, .. } = &mut row.status {
            *blocked = true;
        }
    });
    let mut weak = pending.clone();
    weak.tamper(ADDRESS, weaken);
    let mut costly = pending.clone();
    costly.tamper(ADDRESS, |row| attempt_of(row).password.params = scrypt(40));
    vec![
        ("absent", absent),
        ("only asked about", vacant),
        ("pending, its mail waits", waiting),
        ("pending", pending),
        ("pending for an hour", late),
        ("pending, tries used up", used_up),
        ("expired", expired),
        ("just activated", activated),
        ("active and notified today", notified),
        ("active for days", active),
        ("blocked", blocked),
        ("pending, weak hash", weak),
        ("pending, manipulated hash", costly),
    ]
}

fn weaken(row: &mut Row) {
    attempt_of(row).password.params = scrypt(10);
    row.last_mail = row.last_mail.map(|last| LastMail { interval: seconds(7200), ..last });
}

fn attempt_of(row: &mut Row) -> &mut auth_core::Attempt {
    match &mut row.status {
        Status::Pending(attempt) | Status::Active { attempt, .. } => attempt,
        Status::Vacant => panic!("there is no attempt"),
    }
}

/// Returns a code that was mailed in none of the worlds.
fn unsent() -> Code {
    let code = World::new(rules()).wrong_code();
    let sent = |world: &World| world.mailbox.iter().any(|mail| mail.code.as_ref() == Some(&code));
    assert!(worlds().iter().all(|(_, world)| !sent(world)));
    code
}

/// Returns the requests of a stranger, who may have guessed the password but lacks the mailbox.
fn requests() -> Vec<Request> {
    vec![
        Request::Register("password of a stranger"),
        Request::Register(OWNERS),
        Request::Resend,
        Request::Activate("password of a stranger", unsent()),
        Request::Activate(OWNERS, unsent()),
        Request::Login("password of a stranger"),
        Request::Forgot,
        Request::Reset("password of a stranger"),
    ]
}

#[test]
fn the_requests_are_of_every_flow_that_strangers_can_start() {
    let asked: BTreeSet<&str> = requests().iter().map(Request::flow).collect();
    let flows = FLOWS.iter().map(|(_, name)| *name);
    // The others are the worker's, the operator's, and of those who have a session.
    let others = [
        Deliver::NAME,
        Authenticate::NAME,
        Confirm::NAME,
        Logout::NAME,
        LogoutEverywhere::NAME,
        ChangePassword::NAME,
        DeleteAccount::NAME,
        ChangeAddress::NAME,
        ConfirmAddress::NAME,
        Administer::NAME,
        Import::NAME,
    ];
    assert_eq!(asked, flows.filter(|name| !others.contains(name)).collect());
}

/// Asserts that `see` returns the same in every world.
fn same_everywhere<T: PartialEq + std::fmt::Debug>(what: &str, see: impl Fn(&mut World) -> T) {
    let mut seen = worlds().into_iter().map(|(state, mut world)| (state, see(&mut world)));
    let (first_state, first) = seen.next().expect("there are worlds");
    for (state, seen) in seen {
        assert_eq!(seen, first, "{what}: {state} differs from {first_state}");
    }
}

#[test]
fn one_request_shows_nothing_of_the_state() {
    for request in requests() {
        same_everywhere(&format!("{request:?}"), |world| world.request(ADDRESS, &request, well));
    }
}

#[test]
fn requests_in_a_row_show_nothing_of_the_state() {
    for first in requests() {
        for second in requests() {
            let row = [&first, &second, &first, &Request::Resend];
            same_everywhere(&format!("{first:?}, {second:?}"), |world| {
                let mut seen: Vec<Seen> = row.map(|request| world.request(ADDRESS, request, well)).into();
                world.pass(seconds(90));
                seen.extend(row.map(|request| world.request(ADDRESS, request, well)));
                seen
            });
        }
    }
}

#[test]
fn the_client_limit_shows_nothing_of_the_state() {
    for request in requests() {
        same_everywhere(&format!("{request:?}"), |world| {
            world.limited = Some(seconds(9));
            world.request(ADDRESS, &request, well)
        });
    }
}

#[test]
fn a_failing_part_shows_nothing_of_the_state() {
    for request in requests() {
        for failing in Kind::ALL {
            for how in [How::NotDone, How::LostAfter, How::LostBefore] {
                same_everywhere(&format!("{request:?}, {failing:?}: {how:?}"), |world| {
                    let fails = |_: &mut World, kind, _| if kind == *failing { how } else { How::Well };
                    let broken = world.request(ADDRESS, &request, fails);
                    (broken, world.request(ADDRESS, &request, well))
                });
            }
        }
    }
}

/// Runs the whole of `rival` just before the first commit of `request`.
fn raced(world: &mut World, request: &Request, rival: &Request) -> (Seen, Option<Seen>) {
    let mut seen = None;
    let first = world.request(ADDRESS, request, |world, kind, _| {
        if kind == Kind::CommitAccount && seen.is_none() {
            seen = Some(world.request(ADDRESS, rival, well));
        }
        How::Well
    });
    (first, seen)
}

/// Whoever sends two requests at once causes their conflict themselves, and sees how long it takes.
#[test]
fn two_registrations_at_once_show_nothing_of_the_state() {
    for request in [Request::Register("password of a stranger"), Request::Register(OWNERS)] {
        for rival in [Request::Register("password of a stranger"), Request::Register("another one")] {
            let what = format!("{request:?} raced by {rival:?}");
            same_everywhere(&what, |world| raced(world, &request, &rival));
        }
    }
}

#[test]
fn a_request_raced_by_a_resend_shows_nothing_of_the_state() {
    for request in requests() {
        let what = format!("{request:?} raced by a resend");
        same_everywhere(&what, |world| raced(world, &request, &Request::Resend));
    }
}

#[test]
fn every_registration_and_activation_hashes_once_with_todays_parameters() {
    let costlier = rules_with(|policy| policy.hash = scrypt(18));
    for rules in [rules(), costlier] {
        for request in requests()
            .into_iter()
            .filter(|request| !matches!(request, Request::Resend | Request::Forgot | Request::Reset(_)))
        {
            let mut world = World::new(rules.clone());
            let mut hashes = Vec::new();
            world.request(ADDRESS, &request, |_, kind, _| {
                hashes.extend((kind == Kind::HashPassword).then_some(()));
                How::Well
            });
            assert_eq!(hashes.len(), 1, "{request:?}");
        }
    }
    same_everywhere("register", |world| {
        let flow = crate::world::register(ADDRESS);
        world.drive(flow, Some("any password"), well).hashes
    });
}
