//! Properties that hold in whatever order the effects of several runs are carried out.

use std::rc::Rc;

use auth_core::{Activate, Code, Deliver, Ended, Flow, Kind, Outcome, Register, Resend};

use crate::{
    explore::{Player, Single, State, explore},
    fixture::{client, rules_with},
    world::{World, activate, parse, register, toy_hash},
};

const ADDRESS: &str = "ada@example.org";
const OURS: &str = "our password";
const THEIRS: &str = "their password";

fn world() -> World {
    World::new(rules_with(|_| {}))
}

fn tell<F: Flow<Outcome = Outcome<T>>, T: std::fmt::Debug>(ended: &Ended<F>) -> String {
    let told = format!("{:?}", ended.as_ref().map(|outcome| &outcome.disclosed));
    // Whose account it is stands in the world.
    told.split_once("(Account").map_or(told.clone(), |(disclosed, _)| format!("{disclosed})"))
}

const ACTIVATED: &str = "Ok(Activated)";
const REFUSED: &str = "Ok(Refused)";

fn registers(seed: u8, password: &'static str) -> Box<dyn Player> {
    Box::new(Single::<Register>::new(
        seed,
        Some(password),
        tell::<Register, _>,
        Rc::new(|_| Some(register(ADDRESS))),
    ))
}

fn resends(seed: u8) -> Box<dyn Player> {
    let begin = |_: &mut World| Some(Resend { address: parse(ADDRESS), client: client() });
    Box::new(Single::<Resend>::new(seed, None, tell::<Resend, _>, Rc::new(begin)))
}

/// Delivers the next mail as soon as there is one; time jumps to when it is due.
fn delivers(seed: u8) -> Box<dyn Player> {
    Box::new(delivering(seed).atomic())
}

fn delivering(seed: u8) -> Single<Deliver> {
    let begin = |world: &mut World| {
        world.now = world.next_due()?.max(world.now);
        let leased = world.lease()?;
        Some(Deliver { leased })
    };
    let tell = |ended: &Ended<Deliver>| format!("{ended:?}");
    Single::new(seed, None, tell, Rc::new(begin))
}

/// Activates with a password and the first code that arrived for the attempt with password `codes_of`.
fn activating(seed: u8, password: &'static str, codes_of: &'static str) -> Single<Activate> {
    let begin = move |world: &mut World| Some(activate(ADDRESS, &code_for(world, codes_of)?));
    Single::new(seed, Some(password), tell::<Activate, _>, Rc::new(begin))
}

fn activates(seed: u8, password: &'static str, codes_of: &'static str) -> Box<dyn Player> {
    Box::new(activating(seed, password, codes_of))
}

/// Returns the first code that arrived for the attempt with this password.
fn code_for(world: &World, text: &str) -> Option<Code> {
    let password = crate::world::password(text);
    let ours = |record: &auth_core::PasswordRecord| {
        *record.hash.expose() == toy_hash(&password, record.salt, record.params)
    };
    let mut codes = world.mailbox.iter().filter_map(|mail| Some((mail.id, mail.code.clone()?)));
    codes
        .find(|(id, _)| world.owed_to(*id).is_some_and(|attempt| ours(&attempt.password)))
        .map(|(_, code)| code)
}

fn active_password_is(world: &World, text: &str) -> bool {
    let record = &world.attempt(ADDRESS).password;
    *record.hash.expose() == toy_hash(&crate::world::password(text), record.salt, record.params)
}

/// Explores two registrations with different passwords, the delivery of their mails, and two activations: one with
/// the password of one attempt and the code of the other, one with both of one attempt.
fn crossing_fails(password: &'static str, codes_of: &'static str, deliveries: Vec<Box<dyn Player>>) {
    let mut players = vec![activates(1, password, codes_of), activates(2, codes_of, codes_of)];
    players.extend([registers(3, OURS), registers(4, THEIRS)]);
    players.extend(deliveries);
    let (mut crossed, mut matched) = (0, 0);
    let states = explore(State { world: world(), players }, |state| {
        let disclosed = state.disclosed();
        if let Some(disclosed) = &disclosed[0] {
            assert_eq!(disclosed, REFUSED, "{password:?} with a code of {codes_of:?}");
            crossed += 1;
        }
        let activated = disclosed[1].as_deref() == Some(ACTIVATED);
        assert_eq!(state.world.is_active(ADDRESS), activated, "{disclosed:?}");
        if activated {
            assert!(active_password_is(&state.world, codes_of));
            matched += 1;
        }
    });
    assert!(states > 1000 && crossed > 0 && matched > 0, "{states} states, {crossed}, {matched}");
}

