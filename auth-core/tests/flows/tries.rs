//! The life of codes over several runs: how long they are valid, and how many wrong ones are allowed.

use auth_core::{Code, Event, Run};

use crate::{
    fixture::{CODE_KEY, TTL, keys, rules, seconds},
    world::{Going, How, Mailer, World, activate},
};

const ADDRESS: &str = "ada@example.org";
const PASSWORD: &str = "correct horse";

/// Returns a world with a pending account whose first code has arrived.
fn mailed() -> World {
    let mut world = World::new(rules());
    world.register(ADDRESS, PASSWORD);
    assert_eq!(world.deliver(), [Event::MailSent]);
    world
}

fn tries(world: &mut World, code: &Code) -> Event {
    world.activate(ADDRESS, PASSWORD, code).outcome().event
}

/// Uses up every try.
fn used_up(mut world: World) -> World {
    let wrong = world.wrong_code();
    for _ in 0..5 {
        assert_eq!(tries(&mut world, &wrong), Event::WrongCode);
    }
    assert_eq!(tries(&mut world, &wrong), Event::TriesUsedUp);
    world
}

#[test]
fn five_wrong_codes_use_a_mails_tries_up() {
    let mut world = used_up(mailed());
    let right = world.last_code();
    assert_eq!(tries(&mut world, &right), Event::TriesUsedUp);
    let mut world = mailed();
    let wrong = world.wrong_code();
    (0..4).for_each(|_| assert_eq!(tries(&mut world, &wrong), Event::WrongCode));
    assert_eq!(tries(&mut world, &right), Event::Activated);
}

#[test]
fn a_new_mail_refills_the_tries_and_brings_earlier_codes_back() {
    let mut world = used_up(mailed());
    let first = world.last_code();
    world.resend(ADDRESS);
    assert_eq!(tries(&mut world, &first), Event::TriesUsedUp, "asking alone refills nothing");
    world.pass(seconds(60));
    let second = world.last_code();
    assert_ne!(first, second);
    assert_eq!(tries(&mut world.clone(), &first), Event::Activated);
    assert_eq!(tries(&mut world, &second), Event::Activated);
}

#[test]
fn another_try_of_the_same_mail_refills_nothing() {
    let mut world = World::new(rules());
    world.mailer.push_back(Mailer::LosesReply);
    world.register(ADDRESS, PASSWORD);
    assert_eq!(world.deliver(), [Event::MailUnknown]);
    let mut world = used_up(world);
    assert_eq!(world.pass(seconds(600)), [Event::MailSent], "ten minutes later the mail is retried");
    let code = world.last_code();
    assert_eq!(tries(&mut world, &code), Event::TriesUsedUp);
}

#[test]
fn a_success_elsewhere_clears_nothing() {
    let mut world = used_up(mailed());
    let mine = world.last_code();
    world.register("bob@example.org", PASSWORD);
    world.deliver();
    let theirs = world.last_code();
    assert_eq!(world.activate("bob@example.org", PASSWORD, &theirs).outcome().event, Event::Activated);
    assert_eq!(tries(&mut world, &mine), Event::TriesUsedUp);
}

#[test]
fn a_wrong_password_costs_no_try() {
    let mut world = mailed();
    let code = world.last_code();
    for _ in 0..100 {
        let refused = world.activate(ADDRESS, "a stranger's guess", &code).outcome();
        assert_eq!(refused.event, Event::WrongPassword);
    }
    used_up(world.clone());
    assert_eq!(tries(&mut world, &code), Event::Activated);
}

#[test]
fn a_hundred_guesses_at_once_are_compared_five_times() {
    let mut world = mailed();
    let wrong = world.wrong_code();
    let begin = |world: &mut World| {
        let extra = world.extra(Some(PASSWORD));
        Going { run: Run::start(activate(ADDRESS, &wrong), &world.rules), extra }
    };
    let mut guesses: Vec<_> = (0..100).map(|_| begin(&mut world)).collect();
    // All runs take each step before any takes the next.
    while guesses.iter_mut().filter(|guess| guess.run.waits_for().is_some()).count() > 0 {
        guesses.iter_mut().for_each(|guess| assert!(guess.step(&mut world, How::Well)));
    }
    let events: Vec<Event> = guesses
        .into_iter()
        .map(|guess| guess.run.into_outcome().expect("the run has ended").expect("nothing broke").event)
        .collect();
    assert_eq!(events.iter().filter(|event| **event == Event::WrongCode).count(), 5);
    assert_eq!(events.iter().filter(|event| **event == Event::TriesUsedUp).count(), 95);
}

