//! Addresses over days: who can move to which, what that ends, and how many mails it causes.

use auth_core::{
    Activation, AskingToMove, Authenticate, Authentication, ChangeAddress, ChangePassword, Code,
    ConfirmAddress, DeleteAccount, Deleting, Event, Kind, LogoutEverywhere, Relocation, ResetPassword,
    Resetting, SessionToken, Status, Template,
};

use crate::{
    fixture::{DAY, client, good, rules, seconds},
    world::{How, World, before, parse, reset},
};

const ADDRESS: &str = "ada@example.org";
const NEW: &str = "ada@new.example";
const OWNERS: &str = "password of the owner";
const STRANGERS: &str = "password of a stranger";

/// Activates an account, and logs in.
fn account(world: &mut World, address: &str) -> SessionToken {
    world.activated(address, OWNERS);
    enter(world, address).expect("the password is right")
}

fn enter(world: &mut World, address: &str) -> Option<SessionToken> {
    world.enter(address, OWNERS).map(|(token, _)| token)
}

fn owned() -> (World, SessionToken) {
    let mut world = World::new(rules());
    let token = account(&mut world, ADDRESS);
    (world, token)
}

fn change(token: &SessionToken, address: &str) -> ChangeAddress {
    ChangeAddress { token: token.clone(), address: parse(address), client: client() }
}

fn confirm(token: &SessionToken, code: &Code) -> ConfirmAddress {
    ConfirmAddress { token: token.clone(), code: code.clone(), client: client() }
}

fn asks(world: &mut World, token: &SessionToken, address: &str) -> AskingToMove {
    world.visit(change(token, address), None)
}

fn confirms(world: &mut World, token: &SessionToken, code: &Code) -> Relocation {
    world.visit(confirm(token, code), None)
}

fn mails_to<'a>(world: &'a World, address: &'a str) -> impl Iterator<Item = &'a Template> {
    world.mailbox.iter().filter(move |mail| mail.to == address).map(|mail| &mail.template)
}

#[test]
fn a_code_from_the_new_address_moves_the_account_and_ends_everything_before() {
    let (mut world, _) = owned();
    let (other, id) = (enter(&mut world, ADDRESS).expect("the password is right"), world.account_id(ADDRESS));
    world.later(DAY);
    let token_of_a_mail = {
        let flow = auth_core::ForgotPassword { address: parse(ADDRESS), client: client() };
        world.visit(flow, None);
        world.deliver();
        world.last_token()
    };
    let token = enter(&mut world, ADDRESS).expect("the password is right");
    assert_eq!(asks(&mut world, &token, NEW), AskingToMove::Accepted);
    world.deliver();
    assert!(enter(&mut world, NEW).is_none() && world.counts(&token), "asking changes nothing");
    assert_eq!(mails_to(&world, ADDRESS).count(), 2, "asking tells the old address nothing");
    let code = world.last_code();
    let Relocation::Moved { session, account } = confirms(&mut world, &token, &code) else {
        panic!("the code is right")
    };
    assert_eq!((account.id, account.address.key().as_str()), (id, NEW));
    let new = session.token.expect("a session was opened");
    for ended in [&token, &other] {
        assert!(!world.counts(ended));
    }
    assert!(world.counts(&new));
    assert!(enter(&mut world, ADDRESS).is_none() && enter(&mut world, NEW).is_some());
    for address in [ADDRESS, NEW] {
        let flow = ResetPassword { token: token_of_a_mail.clone(), ..reset(address, "") };
        assert_eq!(world.visit(flow, Some(STRANGERS)), Resetting::Refused);
    }
    world.deliver();
    assert_eq!(mails_to(&world, ADDRESS).last(), Some(&Template::AddressChanged));
    assert_eq!(confirms(&mut world, &new, &code), Relocation::Refused, "a code moves once");
}

#[test]
fn the_address_before_is_free_and_its_next_owner_is_somebody_else() {
    let (mut world, token) = owned();
    let id = world.account_id(ADDRESS);
    asks(&mut world, &token, NEW);
    world.deliver();
    let code = world.last_code();
    confirms(&mut world, &token, &code);
    world.later(DAY);
    account(&mut world, ADDRESS);
    assert_ne!(world.account_id(ADDRESS), id);
    assert_eq!(world.account_id(NEW), id);
}

/// Threat: an address is taken from its owner, or its account found out.
#[test]
fn nobody_moves_to_an_address_that_has_an_account() {
    let (mut world, token) = owned();
    account(&mut world, NEW);
    assert_eq!(asks(&mut world, &token, NEW), AskingToMove::Accepted);
    world.pass(DAY);
    assert_eq!(mails_to(&world, NEW).last(), Some(&Template::Notice), "its owner is told");
    let wrong = world.wrong_code();
    let token = enter(&mut world, ADDRESS).expect("the password is right");
    assert_eq!(confirms(&mut world, &token, &wrong), Relocation::Refused);
}

