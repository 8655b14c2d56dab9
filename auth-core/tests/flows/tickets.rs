//! Answers that do not match: they come back, and the run is unchanged.

use std::fmt::Debug;

use auth_core::{
    Admission, Answered, Effect, Fault, Flow, Hashed, Hashing, Kind, Resend, Rules, Run, Secret, Seed,
    WhyRefused,
};

use crate::{
    catalogue::{Visitor, Wired, visit_all},
    fixture::{address, client, rules, rules_with, scrypt},
    script::Script,
};

fn started(rules: &Rules) -> Run<Resend> {
    Run::start(Resend { address: address(), client: client() }, rules)
}

/// Answers the order that waits: admitted, then the given random bytes.
fn answered(run: &mut Run<Resend>, seed: u8) -> Answered {
    match run.take() {
        Some(Effect::Admit(ticket, _)) => ticket.answer(Ok(Admission::Admitted)),
        Some(Effect::Random(ticket, _)) => ticket.answer(Ok(Seed(Secret::new([seed; 32])))),
        Some(Effect::FindAccount(ticket, _)) => ticket.answer(Err(Fault::NotDone)),
        other => panic!("{other:?} was not expected"),
    }
}

/// Returns a run with that many answers.
fn advanced(answers: usize, seed: u8) -> Run<Resend> {
    let mut run = started(&rules());
    for _ in 0..answers {
        let answer = answered(&mut run, seed);
        run.accept(answer, &rules()).expect("the answer matches");
    }
    run
}

/// Gives an answer to a run that must refuse it.
fn refuses<F: Flow>(run: &mut Run<F>, answered: Answered, rules: &Rules) -> (WhyRefused, Answered) {
    let (before, waits_for) = (run.snapshot(), run.waits_for());
    let refused = run.accept(answered, rules).expect_err("the answer does not match");
    assert_eq!(run.snapshot(), before, "a refused answer changes nothing");
    assert_eq!(run.waits_for(), waits_for);
    (refused.why, *refused.answered)
}

#[test]
fn an_order_is_answered_once() {
    let run = advanced(0, 1);
    // Two copies of one run have a ticket each, and the first answer invalidates both.
    let (mut one, mut other) = (run.clone(), run);
    let (first, second) = (answered(&mut one, 1), answered(&mut other, 1));
    one.accept(first, &rules()).expect("the answer matches");
    assert_eq!(refuses(&mut one, second, &rules()).0, WhyRefused::AlreadyAnswered);
}

#[test]
fn an_order_that_was_answered_before_a_restore_stays_answered() {
    let mut run = advanced(1, 1);
    let again = answered(&mut run.clone(), 1);
    let answer = answered(&mut run, 1);
    run.accept(answer, &rules()).expect("the answer matches");
    let mut restored =
        Run::<Resend>::restore(run.snapshot().expose(), &rules()).expect("the snapshot is valid");
    assert_eq!(refuses(&mut restored, again, &rules()).0, WhyRefused::AlreadyAnswered);
}

#[test]
fn an_answer_to_an_ended_run_is_refused() {
    let mut late = advanced(2, 1);
    let late = answered(&mut late, 1);
    let mut ended = advanced(3, 1);
    assert_eq!(ended.waits_for(), None, "a fault has ended it");
    assert_eq!(refuses(&mut ended, late, &rules()).0, WhyRefused::AlreadyAnswered);
}

#[test]
fn another_runs_answer_is_refused() {
    // Both wait for the row, but they drew different random bytes.
    let answer = answered(&mut advanced(2, 1), 1);
    assert_eq!(refuses(&mut advanced(2, 2), answer, &rules()).0, WhyRefused::OtherRun);
    let answer = answered(&mut advanced(1, 1), 1);
    let mut elsewhere = Run::start(
        Resend {
            address: auth_core::Address::parse("bob@example.org").expect("the address is valid"),
            client: client(),
        },
        &rules(),
    );
    let first = answered(&mut elsewhere, 1);
    elsewhere.accept(first, &rules()).expect("the answer matches");
    assert_eq!(refuses(&mut elsewhere, answer, &rules()).0, WhyRefused::OtherRun);
}

