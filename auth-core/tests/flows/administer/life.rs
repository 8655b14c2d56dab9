//! An operator and an account over days.

use auth_core::{
    Action, Administer, Authenticate, ChangePassword, Event, ForgotPassword, Kind, ResetPassword, Resetting,
    SessionToken, Template,
};

use crate::{
    fixture::{DAY, client, good, rules},
    world::{How, NEW_PASSWORD, World, before, parse, reset, well},
};

const ADDRESS: &str = "ada@example.org";
const OWNERS: &str = "password of the owner";

fn owned() -> (World, SessionToken) {
    let mut world = World::new(rules());
    world.activated(ADDRESS, OWNERS);
    let (token, _) = world.enter(ADDRESS, OWNERS).expect("the password is right");
    (world, token)
}

fn administer(action: Action) -> Administer {
    Administer { address: parse(ADDRESS), account: None, action }
}

fn acts(world: &mut World, action: Action) -> Event {
    world.drive(administer(action), None, well).outcome()
}

fn asks_for_a_reset(world: &mut World) {
    world.visit(ForgotPassword { address: parse(ADDRESS), client: client() }, None);
}

#[test]
fn a_blocked_account_authenticates_nothing_until_it_is_not_and_what_was_before_stays_over() {
    let (mut world, token) = owned();
    world.later(DAY);
    asks_for_a_reset(&mut world);
    world.deliver();
    let (_, device) = world.enter(ADDRESS, OWNERS).expect("the password is right");
    let mailed = world.last_token();
    assert_eq!(acts(&mut world, Action::Block), Event::AccountBlocked);
    assert!(!world.counts(&token) && world.enter(ADDRESS, OWNERS).is_none());
    let resets = |world: &mut World| {
        let flow = ResetPassword { token: mailed.clone(), ..reset(ADDRESS, "") };
        world.visit(flow, Some(NEW_PASSWORD))
    };
    assert_eq!(resets(&mut world), Resetting::Refused);
    let mails = world.mailbox.len();
    asks_for_a_reset(&mut world);
    world.pass(DAY);
    assert_eq!(world.mailbox.len(), mails, "no mail resets it");
    assert_eq!(acts(&mut world, Action::Reset), Event::Blocked);
    assert_eq!(acts(&mut world, Action::Unblock), Event::AccountUnblocked);
    assert!(!world.counts(&token), "lifting the block revives no session");
    assert_eq!(resets(&mut world), Resetting::Refused, "nor a mail");
    let again = world.enter(ADDRESS, OWNERS).expect("the password is right again");
    assert_ne!(again.1, device);
    assert!(world.counts(&again.0));
}

#[test]
fn logging_out_ends_every_session_and_no_more() {
    let (mut world, token) = owned();
    let (other, _) = world.enter(ADDRESS, OWNERS).expect("the password is right");
    let account = world.account_id(ADDRESS);
    assert_eq!(acts(&mut world, Action::Logout), Event::LoggedOutEverywhere);
    assert!(!world.counts(&token) && !world.counts(&other));
    assert_eq!(world.sessions(account), 0, "they are deleted");
    assert!(world.enter(ADDRESS, OWNERS).is_some());
}

#[test]
fn a_reset_sends_one_mail_that_sets_a_password() {
    let (mut world, _) = owned();
    world.later(DAY);
    assert_eq!(acts(&mut world, Action::Reset), Event::ResetAskedFor);
    assert_eq!(acts(&mut world, Action::Reset), Event::ResetAskedFor);
    assert_eq!(world.deliver().len(), 1);
    let flow = ResetPassword { token: world.last_token(), ..reset(ADDRESS, "") };
    assert!(matches!(world.visit(flow, Some(NEW_PASSWORD)), Resetting::Reset(_)));
    assert!(world.enter(ADDRESS, NEW_PASSWORD).is_some());
}

#[test]
fn a_deleted_account_is_gone_and_its_owner_is_told() {
    let (mut world, token) = owned();
    assert_eq!(acts(&mut world, Action::Delete), Event::AccountDeleted);
    assert!(!world.counts(&token) && world.enter(ADDRESS, OWNERS).is_none());
    world.deliver();
    assert_eq!(world.mailbox.last().map(|mail| &mail.template), Some(&Template::AccountDeleted));
    assert_eq!(acts(&mut world, Action::Delete), Event::NoAccount);
}

/// Threat: whoever has taken an account over changes its password at the moment in which an operator blocks it.
#[test]
fn nobody_escapes_a_block_by_beginning_another_era() {
    let (mut world, token) = owned();
    let race = before(Kind::CommitAccount, |world| {
        let flow = ChangePassword { token, verdict: good(), client: client() };
        let ended = world.visit(flow, Some(OWNERS));
        assert!(matches!(ended, auth_core::Changing::Changed(_)));
    });
    assert_eq!(world.drive(administer(Action::Block), None, race).outcome(), Event::AccountBlocked);
    let account = world.account_id(ADDRESS);
    assert!(world.enter(ADDRESS, NEW_PASSWORD).is_none());
    assert_eq!(world.sessions(account), 0);
}

/// Every effect fails in every way: the account is either as it was, or what was asked for is done entirely.
#[test]
fn an_action_is_done_or_not_done_whatever_fails() {
    for action in [Action::Block, Action::Logout, Action::Delete] {
        for place in 0..4 {
            for how in How::TROUBLE {
                let (mut world, token) = owned();
                let account = world.account_id(ADDRESS);
                let fails = |_: &mut World, _, n| if n == place { how } else { How::Well };
                world.drive(administer(action), None, fails);
                let counts = world.visit(Authenticate { token: token.clone() }, None)
                    != auth_core::Authentication::NoSession;
                assert_eq!(counts, world.sessions(account) == 1, "{action:?}, {place}, {how:?}");
                acts(&mut world, action);
                assert!(!world.counts(&token), "{action:?}, {place}, {how:?}");
            }
        }
    }
}