/// Threat: pre-hijacking (Sudhodanan & Paverd, USENIX Security 2022): an unexpired change of address.
#[test]
fn whatever_begins_another_era_ends_a_change_that_waits() {
    let ends: [fn(&mut World, &SessionToken) -> Option<SessionToken>; 3] = [
        |world, token| {
            let flow = ChangePassword { token: token.clone(), verdict: good(), client: client() };
            world.visit(flow, Some(OWNERS));
            None
        },
        |world, token| {
            world.visit(LogoutEverywhere { token: token.clone() }, None);
            enter(world, ADDRESS)
        },
        |world, _| {
            world.later(DAY);
            world.visit(auth_core::ForgotPassword { address: parse(ADDRESS), client: client() }, None);
            world.deliver();
            let reset_token = world.last_token();
            world.visit(ResetPassword { token: reset_token, ..reset(ADDRESS, "") }, Some(OWNERS));
            enter(world, ADDRESS)
        },
    ];
    for (n, end) in ends.into_iter().enumerate() {
        let (mut world, token) = owned();
        asks(&mut world, &token, NEW);
        world.deliver();
        let code = world.last_code();
        let next = end(&mut world, &token).unwrap_or(token);
        assert!(!matches!(confirms(&mut world, &next, &code), Relocation::Moved { .. }), "{n}");
        assert!(enter(&mut world, NEW).is_none(), "{n}");
    }
}

#[test]
fn a_change_that_was_asked_for_again_replaces_the_one_before() {
    let (mut world, token) = owned();
    asks(&mut world, &token, NEW);
    world.deliver();
    let code = world.last_code();
    asks(&mut world, &token, "ada@third.example");
    assert_eq!(confirms(&mut world, &token, &code), Relocation::Refused);
    world.deliver();
    let code = world.last_code();
    let Relocation::Moved { account, .. } = confirms(&mut world, &token, &code) else {
        panic!("the code is right")
    };
    assert_eq!(account.address.key().as_str(), "ada@third.example");
}

/// Threat: guessing the code of somebody's address, to have an account there.
#[test]
fn five_wrong_codes_use_up_a_mail() {
    let (mut world, token) = owned();
    asks(&mut world, &token, NEW);
    world.deliver();
    let (code, wrong) = (world.last_code(), world.wrong_code());
    for _ in 0..5 {
        assert_eq!(confirms(&mut world, &token, &wrong), Relocation::Refused);
    }
    assert_eq!(confirms(&mut world, &token, &code), Relocation::Refused);
    world.later(seconds(60));
    asks(&mut world, &token, NEW);
    world.deliver();
    let code = world.last_code();
    assert!(
        matches!(confirms(&mut world, &token, &code), Relocation::Moved { .. }),
        "the next mail has its own"
    );
}

#[test]
fn of_two_accounts_that_move_to_one_address_the_first_one_gets_it() {
    let (mut world, ada) = owned();
    let bob = account(&mut world, "bob@example.org");
    asks(&mut world, &ada, NEW);
    world.deliver();
    let adas = world.last_code();
    world.later(seconds(60));
    asks(&mut world, &bob, NEW);
    world.deliver();
    let bobs = world.last_code();
    let rival = before(Kind::CommitAccount, |world| {
        assert!(matches!(confirms(world, &ada, &adas), Relocation::Moved { .. }));
    });
    let late = world.drive(confirm(&bob, &bobs), None, rival).outcome();
    assert_eq!((late.disclosed, late.event), (Relocation::Refused, Event::AddressTaken));
    assert!(world.counts(&bob), "it stays where it is");
    assert!(enter(&mut world, "bob@example.org").is_some());
}

/// Threat: strangers who registered the address, or let their own accounts move to it, flood its mailbox or keep the
/// mails of others away from it.
#[test]
fn many_accounts_cause_no_more_mails_than_one() {
    let mut world = World::new(rules());
    let users: Vec<_> = (0..20).map(|n| format!("user{n}@example.org")).collect();
    for user in &users {
        account(&mut world, user);
    }
    for minute in 0..(24 * 60) {
        let user = &users[minute % users.len()];
        let token = enter(&mut world, user).expect("the password is right");
        asks(&mut world, &token, NEW);
        if minute % 3 == 0 {
            world.register(NEW, STRANGERS);
        }
        world.pass(seconds(60));
    }
    let mails = mails_to(&world, NEW).count();
    assert!((10..=18).contains(&mails), "{mails}");
}

