//! Another whole run in between: before a commit, before a mail.

use auth_core::{Activation, Deliver, Event, Kind, Registration, Resend, Resending};

use crate::{
    fixture::{client, rules, seconds},
    world::{How, World, activate, before, parse, register},
};

const ADDRESS: &str = "ada@example.org";
const OURS: &str = "our password";
const THEIRS: &str = "their password";

/// Returns a world with a pending account of ours whose code has arrived.
fn mailed() -> World {
    let mut world = World::new(rules());
    world.register(ADDRESS, OURS);
    assert_eq!(world.deliver(), [Event::MailSent]);
    world
}

#[test]
fn of_two_registrations_at_once_the_one_that_commits_last_wins() {
    let mut world = World::new(rules());
    let rival = before(Kind::CommitAccount, |world| {
        let theirs = world.register(ADDRESS, THEIRS).outcome();
        assert_eq!((theirs.disclosed, theirs.event), (Registration::Accepted, Event::Registered));
        world.deliver();
    });
    let ours = world.drive(register(ADDRESS), Some(OURS), rival).outcome();
    assert_eq!((ours.disclosed, ours.event), (Registration::Accepted, Event::AttemptReplaced));
    let theirs = world.last_code();
    world.pass(seconds(60));
    let code = world.last_code();
    assert_eq!(world.activate(ADDRESS, THEIRS, &theirs).outcome().event, Event::WrongPassword);
    assert_eq!(world.activate(ADDRESS, OURS, &theirs).outcome().event, Event::WrongCode);
    assert_eq!(world.activate(ADDRESS, OURS, &code).outcome().event, Event::Activated);
}

#[test]
fn the_same_registration_twice_at_once_is_one_attempt() {
    let mut world = World::new(rules());
    let rival = before(Kind::CommitAccount, |world| {
        world.register(ADDRESS, OURS);
        world.deliver();
    });
    let ours = world.drive(register(ADDRESS), Some(OURS), rival).outcome();
    assert_eq!(ours.event, Event::RegisteredAgain);
    let first = world.last_code();
    assert_eq!(world.activate(ADDRESS, OURS, &first).outcome().event, Event::Activated);
}

#[test]
fn a_registration_overtaken_by_an_activation_leaves_the_account_alone() {
    let mut world = mailed();
    let code = world.last_code();
    let rival = before(Kind::CommitAccount, |world| drop(world.activate(ADDRESS, OURS, &code)));
    let late = world.drive(register(ADDRESS), Some(THEIRS), rival).outcome();
    assert_eq!((late.disclosed, late.event), (Registration::Accepted, Event::AlreadyActive));
    assert!(world.is_active(ADDRESS));
    assert_eq!(world.deliver(), [Event::MailSent]);
    assert_eq!(
        world.mailbox.last().and_then(|mail| mail.code.clone()),
        None,
        "the mail is a notice to the owner"
    );
}

#[test]
fn an_activation_overtaken_by_another_attempt_is_refused() {
    let mut world = mailed();
    let code = world.last_code();
    let rival = before(Kind::CommitAccount, |world| drop(world.register(ADDRESS, THEIRS)));
    let ours = world.drive(activate(ADDRESS, &code), Some(OURS), rival).outcome();
    assert_eq!((ours.disclosed, ours.event), (Activation::Refused, Event::Superseded));
    assert!(!world.is_active(ADDRESS));
}

#[test]
fn an_activation_overtaken_by_its_own_attempt_succeeds() {
    let rivals: [fn(&mut World); 3] = [
        |world| drop(world.register(ADDRESS, OURS)),
        |world| drop(world.resend(ADDRESS)),
        |world| {
            let code = world.last_code();
            assert_eq!(world.activate(ADDRESS, OURS, &code).outcome().event, Event::Activated);
        },
    ];
    for rival in rivals {
        let mut world = mailed();
        let code = world.last_code();
        let rival = before(Kind::CommitAccount, rival);
        let ours = world.drive(activate(ADDRESS, &code), Some(OURS), rival).outcome();
        assert!(matches!(ours.disclosed, Activation::Activated(_)), "{ours:?}");
        assert_eq!(ours.event, Event::Activated);
        assert!(world.is_active(ADDRESS));
    }
}

#[test]
fn asking_for_a_mail_overtaken_by_the_activation_tells_the_owner() {
    let mut world = mailed();
    let code = world.last_code();
    let rival = before(Kind::CommitAccount, |world| drop(world.activate(ADDRESS, OURS, &code)));
    let flow = Resend { address: parse(ADDRESS), client: client() };
    let late = world.drive(flow, None, rival).outcome();
    assert_eq!((late.disclosed, late.event), (Resending::Accepted, Event::AlreadyActive));
    world.pass(seconds(60));
    let last = world.mailbox.last().expect("mails have arrived");
    assert_eq!(last.code, None, "a notice instead of a code");
}

#[test]
fn a_mail_overtaken_by_another_attempt_carries_a_dead_code() {
    let mut world = World::new(rules());
    world.register(ADDRESS, OURS);
    let leased = world.lease().expect("a mail is due");
    let rival = before(Kind::SendMail, |world| drop(world.register(ADDRESS, THEIRS)));
    let event = world.drive(Deliver { leased }, None, rival).outcome();
    assert_eq!(event, Event::LeaseLost, "a newer mail has taken its place");
    let dead = world.last_code();
    assert_eq!(world.activate(ADDRESS, THEIRS, &dead).outcome().event, Event::CodeExpired);
    assert_eq!(world.pass(seconds(60)), [Event::MailSent]);
    let code = world.last_code();
    assert_eq!(world.activate(ADDRESS, THEIRS, &dead).outcome().event, Event::WrongCode);
    assert_eq!(world.activate(ADDRESS, THEIRS, &code).outcome().event, Event::Activated);
}

/// Returns a world where two workers have one mail, since the lease of the first expired before its `effect`-th
/// effect.
fn taken_over(effect: usize) -> World {
    let mut world = World::new(rules());
    world.register(ADDRESS, OURS);
    let slow = world.lease().expect("a mail is due");
    let rival = |world: &mut World, _, n| {
        if n == effect {
            world.later(crate::world::LEASE);
            assert_eq!(world.deliver(), [Event::MailSent]);
        }
        How::Well
    };
    assert_eq!(world.drive(Deliver { leased: slow }, None, rival).outcome(), Event::LeaseLost);
    world
}

#[test]
fn a_worker_whose_lease_ran_out_sends_nothing() {
    for effect in 0..=1 {
        assert_eq!(taken_over(effect).mailbox.len(), 1);
    }
}

#[test]
fn a_worker_whose_lease_ran_out_while_it_sent_settles_nothing_and_its_code_is_the_same() {
    for effect in 2..=4 {
        let world = taken_over(effect);
        assert_eq!(world.mailbox.len(), 2);
        assert_eq!(world.mailbox[0].code, world.mailbox[1].code, "both mails carry the same code");
        let disclosed = world.clone().activate(ADDRESS, OURS, &world.last_code()).outcome().disclosed;
        assert!(matches!(disclosed, Activation::Activated(_)), "{disclosed:?}");
    }
}
