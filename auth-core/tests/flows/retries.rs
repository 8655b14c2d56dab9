//! Failures at any effect: asking again always succeeds in the end.

use auth_core::{Activation, Deliver, Event, Kind, Resend};

use crate::{
    fixture::{client, rules, seconds},
    world::{How, Mailer, World, activate, parse, register, well},
};

const ADDRESS: &str = "ada@example.org";
const PASSWORD: &str = "correct horse";

fn mailed() -> World {
    let mut world = World::new(rules());
    world.register(ADDRESS, PASSWORD);
    assert_eq!(world.deliver(), [Event::MailSent]);
    world
}

/// Fails the `at`-th effect in the given way.
fn once(at: usize, how: How) -> impl FnMut(&mut World, Kind, usize) -> How {
    move |_, _, n| if n == at { how } else { How::Well }
}

/// Runs something once for each effect and each way to fail.
fn for_each_trouble(effects: usize, mut run: impl FnMut(usize, How)) {
    for at in 0..effects {
        for how in How::TROUBLE {
            eprintln!("effect {at}: {how:?}");
            run(at, how);
        }
    }
}

fn activates(world: &mut World) {
    let code = world.last_code();
    let disclosed = world.activate(ADDRESS, PASSWORD, &code).outcome().disclosed;
    assert!(matches!(disclosed, Activation::Activated(_)), "{disclosed:?}");
    assert!(world.is_active(ADDRESS));
}

#[test]
fn a_registration_that_broke_anywhere_can_be_sent_again() {
    for_each_trouble(5, |at, how| {
        let mut world = World::new(rules());
        world.drive(register(ADDRESS), Some(PASSWORD), once(at, how));
        world.register(ADDRESS, PASSWORD);
        world.pass(seconds(60));
        activates(&mut world);
    });
}

#[test]
fn what_was_committed_gets_its_mail_though_nobody_was_told() {
    for how in [How::LostAfter, How::DiesAfter] {
        let mut world = World::new(rules());
        world.drive(register(ADDRESS), Some(PASSWORD), once(4, how));
        assert_eq!(world.deliver(), [Event::MailSent]);
        activates(&mut world);
    }
}

#[test]
fn asking_for_a_mail_that_broke_anywhere_can_be_done_again() {
    for_each_trouble(4, |at, how| {
        let mut world = mailed();
        let flow = Resend { address: parse(ADDRESS), client: client() };
        world.drive(flow, None, once(at, how));
        world.resend(ADDRESS);
        world.pass(seconds(240));
        assert!((2..=3).contains(&world.mailbox.len()));
        activates(&mut world);
    });
}

#[test]
fn an_activation_that_broke_anywhere_can_be_sent_again() {
    for_each_trouble(6, |at, how| {
        let mut world = mailed();
        let code = world.last_code();
        world.drive(activate(ADDRESS, &code), Some(PASSWORD), once(at, how));
        activates(&mut world);
    });
}

#[test]
fn a_lost_reply_to_the_activating_commit_is_no_failure() {
    for how in [How::LostAfter, How::LostBefore] {
        let mut world = mailed();
        let code = world.last_code();
        let ran = world.drive(activate(ADDRESS, &code), Some(PASSWORD), once(5, how));
        assert_eq!(ran.outcome().event, Event::Activated);
        assert!(world.is_active(ADDRESS));
    }
}

#[test]
fn an_activation_that_broke_after_its_code_was_redeemed_costs_no_other_try() {
    let mut world = mailed();
    let (code, wrong) = (world.last_code(), world.wrong_code());
    for _ in 0..4 {
        world.activate(ADDRESS, PASSWORD, &wrong);
    }
    // The fifth and last try is the right code, and the commit fails again and again.
    for _ in 0..3 {
        world.drive(activate(ADDRESS, &code), Some(PASSWORD), once(5, How::NotDone));
    }
    activates(&mut world);
}

#[test]
fn a_delivery_that_broke_anywhere_is_taken_over() {
    for_each_trouble(6, |at, how| {
        let mut world = World::new(rules());
        world.register(ADDRESS, PASSWORD);
        let leased = world.lease().expect("a mail is due");
        world.drive(Deliver { leased }, None, once(at, how));
        // A lease expires after a minute; a lost reply is waited for ten minutes.
        world.pass(seconds(1200));
        assert!((1..=2).contains(&world.mailbox.len()), "{} mails", world.mailbox.len());
        assert_eq!(world.next_due(), None, "no mail waits any more");
        // The code of the last mail is at most 20 min old: ask again if it has expired.
        world.resend(ADDRESS);
        world.pass(seconds(60));
        activates(&mut world);
    });
}

#[test]
fn a_mail_that_never_arrives_ends_as_a_dead_letter_and_the_next_one_starts_afresh() {
    let mut world = World::new(rules());
    world.mailer.extend([Mailer::LosesMail; 3]);
    world.register(ADDRESS, PASSWORD);
    let events = world.pass(seconds(3600));
    assert_eq!(events, [Event::MailUnknown, Event::MailUnknown, Event::MailDead]);
    assert_eq!((world.mailbox.len(), world.dead_letters()), (0, 1));
    world.mailer.push_back(Mailer::Rejects);
    world.resend(ADDRESS);
    assert_eq!(world.deliver(), [Event::MailDead]);
    world.resend(ADDRESS);
    world.pass(seconds(3600));
    assert_eq!(world.dead_letters(), 0);
    activates_with_a_new_code(&mut world);
}

fn activates_with_a_new_code(world: &mut World) {
    world.now = world.mailbox.last().expect("a mail has arrived").at;
    activates(world);
}

/// A host that dies after each sending, or whose store accepts no end of a delivery: at most two more mails follow an
/// unknown outcome.
#[test]
fn a_mail_that_is_never_settled_is_sent_three_times_at_most() {
    for how in [How::NotDone, How::DiesBefore, How::LostBefore] {
        let mut world = World::new(rules());
        world.register(ADDRESS, PASSWORD);
        for _ in 0..10 {
            let Some(leased) = world.lease() else { break };
            let mut sent = false;
            world.drive(Deliver { leased }, None, |_, kind, _| {
                let fails = sent && kind == Kind::SettleMail;
                sent |= kind == Kind::SendMail;
                if fails { how } else { How::Well }
            });
            world.later(crate::world::LEASE);
        }
        assert_eq!((world.mailbox.len(), world.dead_letters()), (3, 1));
    }
}

#[test]
fn a_host_that_dies_before_sending_costs_no_mail_however_often_it_does() {
    let mut world = World::new(rules());
    world.register(ADDRESS, PASSWORD);
    for round in 0..10 {
        let leased = world.lease().expect("the mail is taken over");
        // Before the begin is recorded.
        let (at, how) = if round % 2 == 0 { (0, How::DiesAfter) } else { (1, How::DiesBefore) };
        world.drive(Deliver { leased }, None, once(at, how));
        world.later(crate::world::LEASE);
    }
    assert_eq!(world.deliver(), [Event::MailSent]);
    activates(&mut world);
}

#[test]
fn without_any_trouble_a_registration_takes_one_request_and_one_mail() {
    let mut world = World::new(rules());
    let ran = world.drive(register(ADDRESS), Some(PASSWORD), well);
    assert_eq!(ran.kinds.len(), 5);
    world.pass(seconds(60));
    assert_eq!(world.mailbox.len(), 1);
    activates(&mut world);
}