/// Threat: an account that moves to an address, and whose owner registers there again and again, keeps the activation
/// mails of others from leaving.
#[test]
fn activation_mails_leave_whatever_is_asked_for_beside_them() {
    let mut world = World::new(rules());
    for user in ["mallory@example.org", "eve@example.org"] {
        account(&mut world, user);
    }
    for step in 0..(24 * 12) {
        for user in ["mallory@example.org", "eve@example.org"] {
            let token = enter(&mut world, user).expect("the password is right");
            asks(&mut world, &token, NEW);
            asks(&mut world, &token, "ada@third.example");
        }
        world.register(NEW, if step % 2 == 0 { STRANGERS } else { OWNERS });
        world.pass(seconds(300));
    }
    let activation = |template: &&Template| matches!(template, Template::Activation { .. });
    let mails = mails_to(&world, NEW).filter(activation).count();
    assert!(mails >= 4, "{mails} in a day: three of the longest intervals apart at most");
}

/// Threat: a stolen session that stays fresh by moving its account from address to address.
#[test]
fn a_move_makes_no_session_fresh() {
    let (mut world, token) = owned();
    asks(&mut world, &token, NEW);
    world.later(seconds(899));
    world.deliver();
    let code = world.last_code();
    let Relocation::Moved { session, .. } = confirms(&mut world, &token, &code) else {
        panic!("the code is right")
    };
    let token = session.token.expect("a session was opened");
    world.later(seconds(1));
    assert_eq!(asks(&mut world, &token, ADDRESS), AskingToMove::ConfirmFirst);
}

/// Threat: an owner who is told that their account is gone, while somebody has moved it.
#[test]
fn a_deletion_that_a_move_overtakes_deletes_nothing() {
    let (mut world, token) = owned();
    asks(&mut world, &token, NEW);
    world.deliver();
    let (code, mover) = (world.last_code(), token.clone());
    let rival = before(Kind::CommitAccount, move |world| {
        assert!(matches!(confirms(world, &mover, &code), Relocation::Moved { .. }));
    });
    let flow = DeleteAccount { token, client: client() };
    let outcome = world.drive(flow, None, rival).outcome();
    assert_eq!((outcome.disclosed, world.is_active(NEW)), (Deleting::NoSession, true));
}

/// However the move fails, the account is at one of the addresses, and the visitor knows of a session.
#[test]
fn a_move_is_done_or_not_done_whatever_fails() {
    for how in How::TROUBLE {
        for place in 0..8 {
            let (mut world, token) = owned();
            asks(&mut world, &token, NEW);
            world.deliver();
            let code = world.last_code();
            let fails = |_: &mut World, _: Kind, at: usize| if at == place { how } else { How::Well };
            let ended = world.drive(confirm(&token, &code), None, fails).ended;
            let done = world.is_active(NEW);
            assert_eq!(world.is_active(ADDRESS), !done, "{how:?} at {place}");
            assert_eq!(world.counts(&token), !done, "{how:?} at {place}");
            if let Some(Ok(outcome)) = ended {
                assert!(done && matches!(outcome.disclosed, Relocation::Moved { .. }), "{how:?} at {place}");
            }
            if !done {
                let again = confirms(&mut world, &token, &code);
                assert!(matches!(again, Relocation::Moved { .. }), "{how:?} at {place}");
            }
        }
    }
}

#[test]
fn another_spelling_of_the_own_address_is_taken_at_once() {
    let (mut world, token) = owned();
    let before = world.mailbox.len();
    assert_eq!(asks(&mut world, &token, "ADA@Example.org"), AskingToMove::Accepted);
    world.pass(DAY);
    assert_eq!(world.mailbox.len(), before);
    let Authentication::Authenticated { account, .. } = world.visit(Authenticate { token }, None) else {
        panic!("the session stays")
    };
    assert_eq!(account.address, parse("ADA@Example.org"));
}

/// What was registered at the new address is over, and its codes with it.
#[test]
fn a_move_ends_what_is_pending_at_the_new_address() {
    let (mut world, token) = owned();
    world.register(NEW, STRANGERS);
    world.deliver();
    let strangers = world.last_code();
    world.later(seconds(60));
    asks(&mut world, &token, NEW);
    world.deliver();
    let code = world.last_code();
    assert!(matches!(confirms(&mut world, &token, &code), Relocation::Moved { .. }));
    let late = world.activate(NEW, STRANGERS, &strangers).outcome();
    assert!(!matches!(late.disclosed, Activation::Activated(_)), "{late:?}");
    assert!(matches!(&world.row(NEW).map(|row| &row.status), Some(Status::Active { .. })));
    assert!(enter(&mut world, NEW).is_some());
}
