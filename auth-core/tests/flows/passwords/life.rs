//! Passwords over days: who can set a new one, and what that ends.

use auth_core::{
    Activation, ChangePassword, Changing, DeleteAccount, Deleting, DeviceToken, Event, Kind, LoggingIn,
    LoggingOut, Login, LogoutEverywhere, Reopened, ResetPassword, ResetToken, Resetting, SessionToken,
    Status, Template,
};

use crate::{
    fixture::{DAY, client, good, rules, seconds},
    world::{How, NEW_PASSWORD, World, before, login, reset},
};

const ADDRESS: &str = "ada@example.org";
const OWNERS: &str = "password of the owner";
const NEW: &str = NEW_PASSWORD;
const STRANGERS: &str = "password of a stranger";

fn owned() -> World {
    let mut world = World::new(rules());
    world.activated(ADDRESS, OWNERS);
    world.later(DAY);
    world
}

fn enter(world: &mut World, password: &str) -> Option<(SessionToken, DeviceToken)> {
    world.enter(ADDRESS, password)
}

fn forgets(world: &mut World) -> Event {
    let flow = auth_core::ForgotPassword { address: crate::world::parse(ADDRESS), client: client() };
    world.drive(flow, None, crate::world::well).outcome().event
}

fn resets(world: &mut World, token: &ResetToken, password: &str) -> Resetting {
    world.visit(ResetPassword { token: token.clone(), ..reset(ADDRESS, "") }, Some(password))
}

fn is_reset(outcome: &Resetting) -> bool {
    matches!(outcome, Resetting::Reset(_))
}

fn change(token: &SessionToken) -> ChangePassword {
    ChangePassword { token: token.clone(), verdict: good(), client: client() }
}

/// Returns how often the owner was told of something.
fn told(world: &World, template: &Template) -> usize {
    world.mailbox.iter().filter(|mail| mail.template == *template).count()
}

#[test]
fn the_token_of_a_mail_sets_a_new_password_once_and_ends_everything_before() {
    let mut world = owned();
    let (session, device) = enter(&mut world, OWNERS).expect("the password is right");
    assert_eq!(forgets(&mut world), Event::ResetAskedFor);
    world.deliver();
    let token = world.last_token();
    assert!(is_reset(&resets(&mut world, &token, NEW)));
    assert!(!world.counts(&session), "a session from before");
    assert!(enter(&mut world, OWNERS).is_none() && enter(&mut world, NEW).is_some());
    assert_eq!(resets(&mut world, &token, STRANGERS), Resetting::Refused, "a token works once");
    (0..20).for_each(|_| drop(world.login(ADDRESS, STRANGERS)));
    let known = Login { device: Some(device), ..login(ADDRESS) };
    assert!(matches!(world.visit(known, Some(NEW)), LoggingIn::RateLimited { .. }), "a device from before");
    world.deliver();
    assert_eq!(told(&world, &Template::PasswordChanged), 1, "its owner is told");
}

#[test]
fn every_token_of_an_era_dies_with_it() {
    let mut world = owned();
    let mut tokens = Vec::new();
    for _ in 0..3 {
        forgets(&mut world);
        world.pass(seconds(600));
        tokens.push(world.last_token());
    }
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2]);
    assert!(is_reset(&resets(&mut world, &tokens[0], NEW)), "the oldest is as good as the newest");
    for token in &tokens {
        assert_eq!(resets(&mut world, token, STRANGERS), Resetting::Refused);
    }
}

/// Threat: a stranger who shows wrong tokens until the right one is used up.
#[test]
fn wrong_tokens_use_nothing_up() {
    let mut world = owned();
    forgets(&mut world);
    world.deliver();
    for _ in 0..50 {
        assert_eq!(world.visit(reset(ADDRESS, "authr_guessed"), Some(STRANGERS)), Resetting::Refused);
    }
    let token = world.last_token();
    assert!(is_reset(&resets(&mut world, &token, NEW)));
}

#[test]
fn a_token_lives_its_lifetime_from_when_its_mail_was_accepted() {
    for (age, lives) in [(10_799, true), (10_800, false)] {
        let mut world = owned();
        forgets(&mut world);
        world.deliver();
        let token = world.last_token();
        world.later(seconds(age));
        assert_eq!(is_reset(&resets(&mut world, &token, NEW)), lives, "{age} s");
    }
}

#[test]
fn the_token_of_one_account_resets_no_other() {
    let mut world = owned();
    forgets(&mut world);
    world.deliver();
    let token = world.last_token();
    world.activated("bob@example.org", STRANGERS);
    let flow = ResetPassword { token, ..reset("bob@example.org", "") };
    assert_eq!(world.visit(flow, Some(NEW)), Resetting::Refused);
}