#[test]
fn the_request_that_activated_can_be_repeated_and_costs_no_try() {
    let mut world = mailed();
    let code = world.last_code();
    assert_eq!(tries(&mut world, &code), Event::Activated);
    (0..20).for_each(|_| assert_eq!(tries(&mut world, &code), Event::ActivatedAgain));
    let mut world = used_up_after_activation(world);
    assert_eq!(tries(&mut world, &code), Event::ActivatedAgain, "a redeemed code needs no try");
    world.later(TTL);
    assert_ne!(tries(&mut world, &code), Event::ActivatedAgain, "the code has expired");
}

/// Uses up the four tries that the activation left.
fn used_up_after_activation(mut world: World) -> World {
    let wrong = world.wrong_code();
    (0..4).for_each(|_| assert_eq!(tries(&mut world, &wrong), Event::WrongCode));
    assert_eq!(tries(&mut world, &wrong), Event::TriesUsedUp);
    world
}

#[test]
fn a_code_lives_its_ttl_from_when_its_mail_was_accepted() {
    let mut world = mailed();
    let code = world.last_code();
    world.later(TTL - seconds(1));
    assert_eq!(tries(&mut world.clone(), &code), Event::Activated);
    world.later(seconds(1));
    assert_eq!(tries(&mut world, &code), Event::CodeExpired);
}

#[test]
fn a_code_of_unknown_arrival_lives_the_send_deadline_longer() {
    let mut world = World::new(rules());
    world.mailer.push_back(Mailer::LosesReply);
    world.register(ADDRESS, PASSWORD);
    world.deliver();
    let code = world.last_code();
    world.later(TTL + seconds(659));
    assert_eq!(tries(&mut world.clone(), &code), Event::Activated);
    world.later(seconds(1));
    assert_eq!(tries(&mut world, &code), Event::CodeExpired);
}

#[test]
fn the_three_newest_codes_are_good() {
    let mut world = mailed();
    let mut codes = vec![world.last_code()];
    for _ in 0..3 {
        world.resend(ADDRESS);
        world.pass(seconds(240));
        codes.push(world.last_code());
    }
    // Due after 0, 60, 180 and 420 s; none is older than 10 min.
    assert_eq!(world.mailbox.len(), 4);
    let events: Vec<Event> = codes.iter().map(|code| tries(&mut world.clone(), code)).collect();
    world.now = world.mailbox.last().expect("there are mails").at;
    let then: Vec<Event> = codes.iter().map(|code| tries(&mut world.clone(), code)).collect();
    assert_eq!(then, [Event::WrongCode, Event::Activated, Event::Activated, Event::Activated], "{events:?}");
}

/// Codes of deferred mails have reached nobody: they displace no code that has.
#[test]
fn a_deferred_mail_kills_no_code_that_arrived() {
    let mut world = mailed();
    let code = world.last_code();
    world.resend(ADDRESS);
    world.mailer.extend([Mailer::Defers; 3]);
    let events = world.pass(seconds(64));
    assert_eq!(events, [Event::MailDeferred; 3]);
    assert_eq!(tries(&mut world, &code), Event::Activated);
}

#[test]
fn a_code_store_that_lost_everything_asks_for_a_new_code() {
    let mut world = mailed();
    let code = world.last_code();
    world.lose_codes();
    assert_eq!(tries(&mut world, &code), Event::CodeExpired);
    world.resend(ADDRESS);
    world.pass(seconds(60));
    let code = world.last_code();
    assert_eq!(tries(&mut world, &code), Event::Activated);
}

#[test]
fn a_code_outlives_the_rotation_of_its_key() {
    let mut world = mailed();
    let code = world.last_code();
    let policy = world.rules.policy().clone();
    let rotated =
        |list: &[[u8; 32]]| auth_core::Rules::new(policy.clone(), keys(list)).expect("the policy is valid");
    world.rules = rotated(&[[0x77; 32], CODE_KEY]);
    assert_eq!(tries(&mut world.clone(), &code), Event::Activated);
    world.rules = rotated(&[[0x77; 32]]);
    assert_eq!(tries(&mut world, &code), Event::WrongCode, "a code without its key is invalid");
}
