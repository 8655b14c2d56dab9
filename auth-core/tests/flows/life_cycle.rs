//! The life of an address over days: who gets it, when it is forgotten, who is notified.

use auth_core::{Activation, Event, Hashing, Kind, Row, Run, Scrypt, Status};

use crate::{
    fixture::{DAY, KEPT, TTL, rules, seconds},
    world::{Going, How, Mailer, World, activate, well},
};

const ADDRESS: &str = "ada@example.org";
const OWNERS: &str = "password of the owner";
const STRANGERS: &str = "password of a stranger";

fn world() -> World {
    World::new(rules())
}

fn event(world: &mut World, password: &str, code: &auth_core::Code) -> Event {
    world.activate(ADDRESS, password, code).outcome().event
}

/// Returns a world in which the owner's account is active.
fn owned() -> World {
    let mut world = world();
    world.register(ADDRESS, OWNERS);
    world.deliver();
    let code = world.last_code();
    assert_eq!(event(&mut world, OWNERS, &code), Event::Activated);
    world
}

#[test]
fn whoever_registers_an_address_first_gains_nothing() {
    let mut world = world();
    world.register(ADDRESS, STRANGERS);
    world.pass(seconds(30));
    let strangers = world.last_code();
    world.register(ADDRESS, OWNERS);
    world.pass(seconds(60));
    let owners = world.last_code();
    // Both codes are in the owner's mailbox; one of them activates their attempt, with their password.
    assert_eq!(event(&mut world, OWNERS, &strangers), Event::WrongCode);
    assert_eq!(event(&mut world, STRANGERS, &strangers), Event::WrongPassword);
    assert_eq!(event(&mut world, STRANGERS, &owners), Event::WrongPassword);
    assert_eq!(event(&mut world, OWNERS, &owners), Event::Activated);
    assert_eq!(event(&mut world, STRANGERS, &owners), Event::AlreadyActive);
}

#[test]
fn a_code_that_waits_for_delivery_goes_to_the_latest_attempt() {
    let mut world = world();
    world.register(ADDRESS, STRANGERS);
    world.register(ADDRESS, OWNERS);
    assert_eq!(world.pass(seconds(60)), [Event::MailSent], "the stranger's mail never leaves");
    let code = world.last_code();
    assert_eq!(event(&mut world, OWNERS, &code), Event::Activated);
}

#[test]
fn no_request_changes_an_active_account() {
    let mut world = owned();
    let (before, code) = (world.row(ADDRESS).cloned().expect("the row exists"), world.last_code());
    for password in [OWNERS, STRANGERS] {
        world.register(ADDRESS, password);
        world.resend(ADDRESS);
        world.activate(ADDRESS, password, &code);
        world.pass(DAY);
    }
    let after = world.row(ADDRESS).expect("the row exists");
    assert_eq!((&after.status, after.expires), (&before.status, None));
}

#[test]
fn the_same_password_again_keeps_the_attempt_and_its_codes() {
    let mut world = world();
    world.register(ADDRESS, OWNERS);
    world.deliver();
    let (code, before) = (world.last_code(), world.attempt(ADDRESS).clone());
    assert_eq!(world.register(ADDRESS, OWNERS).outcome().event, Event::RegisteredAgain);
    assert_eq!(world.attempt(ADDRESS), &before);
    assert_eq!(event(&mut world, OWNERS, &code), Event::Activated);
}

#[test]
fn mail_goes_to_the_stored_spelling() {
    let mut world = world();
    world.register("Ada@Example.org", OWNERS);
    world.deliver();
    world.register("ADA@EXAMPLE.ORG", OWNERS);
    world.resend("aDa@example.org");
    world.pass(seconds(60));
    let code = world.last_code();
    world.activate("ADA@example.ORG", OWNERS, &code);
    world.register("adA@example.org", STRANGERS);
    world.pass(seconds(60));
    let recipients: Vec<&str> = world.mailbox.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(recipients, ["Ada@example.org"; 3]);
    assert_eq!(world.mailbox[2].code, None, "the last mail is a notice");
}

#[test]
fn a_notice_goes_out_once_a_day_at_most() {
    let mut world = owned();
    world.mailbox.clear();
    for hour in 0..72 {
        if hour % 2 == 0 {
            drop(world.register(ADDRESS, STRANGERS))
        } else {
            drop(world.resend(ADDRESS))
        }
        world.pass(seconds(3600));
    }
    assert_eq!(world.mailbox.len(), 3);
    assert!(world.mailbox.iter().all(|mail| mail.code.is_none()));
}

#[test]
fn after_asking_for_an_unknown_address_a_registration_mails_at_once() {
    let mut world = world();
    (0..10).for_each(|_| drop(world.resend(ADDRESS)));
    assert_eq!(world.pass(seconds(10)), []);
    world.register(ADDRESS, OWNERS);
    assert_eq!(world.deliver(), [Event::MailSent]);
}

