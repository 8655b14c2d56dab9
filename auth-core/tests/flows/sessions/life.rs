//! Sessions over days: who is recognised, for how long, and what ends it.

use auth_core::{
    AccountId, Authenticate, Authentication, Confirm, Confirmation, DeviceToken, Event, Kind, LoggingIn,
    LoggingOut, Login, Logout, LogoutEverywhere, SessionToken, Status,
};

use crate::{
    fixture::{DAY, client, explicit, rules, seconds},
    world::{How, World, before, login},
};

const ADDRESS: &str = "ada@example.org";
const OWNERS: &str = "password of the owner";
const STRANGERS: &str = "password of a stranger";

/// Returns a world in which the owner's account is active.
fn owned() -> World {
    let mut world = World::new(rules());
    world.activated(ADDRESS, OWNERS);
    world
}

/// Logs in; returns session and device.
fn enter(world: &mut World) -> (SessionToken, DeviceToken) {
    enter_from(world, None)
}

fn enter_from(world: &mut World, device: Option<&DeviceToken>) -> (SessionToken, DeviceToken) {
    let flow = Login { device: device.cloned(), ..login(ADDRESS) };
    let LoggingIn::LoggedIn { token, device, .. } = world.visit(flow, Some(OWNERS)) else {
        panic!("the password is right")
    };
    (token, device)
}

/// Returns the account of a session, and whether it is fresh; `None` if the session does not count.
fn whose(world: &mut World, token: &SessionToken) -> Option<(AccountId, bool)> {
    match world.visit(Authenticate { token: token.clone() }, None) {
        Authentication::Authenticated { account, fresh, .. } => Some((account.id, fresh)),
        Authentication::NoSession => None,
    }
}

fn confirm(token: &SessionToken) -> Confirm {
    Confirm { token: token.clone(), client: client() }
}

fn is_limited(seen: &LoggingIn) -> bool {
    matches!(seen, LoggingIn::RateLimited { .. })
}

#[test]
fn a_session_is_of_the_account_that_was_activated() {
    let mut world = owned();
    let generation = world.attempt(ADDRESS).generation;
    let (token, _) = enter(&mut world);
    let (account, fresh) = whose(&mut world, &token).expect("the session counts");
    assert_eq!((account.as_bytes(), fresh), (generation.as_bytes(), true));
    assert_eq!(account.to_string().as_bytes()[14], b'4', "{account} is a UUIDv4");
    world.later(seconds(900));
    assert_eq!(whose(&mut world, &token), Some((account, false)));
}

/// Ten at once, whoever asks; then a try comes back every quarter of an hour.
#[test]
fn wrong_passwords_are_hashed_as_often_as_the_budget_allows_and_no_more() {
    let mut world = owned();
    let mut hashed = 0;
    for _ in 0..100 {
        let ran = world.login(ADDRESS, STRANGERS);
        hashed += ran.hashes.len();
    }
    assert_eq!(hashed, 10);
    assert!(is_limited(&world.visit(login(ADDRESS), Some(OWNERS))), "the right one is not compared either");
    world.later(seconds(15 * 60));
    assert_eq!(world.login(ADDRESS, STRANGERS).outcome().event, Event::WrongPassword);
    assert_eq!(world.login(ADDRESS, STRANGERS).outcome().event, Event::TooManyGuesses);
}

#[test]
fn right_passwords_cost_no_tries() {
    let mut world = owned();
    for _ in 0..30 {
        enter(&mut world);
    }
    assert_eq!(world.login(ADDRESS, STRANGERS).outcome().event, Event::WrongPassword);
}

/// Threat: a stranger who keeps the hashes busy, so that the owner's own retries use up the owner's tries.
#[test]
fn a_password_that_could_not_be_compared_costs_no_try() {
    let mut world = owned();
    let busy = |_: &mut World, kind: Kind, _: usize| match kind == Kind::HashPassword {
        true => How::NotDone,
        false => How::Well,
    };
    for _ in 0..20 {
        let ended = world.drive(login(ADDRESS), Some(OWNERS), busy).ended.expect("it has ended");
        assert_eq!(ended.expect_err("nothing was hashed").kind, Kind::HashPassword);
    }
    enter(&mut world);
}

/// The store cannot be written to: an owner who tries again and again has as many tries as before.
#[test]
fn a_session_that_could_not_be_opened_costs_no_try() {
    let mut world = owned();
    let full = |_: &mut World, kind: Kind, _: usize| match kind == Kind::PutSession {
        true => How::NotDone,
        false => How::Well,
    };
    for _ in 0..20 {
        assert!(matches!(world.drive(login(ADDRESS), Some(OWNERS), full).ended, Some(Err(_))));
    }
    enter(&mut world);
}

