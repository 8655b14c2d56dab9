//! Purity: a run consists of its input and its answers, nothing else.

use std::fmt::Debug;

use auth_core::Run;

use crate::{
    catalogue::{Visitor, Wired, visit_all},
    script::Script,
};

/// Plays every script, with snapshots and restores.
struct Playing(usize);

impl Visitor for Playing {
    fn visit<F: Wired>(&mut self, script: &Script<F>)
    where
        F::Outcome: Clone + Debug + PartialEq,
    {
        script.play();
        self.0 += 1;
    }
}

/// Compares runs with equal answers.
struct Comparing;

impl Visitor for Comparing {
    fn visit<F: Wired>(&mut self, script: &Script<F>)
    where
        F::Outcome: Clone + Debug + PartialEq,
    {
        for n in script.places().into_iter().chain([script.steps.len()]) {
            let (one, other) = (script.at(n), script.at(n));
            assert_eq!(one.snapshot(), other.snapshot());
            // A run that has advanced is another value; its earlier clone is unchanged.
            let clone = one.clone();
            let ahead = script.go(one, &script.steps[n..]);
            assert_eq!(clone.snapshot(), other.snapshot());
            assert_eq!(clone.waits_for(), other.waits_for());
            if n < script.steps.len() {
                assert_ne!(ahead.snapshot(), clone.snapshot());
            }
        }
    }
}

#[test]
fn every_script_is_the_same_with_a_restore_at_every_effect() {
    let mut playing = Playing(0);
    visit_all(&mut playing);
    assert!(playing.0 >= 100, "only {} scripts", playing.0);
}

#[test]
fn the_same_answers_give_the_same_run() {
    visit_all(&mut Comparing);
}

/// Asks an unfinished run for its outcome.
struct Impatient;

impl Visitor for Impatient {
    fn visit<F: Wired>(&mut self, script: &Script<F>)
    where
        F::Outcome: Clone + Debug + PartialEq,
    {
        for n in script.places() {
            let run: Run<F> = script.at(n);
            let run = run.into_outcome().expect_err("an unfinished run has no outcome");
            // It comes back unchanged, and its order can still be taken.
            let run = script.go(run, &script.steps[n..]);
            assert_eq!(run.into_outcome().expect("the run has ended"), script.ended);
        }
    }
}

#[test]
fn a_run_under_way_gives_itself_back_instead_of_an_outcome() {
    visit_all(&mut Impatient);
}
