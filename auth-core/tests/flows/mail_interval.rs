//! How often an address gets mail, whoever asks, and that nobody can delay it for long.

use auth_core::{Deliver, Event};

use crate::{
    fixture::{DAY, at, rules, seconds},
    world::{How, Mailer, World},
};

const ADDRESS: &str = "ada@example.org";
const OWNERS: &str = "password of the owner";

fn world() -> World {
    World::new(rules())
}

/// Returns the seconds between the mails that have arrived.
fn gaps(world: &World) -> Vec<u64> {
    world.mailbox.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_secs()).collect()
}

#[test]
fn asking_all_day_causes_18_mails_at_growing_intervals() {
    let mut world = world();
    for minute in 0..24 * 60 {
        match minute % 3 {
            0 => drop(world.register(ADDRESS, "password of a stranger")),
            1 => drop(world.register(ADDRESS, "another password")),
            _ => drop(world.resend(ADDRESS)),
        }
        world.pass(seconds(60));
    }
    let within_a_day = world.mailbox.iter().filter(|mail| mail.at < at(0).after(DAY)).count();
    assert_eq!(within_a_day, 18);
    assert_eq!(gaps(&world)[..8], [60, 120, 240, 480, 960, 1920, 3840, 7200]);
    assert!(gaps(&world)[8..].iter().all(|gap| *gap == 7200));
}

#[test]
fn once_the_stranger_stops_the_owner_gets_his_code_within_the_longest_interval() {
    let mut world = world();
    for _ in 0..600 {
        world.register(ADDRESS, "password of a stranger");
        world.pass(seconds(60));
    }
    world.register(ADDRESS, OWNERS);
    let asked = world.now;
    while world.now.since(asked) < seconds(7200) && world.pass(seconds(10)).is_empty() {}
    let code = world.last_code();
    let activated = world.activate(ADDRESS, OWNERS, &code).outcome();
    assert_eq!(activated.event, Event::Activated);
}

#[test]
fn a_day_without_mail_brings_the_first_interval_back() {
    let mut world = world();
    for _ in 0..5 {
        world.register(ADDRESS, OWNERS);
        world.pass(seconds(960));
    }
    world.later(DAY);
    world.mailbox.clear();
    world.register(ADDRESS, OWNERS);
    world.pass(seconds(1));
    world.register(ADDRESS, OWNERS);
    world.pass(seconds(59));
    assert_eq!(gaps(&world), [60]);
}

#[test]
fn a_newer_mail_is_due_when_the_interval_allows_not_when_a_backoff_would() {
    let mut world = world();
    world.mailer.extend([Mailer::Defers; 10]);
    world.register(ADDRESS, OWNERS);
    world.pass(seconds(600));
    assert_eq!(world.next_due(), Some(at(1023)), "the backoff would wait until then");
    world.resend(ADDRESS);
    assert_eq!(world.deliver(), [Event::MailSent]);
}

/// A worker is never there immediately: a due mail that has not left stays due.
#[test]
fn asking_again_before_the_worker_came_puts_nothing_off() {
    let mut world = world();
    world.register(ADDRESS, OWNERS);
    world.later(seconds(1));
    world.register(ADDRESS, OWNERS);
    assert_eq!(world.deliver(), [Event::MailSent]);
}

/// A stranger asks each time after a mail became due and before the worker comes.
#[test]
fn a_stranger_delays_a_mail_by_the_longest_interval_at_most() {
    let mut world = world();
    world.register(ADDRESS, OWNERS);
    let asked = world.now;
    while world.mailbox.is_empty() && world.now.since(asked) < DAY * 2 {
        world.now = world.next_due().expect("a mail waits").after(seconds(1));
        world.resend(ADDRESS);
        world.deliver();
    }
    let waited = world.now.since(asked);
    assert!(!world.mailbox.is_empty() && waited <= seconds(7200), "no mail for {} s", waited.as_secs());
}

/// A worker takes a moment from the lease to the sending, and a stranger may ask in it each time.
#[test]
fn asking_while_a_worker_has_the_mail_puts_nothing_off() {
    for effect in 0..6 {
        let mut world = world();
        world.register(ADDRESS, OWNERS);
        let leased = world.lease().expect("a mail is due");
        let asks = |world: &mut World, _, n| {
            if n == effect {
                world.resend(ADDRESS);
            }
            How::Well
        };
        world.drive(Deliver { leased }, None, asks);
        assert_eq!(world.mailbox.len(), 1, "asked before effect {effect} of the delivery");
    }
}

#[test]
fn addresses_do_not_hold_each_other_up() {
    let mut world = world();
    for n in 0..50 {
        world.register(&format!("user{n}@example.org"), OWNERS);
    }
    assert_eq!(world.deliver(), [Event::MailSent; 50]);
}