/// The reply of the store was lost: the visitor, whose old session may be gone, is given the new one.
#[test]
fn a_confirmation_whose_reply_was_lost_leaves_the_visitor_a_session() {
    for how in [How::LostAfter, How::LostBefore] {
        let mut world = owned();
        let (old, _) = enter(&mut world);
        let mut lost = false;
        let trouble = |_: &mut World, kind: Kind, _: usize| {
            if kind == Kind::PutSession && !std::mem::replace(&mut lost, true) { how } else { How::Well }
        };
        let outcome = world.drive(confirm(&old), Some(OWNERS), trouble).outcome();
        let Confirmation::Confirmed { token, .. } = outcome.disclosed else { panic!("{how:?}: {outcome:?}") };
        assert!(whose(&mut world, &token).is_some(), "{how:?}");
        assert_eq!(whose(&mut world, &old), None, "{how:?}");
    }
}

/// Threat: where refusals differ, the password of an attempt is guessed at the activation instead of at the login.
#[test]
fn guesses_at_an_activation_are_counted_where_refusals_differ() {
    let mut world = World::new(explicit());
    world.register(ADDRESS, OWNERS);
    world.deliver();
    let code = world.last_code();
    let mut hashed = 0;
    for _ in 0..20 {
        hashed += world.activate(ADDRESS, STRANGERS, &code).hashes.len();
    }
    assert_eq!(hashed, 10);
}

/// Threat: a stranger guesses until the owner is locked out.
#[test]
fn a_known_device_logs_in_whatever_strangers_have_tried_and_has_a_budget_of_its_own() {
    let mut world = owned();
    let (_, device) = enter(&mut world);
    (0..20).for_each(|_| drop(world.login(ADDRESS, STRANGERS)));
    assert!(is_limited(&world.visit(login(ADDRESS), Some(OWNERS))));
    enter_from(&mut world, Some(&device));
    let guess = || Login { device: Some(device.clone()), ..login(ADDRESS) };
    let tried = (0..20).filter(|_| !is_limited(&world.visit(guess(), Some(STRANGERS)))).count();
    assert_eq!(tried, 10);
}

#[test]
fn guesses_of_an_address_without_account_are_counted_the_same() {
    let mut world = World::new(rules());
    let tried = (0..20).filter(|_| !is_limited(&world.visit(login(ADDRESS), Some(STRANGERS)))).count();
    assert_eq!(tried, 10);
}

#[test]
fn a_session_ends_after_its_idle_time_and_after_its_whole_time() {
    let mut world = owned();
    let (used, _) = enter(&mut world);
    let (unused, _) = enter(&mut world);
    for day in 1..30 {
        world.later(DAY);
        assert!(whose(&mut world, &used).is_some(), "day {day}");
        if day == 14 {
            assert_eq!(whose(&mut world, &unused), None);
        }
    }
    world.later(DAY);
    assert_eq!(whose(&mut world, &used), None, "after 30 days");
}

#[test]
fn logging_out_ends_one_session_and_logging_out_everywhere_all_with_their_devices() {
    let mut world = owned();
    let (first, device) = enter(&mut world);
    let (second, _) = enter(&mut world);
    let (third, _) = enter(&mut world);
    world.visit(Logout { token: first.clone() }, None);
    assert_eq!(whose(&mut world, &first), None);
    assert!(whose(&mut world, &second).is_some());
    let before = whose(&mut world, &third);
    assert_eq!(world.visit(LogoutEverywhere { token: second.clone() }, None), LoggingOut::LoggedOut);
    for token in [&first, &second, &third] {
        assert_eq!(whose(&mut world, token), None);
    }
    (0..20).for_each(|_| drop(world.login(ADDRESS, STRANGERS)));
    let flow = Login { device: Some(device), ..login(ADDRESS) };
    assert!(is_limited(&world.visit(flow, Some(OWNERS))), "the device is unknown now");
    world.later(DAY);
    let (again, _) = enter(&mut world);
    assert_eq!(whose(&mut world, &again), before, "the account is the same one");
}