#[test]
fn a_code_activates_no_other_attempt() {
    crossing_fails(OURS, THEIRS, vec![delivers(5), delivers(6)]);
    crossing_fails(THEIRS, OURS, vec![delivers(5), delivers(6)]);
    crossing_fails(OURS, THEIRS, vec![Box::new(delivering(5))]);
}

/// Explores two activations with the right code, one of which may lose the reply to its commit, together with
/// `others` that change the same attempt.
fn both_succeed_beside(others: Vec<Box<dyn Player>>) {
    let mut world = world();
    world.register(ADDRESS, OURS);
    world.deliver();
    let fragile = activating(5, OURS, OURS).fragile(Kind::CommitAccount);
    let mut players: Vec<Box<dyn Player>> = vec![Box::new(fragile), activates(6, OURS, OURS)];
    players.extend(others);
    let states = explore(State { world, players }, |state| {
        assert_eq!(state.disclosed()[..2], [Some(ACTIVATED.into()), Some(ACTIVATED.into())]);
        assert!(state.world.is_active(ADDRESS));
    });
    assert!(states > 500, "only {states} states");
}

#[test]
fn two_racers_with_the_right_code_both_succeed() {
    both_succeed_beside(vec![registers(7, OURS)]);
    both_succeed_beside(vec![resends(7), delivers(8)]);
}

#[test]
fn an_activation_and_another_registration_agree_on_who_was_first() {
    let mut world = world();
    world.register(ADDRESS, OURS);
    world.deliver();
    let fragile = activating(5, OURS, OURS).fragile(Kind::CommitAccount);
    let players = vec![Box::new(fragile), registers(6, THEIRS), delivers(7), activates(8, THEIRS, THEIRS)];
    let mut winners = std::collections::BTreeSet::new();
    explore(State { world, players }, |state| {
        let disclosed = state.disclosed();
        let ours = disclosed[0].as_deref() == Some(ACTIVATED);
        let theirs = disclosed[3].as_deref() == Some(ACTIVATED);
        assert!(!(ours && theirs), "only one attempt of an address is activated");
        if ours || theirs {
            assert!(active_password_is(&state.world, if ours { OURS } else { THEIRS }));
        }
        winners.insert((ours, theirs));
    });
    assert_eq!(winners.len(), 2, "either can be first: {winners:?}");
}

#[test]
fn every_code_of_one_attempt_opens_it_however_its_registrations_raced() {
    let players = vec![registers(1, OURS), registers(2, OURS), resends(3), delivers(4), delivers(5)];
    let mut opened = 0;
    explore(State { world: world(), players }, |state| {
        let codes: Vec<Code> = state.world.mailbox.iter().filter_map(|mail| mail.code.clone()).collect();
        for code in codes {
            let mut world = state.world.clone();
            let disclosed = world.activate(ADDRESS, OURS, &code).outcome().disclosed;
            assert!(matches!(disclosed, auth_core::Activation::Activated(_)), "{disclosed:?}");
            opened += 1;
        }
    });
    assert!(opened > 0);
}

/// A mail waits, and somebody asks around the moment that it is due: in every order the next one keeps its interval,
/// and the waiting mail serves everybody who asked.
#[test]
fn mails_keep_their_interval_however_requests_and_deliveries_interleave() {
    for asks in [registers(1, THEIRS), resends(1)] {
        let mut world = world();
        world.register(ADDRESS, OURS);
        world.deliver();
        world.register(ADDRESS, OURS);
        let players = vec![asks, Box::new(delivering(3)), delivers(4)];
        let mut ends = 0;
        explore(State { world, players }, |state| {
            let mut world = state.world.clone();
            world.pass(crate::fixture::seconds(600));
            // A mail that two workers have sent counts as one mail.
            let times = world.first_begun();
            let gaps: Vec<u64> = times.windows(2).map(|two| two[1].since(two[0]).as_secs()).collect();
            assert!(gaps.iter().zip([60, 120, 240]).all(|(gap, least)| *gap >= least), "{gaps:?}");
            ends += 1;
        });
        assert!(ends > 20, "only {ends} ends");
    }
}