/// However the reset fails, the old password or the new one is right, and never both.
#[test]
fn a_reset_is_done_or_not_done_whatever_fails() {
    for how in How::TROUBLE {
        for place in 0..6 {
            let mut world = owned();
            let (session, _) = enter(&mut world, OWNERS).expect("the password is right");
            forgets(&mut world);
            world.deliver();
            let token = world.last_token();
            let flow = || ResetPassword { token: token.clone(), ..reset(ADDRESS, "") };
            let fails = |_: &mut World, _: Kind, at: usize| if at == place { how } else { How::Well };
            let ended = world.drive(flow(), Some(NEW), fails).ended;
            let done = enter(&mut world, NEW).is_some();
            assert_eq!(enter(&mut world, OWNERS).is_some(), !done, "{how:?} at {place}");
            assert_eq!(world.counts(&session), !done, "{how:?} at {place}");
            if let Some(Ok(outcome)) = ended {
                assert_eq!(is_reset(&outcome.disclosed), done, "{how:?} at {place}");
            }
            // The visitor asks again with the same token.
            if !done {
                assert!(is_reset(&world.visit(flow(), Some(NEW))), "{how:?} at {place}");
            }
        }
    }
}

#[test]
fn a_blocked_or_pending_account_cannot_be_reset() {
    let mut world = owned();
    forgets(&mut world);
    world.deliver();
    let token = world.last_token();
    world.tamper(ADDRESS, |row| {
        if let Status::Active { blocked, .. } = &mut row.status {
            *blocked = true;
        }
    });
    assert_eq!(resets(&mut world, &token, NEW), Resetting::Refused);
    assert_eq!(forgets(&mut world), Event::Blocked);
    let before = world.mailbox.len();
    world.pass(DAY);
    assert_eq!(world.mailbox.len(), before, "no mail follows");
}

/// Threat: a mailbox is flooded by asking for resets.
#[test]
fn asking_all_day_causes_no_more_mails_than_registering_does() {
    let mut world = owned();
    let before = world.mailbox.len();
    for _ in 0..(24 * 60) {
        forgets(&mut world);
        world.pass(seconds(60));
    }
    let mails = world.mailbox.len() - before;
    assert!((15..=18).contains(&mails), "{mails}");
}

#[test]
fn a_change_in_a_session_ends_every_session_and_opens_one() {
    let mut world = owned();
    let (token, _) = enter(&mut world, OWNERS).expect("the password is right");
    let (other, _) = enter(&mut world, OWNERS).expect("the password is right");
    world.later(seconds(900));
    assert_eq!(world.visit(change(&token), Some(STRANGERS)), Changing::PasswordRefused);
    assert!(world.counts(&token), "a wrong password changes nothing");
    let Changing::Changed(Reopened { token: Some(new), device, .. }) =
        world.visit(change(&token), Some(OWNERS))
    else {
        panic!("the password is right")
    };
    for ended in [&token, &other] {
        assert!(!world.counts(ended));
    }
    assert!(world.counts(&new));
    assert!(enter(&mut world, OWNERS).is_none() && enter(&mut world, NEW).is_some());
    (0..20).for_each(|_| drop(world.login(ADDRESS, STRANGERS)));
    let known = Login { device: Some(device), ..login(ADDRESS) };
    assert!(matches!(world.visit(known, Some(NEW)), LoggingIn::LoggedIn { .. }), "the device is known");
    world.deliver();
    assert_eq!(told(&world, &Template::PasswordChanged), 1);
}

/// However the change fails, the old password or the new one is right, and the visitor knows of a new session or keeps
/// the old one.
#[test]
fn a_change_is_done_or_not_done_whatever_fails() {
    for how in How::TROUBLE {
        for place in 0..11 {
            let mut world = owned();
            let (session, _) = enter(&mut world, OWNERS).expect("the password is right");
            let fails = |_: &mut World, _: Kind, at: usize| if at == place { how } else { How::Well };
            let ended = world.drive(change(&session), Some(OWNERS), fails).ended;
            let done = enter(&mut world, NEW).is_some();
            assert_eq!(enter(&mut world, OWNERS).is_some(), !done, "{how:?} at {place}");
            assert_eq!(world.counts(&session), !done, "{how:?} at {place}");
            if let Some(Ok(outcome)) = ended {
                assert!(done && matches!(outcome.disclosed, Changing::Changed(_)), "{how:?} at {place}");
            }
        }
    }
}

/// Threat: whoever has the password floods the owner's mailbox, and ends each token that could set another.
#[test]
fn changes_have_a_budget_that_a_reset_has_no_part_in() {
    let mut world = owned();
    let (mut session, _) = enter(&mut world, OWNERS).expect("the password is right");
    let mut password = OWNERS;
    for n in 0..10 {
        let Changing::Changed(Reopened { token: Some(next), .. }) =
            world.visit(change(&session), Some(password))
        else {
            panic!("change {n} is within the budget")
        };
        (session, password) = (next, NEW);
    }
    assert!(matches!(world.visit(change(&session), Some(NEW)), Changing::RateLimited { .. }));
    let everywhere = LogoutEverywhere { token: session.clone() };
    assert!(matches!(world.visit(everywhere, None), LoggingOut::RateLimited { .. }));
    forgets(&mut world);
    world.deliver();
    let token = world.last_token();
    assert!(is_reset(&resets(&mut world, &token, OWNERS)), "the owner gets it back");
    assert!(told(&world, &Template::PasswordChanged) <= 12);
}