/// However the commit fails, the sessions are over or the visitor is told that they are not.
#[test]
fn logging_out_everywhere_is_done_or_not_done_whatever_fails() {
    for how in How::TROUBLE {
        for place in 0..5 {
            let mut world = owned();
            let (token, _) = enter(&mut world);
            let fails = |_: &mut World, _: Kind, at: usize| if at == place { how } else { How::Well };
            let flow = LogoutEverywhere { token: token.clone() };
            let ended = world.drive(flow, None, fails).ended;
            let over = whose(&mut world, &token).is_none();
            if let Some(Ok(outcome)) = ended {
                assert_eq!((outcome.disclosed, over), (LoggingOut::LoggedOut, true), "{how:?} at {place}");
            }
            if matches!(how, How::NotDone | How::LostBefore | How::DiesBefore) && place < 4 {
                assert!(!over, "{how:?} at {place}: nothing was written");
            }
        }
    }
}

#[test]
fn confirming_replaces_the_session_by_a_fresh_one() {
    let mut world = owned();
    let (old, _) = enter(&mut world);
    world.later(seconds(900));
    let flow = LogoutEverywhere { token: old.clone() };
    assert_eq!(world.visit(flow, None), LoggingOut::ConfirmFirst);
    assert_eq!(world.visit(confirm(&old), Some(STRANGERS)), Confirmation::PasswordRefused);
    assert!(whose(&mut world, &old).is_some(), "a wrong password ends nothing");
    let Confirmation::Confirmed { token, .. } = world.visit(confirm(&old), Some(OWNERS)) else {
        panic!("the password is right")
    };
    assert_eq!(whose(&mut world, &old), None);
    assert!(whose(&mut world, &token).is_some_and(|(_, fresh)| fresh));
}

/// Threat: a stolen session is used to guess the password.
#[test]
fn guesses_in_a_session_have_a_budget_that_others_cannot_use_up() {
    let mut world = owned();
    let (token, _) = enter(&mut world);
    (0..20).for_each(|_| drop(world.login(ADDRESS, STRANGERS)));
    let refused = |seen: &Confirmation| *seen == Confirmation::PasswordRefused;
    let tried = (0..20).filter(|_| refused(&world.visit(confirm(&token), Some(STRANGERS)))).count();
    assert_eq!(tried, 10);
}

/// Threat: a renewal that races a logout writes the ended session back (connect-redis#328, nextjs-auth0#2530).
#[test]
fn what_races_a_logout_ends_nothing_but_itself() {
    let ends = |token: &SessionToken| {
        let token = token.clone();
        move |world: &mut World| world.visit(Logout { token }, None)
    };
    let mut world = owned();
    let (token, _) = enter(&mut world);
    world.later(DAY);
    let trouble = before(Kind::PutSession, ends(&token));
    world.drive(Authenticate { token: token.clone() }, None, trouble).outcome();
    assert_eq!(whose(&mut world, &token), None, "its use was recorded after the logout");

    let (token, _) = enter(&mut world);
    let trouble = before(Kind::PutSession, ends(&token));
    let outcome = world.drive(confirm(&token), Some(OWNERS), trouble).outcome();
    assert_eq!(outcome.disclosed, Confirmation::NoSession);
    assert_eq!(whose(&mut world, &token), None);
}

#[test]
fn a_blocked_account_authenticates_nothing_and_what_the_block_ended_stays_ended() {
    let mut world = owned();
    let (token, _) = enter(&mut world);
    let sets = |to: bool| {
        move |row: &mut auth_core::Row| {
            if let Status::Active { blocked, attempt, .. } = &mut row.status {
                *blocked = to;
                attempt.generation = auth_core::Generation::from_bytes([9; 16]);
            }
        }
    };
    world.tamper(ADDRESS, sets(true));
    assert_eq!(whose(&mut world, &token), None);
    assert_eq!(world.visit(login(ADDRESS), Some(OWNERS)), LoggingIn::Refused);
    let code = world.last_code();
    assert_eq!(
        world.activate(ADDRESS, OWNERS, &code).outcome().disclosed,
        auth_core::Activation::Refused,
        "nor does repeating the activation tell whether the password is right"
    );
    world.tamper(ADDRESS, sets(false));
    assert_eq!(whose(&mut world, &token), None, "the account is free again, and the session over");
    enter(&mut world);
}

#[test]
fn an_account_has_the_newest_fifty_sessions() {
    let mut world = owned();
    let mut tokens = Vec::new();
    for _ in 0..52 {
        world.later(seconds(1));
        tokens.push(enter(&mut world).0);
    }
    let alive: Vec<bool> = tokens.iter().map(|token| whose(&mut world, token).is_some()).collect();
    assert_eq!(alive.iter().filter(|alive| **alive).count(), 50);
    assert!(!alive[0] && !alive[1]);
}