#[test]
fn pending_and_vacant_addresses_are_forgotten_after_a_day() {
    let mut pending = world();
    pending.register(ADDRESS, OWNERS);
    let mut vacant = world();
    vacant.resend(ADDRESS);
    for (mut world, kept) in [(pending, KEPT), (vacant, DAY)] {
        world.pass(kept - seconds(1));
        world.purge();
        assert!(world.row(ADDRESS).is_some(), "not deleted a second too early");
        world.later(seconds(1));
        // Deleted or not, it counts as absent, and the intervals start again.
        for purged in [false, true] {
            let mut world = world.clone();
            if purged {
                world.purge();
                assert_eq!(world.row(ADDRESS), None);
            }
            world.mailbox.clear();
            assert_eq!(world.register(ADDRESS, OWNERS).outcome().event, Event::Registered);
            assert_eq!(world.deliver(), [Event::MailSent]);
            let code = world.last_code();
            assert_eq!(event(&mut world, OWNERS, &code), Event::Activated);
        }
    }
}

#[test]
fn the_codes_of_an_expired_attempt_are_dead() {
    let mut world = world();
    world.register(ADDRESS, OWNERS);
    world.deliver();
    let old = world.last_code();
    world.pass(KEPT);
    assert_eq!(event(&mut world, OWNERS, &old), Event::NoAccount);
    world.register(ADDRESS, OWNERS);
    world.deliver();
    assert_eq!(event(&mut world, OWNERS, &old), Event::WrongCode);
}

/// Mail servers may be unavailable for nearly a day: whoever gets their code then can use it.
#[test]
fn a_code_that_arrives_lives_its_ttl_however_late_it_came() {
    // Tries after 0, 1, 3, … 1023 s, then every 600 s: number 153 is the last one of the day.
    for deferred in [0, 10, 100, 150, 151, 152, 153] {
        let mut world = world();
        world.register(ADDRESS, OWNERS);
        world.mailer.extend(vec![Mailer::Defers; deferred]);
        world.pass(DAY + seconds(3600));
        let Some(mail) = world.mailbox.first() else { continue };
        world.now = mail.at.after(TTL - seconds(1));
        world.purge();
        let code = world.last_code();
        assert_eq!(event(&mut world, OWNERS, &code), Event::Activated, "after {deferred} tries");
    }
}

/// A run may be kept for long, and versions start again after a row was deleted.
#[test]
fn a_stalled_activation_never_overwrites_a_newer_attempt() {
    let mut world = world();
    world.register(ADDRESS, STRANGERS);
    world.deliver();
    let flow = activate(ADDRESS, &world.last_code());
    let extra = world.extra(Some(STRANGERS));
    let mut stalled = Going { run: Run::start(flow, &world.rules), extra };
    while stalled.run.waits_for() != Some(Kind::CommitAccount) {
        assert!(stalled.step(&mut world, How::Well));
    }
    world.pass(KEPT);
    world.purge();
    world.register(ADDRESS, OWNERS);
    while stalled.run.waits_for().is_some() {
        assert!(stalled.step(&mut world, How::Well));
    }
    let disclosed = stalled.run.into_outcome().expect("the run has ended").expect("nothing broke").disclosed;
    assert_eq!(disclosed, Activation::Refused);
    assert!(!world.is_active(ADDRESS), "the owner's attempt is still pending");
}

#[test]
fn a_stored_hash_that_is_too_weak_or_too_costly_never_verifies() {
    let mut world = world();
    world.register(ADDRESS, OWNERS);
    world.deliver();
    let code = world.last_code();
    for params in [Scrypt { log2_n: 16, r: 8, p: 1 }, Scrypt { log2_n: 30, r: 8, p: 1 }] {
        let mut world = world.clone();
        world.tamper(ADDRESS, |row| set_params(row, params.into()));
        let ran = world.drive(activate(ADDRESS, &code), Some(OWNERS), well);
        assert_eq!(ran.hashes, [Hashing::DEFAULT], "only today's parameters are ordered");
        assert_eq!(ran.outcome().event, Event::WrongPassword);
        // Registering again replaces an unusable hash.
        assert_eq!(world.register(ADDRESS, OWNERS).outcome().event, Event::AttemptReplaced);
        world.pass(seconds(60));
        let code = world.last_code();
        assert_eq!(event(&mut world, OWNERS, &code), Event::Activated);
    }
}

fn set_params(row: &mut Row, params: Hashing) {
    let Status::Pending(attempt) = &mut row.status else { panic!("the row is not pending") };
    attempt.password.params = params;
}