#[test]
fn an_answer_from_further_on_was_never_issued() {
    let answer = answered(&mut advanced(2, 1), 1);
    assert_eq!(refuses(&mut advanced(1, 1), answer, &rules()).0, WhyRefused::NeverIssued);
}

#[test]
fn a_refused_answer_still_fits_its_own_run() {
    let mut own = advanced(2, 1);
    let answer = answered(&mut own, 1);
    let (_, answer) = refuses(&mut advanced(2, 2), answer, &rules());
    let (_, answer) = refuses(&mut advanced(0, 1), answer, &rules());
    own.accept(answer, &rules()).expect("the answer matches its own run");
}

#[test]
fn two_runs_of_one_value_take_each_others_answers() {
    // Nothing was drawn yet: they are the same run, and an answer to one is an answer to the other.
    let (mut one, mut other) = (started(&rules()), started(&rules()));
    let (first, second) = (answered(&mut one, 1), answered(&mut other, 1));
    one.accept(second, &rules()).expect("the answer matches");
    other.accept(first, &rules()).expect("the answer matches");
    assert_eq!(one.snapshot(), other.snapshot());
}

#[test]
fn an_answer_to_another_kind_of_order_is_refused() {
    // Without a limit the first order draws; under the standard rules it counts the client.
    let unlimited = rules_with(|policy| policy.client_requests_per_minute = None);
    let draw = answered(&mut started(&unlimited), 1);
    let mut run = started(&rules());
    let (why, _) = refuses(&mut run, draw, &rules());
    assert_eq!(why, WhyRefused::OtherRun);
    assert_eq!(run.waits_for(), Some(Kind::Admit));
}

/// The hash of an order under some rules must not be stored as if others had ordered it.
#[test]
fn an_answer_to_an_order_of_other_rules_is_refused() {
    let costlier = rules_with(|policy| policy.hash = scrypt(18));
    let script = crate::register::scripts().swap_remove(0);
    let hash = script.steps.iter().position(|step| step.kind() == Kind::HashPassword).expect("it hashes");
    let effect = script.at(hash).take().expect("the order waits");
    let other = Script { rules: costlier, ..script };
    let (why, _) = refuses(&mut other.at(hash), other.steps[hash].answer(effect), &other.rules);
    assert_eq!(why, WhyRefused::OtherRun);
}

/// Threat: a host that hashes cheaper than ordered.
#[test]
fn a_hash_by_another_function_is_refused() {
    let script = crate::register::scripts().swap_remove(0);
    let place = script.steps.iter().position(|step| step.kind() == Kind::HashPassword).expect("it hashes");
    for params in [scrypt(16), scrypt(18), Hashing::Pbkdf2 { iterations: 600_000 }] {
        let Some(Effect::HashPassword(ticket, order)) = script.at(place).take() else { panic!("it hashes") };
        let cheaper = ticket.answer(Ok(Hashed { params, hash: Secret::new([1; 32]) }));
        let (why, _) = refuses(&mut script.at(place), cheaper, &script.rules);
        assert_eq!(why, WhyRefused::OtherHashing { expected: order.params });
    }
}

/// Gives the answer of each place to the runs of all other places.
struct Misplaced;

impl Visitor for Misplaced {
    fn visit<F: Wired>(&mut self, script: &Script<F>)
    where
        F::Outcome: Clone + Debug + PartialEq,
    {
        let end = [script.steps.len()];
        let places = script.places().into_iter().chain(end);
        let runs: Vec<(usize, Run<F>)> = places.map(|place| (place, script.at(place))).collect();
        for (place, run) in &runs[..runs.len() - 1] {
            for (elsewhere, other) in runs.iter().filter(|(elsewhere, _)| elsewhere != place) {
                let effect = run.clone().take().expect("the order waits");
                let answered = script.steps[*place].answer(effect);
                let (why, _) = refuses(&mut other.clone(), answered, &script.rules);
                let expected =
                    if place < elsewhere { WhyRefused::AlreadyAnswered } else { WhyRefused::NeverIssued };
                assert_eq!(why, expected, "{}: {place} at {elsewhere}", F::NAME);
            }
        }
    }
}

#[test]
fn an_answer_fits_its_own_place_alone() {
    visit_all(&mut Misplaced);
}