/// A reset that was asked for before the change is worth nothing after it.
#[test]
fn a_change_ends_reset_tokens_and_mails_that_wait() {
    let mut world = owned();
    forgets(&mut world);
    world.deliver();
    let token = world.last_token();
    forgets(&mut world);
    let (session, _) = enter(&mut world, OWNERS).expect("the password is right");
    assert!(matches!(world.visit(change(&session), Some(OWNERS)), Changing::Changed(_)));
    assert_eq!(resets(&mut world, &token, STRANGERS), Resetting::Refused);
    let resets_mailed = |world: &World| world.mailbox.iter().filter(|mail| mail.token.is_some()).count();
    let before = resets_mailed(&world);
    world.pass(DAY);
    assert_eq!(resets_mailed(&world), before, "a mail of the era before never leaves");
}

/// A mail of the era before never leaves, so it answers no request of this one.
#[test]
fn a_reset_that_is_asked_for_after_a_change_has_a_mail_of_its_own() {
    let mut world = owned();
    forgets(&mut world);
    world.deliver();
    forgets(&mut world);
    let (session, _) = enter(&mut world, OWNERS).expect("the password is right");
    assert!(matches!(world.visit(change(&session), Some(OWNERS)), Changing::Changed(_)));
    forgets(&mut world);
    world.pass(seconds(600));
    let token = world.last_token();
    assert!(is_reset(&resets(&mut world, &token, OWNERS)));
}

#[test]
fn a_deleted_account_is_gone_its_address_is_free_and_its_owner_is_told() {
    let mut world = owned();
    let (token, _) = enter(&mut world, OWNERS).expect("the password is right");
    forgets(&mut world);
    world.deliver();
    let reset_token = world.last_token();
    let id = world.attempt(ADDRESS).generation;
    let flow = DeleteAccount { token: token.clone(), client: client() };
    assert_eq!(world.visit(flow, None), Deleting::Deleted);
    assert!(!world.counts(&token) && enter(&mut world, OWNERS).is_none());
    assert_eq!(resets(&mut world, &reset_token, STRANGERS), Resetting::Refused);
    world.deliver();
    assert_eq!(told(&world, &Template::AccountDeleted), 1);
    assert_eq!(world.mailbox.last().map(|mail| mail.to.as_str()), Some(ADDRESS));
    world.later(DAY);
    world.register(ADDRESS, STRANGERS);
    world.deliver();
    let code = world.last_code();
    let Activation::Activated(account) = world.activate(ADDRESS, STRANGERS, &code).outcome().disclosed else {
        panic!("the address is free")
    };
    assert_ne!(account.id.as_bytes(), id.as_bytes(), "whoever comes next is somebody else");
    assert!(!world.counts(&token));
}

/// Threat: a login that began before the owner ended everything, and opens its session after it.
#[test]
fn what_ends_every_session_ends_a_login_under_way() {
    let ends: [fn(&mut World, &SessionToken); 3] = [
        |world, token| _ = world.visit(LogoutEverywhere { token: token.clone() }, None),
        |world, token| _ = world.visit(change(token), Some(OWNERS)),
        |world, token| _ = world.visit(DeleteAccount { token: token.clone(), client: client() }, None),
    ];
    for (n, ends) in ends.into_iter().enumerate() {
        let mut world = owned();
        let (token, _) = enter(&mut world, OWNERS).expect("the password is right");
        let id = world.account_id(ADDRESS);
        let rival = before(Kind::PutSession, move |world| ends(world, &token));
        let late = world.drive(login(ADDRESS), Some(OWNERS), rival).outcome();
        assert_eq!((late.disclosed, late.event), (LoggingIn::Refused, Event::Superseded), "{n}");
        let left = world.sessions(id);
        assert_eq!(left, usize::from(n == 1), "{n}: the one that the change has opened, and no other");
    }
}

/// Threat: a stranger's request takes the place of the mail that tells the owner.
#[test]
fn what_tells_the_owner_leaves_whatever_is_asked_for() {
    let mut world = owned();
    let (token, _) = enter(&mut world, OWNERS).expect("the password is right");
    world.visit(DeleteAccount { token, client: client() }, None);
    world.register(ADDRESS, STRANGERS);
    world.resend(ADDRESS);
    forgets(&mut world);
    world.pass(DAY);
    assert_eq!(told(&world, &Template::AccountDeleted), 1);
}
