//! The rules of Activate: what activates an attempt, what does not, and what is disclosed.

mod scripts;

use auth_core::{Activate, Activation, Commit, Event, Fault, Hashing, Redemption, Scrypt};

use crate::{
    fixture::{active, explicit, found, rules},
    script::{Script, scripts},
};
use scripts::{
    code_refused, contended, disclosed, earlier_parameters, expired_attempt, limited,
    lost_before_it_happened, others, overtaken, raced_by_a_resend, repeated, repeated_too_late, right,
    right_code, row, unknown_address, unusable_hash, vacant_address, wrong_password,
};

const fn hash(log2_n: u8, r: u8, p: u8) -> Hashing {
    Hashing::Scrypt(Scrypt { log2_n, r, p })
}

pub(crate) fn scripts() -> Vec<Script<Activate>> {
    scripts![
        right_code(),
        repeated(),
        repeated_too_late(),
        wrong_password(&row(), Event::WrongPassword),
        unknown_address(),
        vacant_address(),
        expired_attempt(),
        raced_by_a_resend(),
        lost_before_it_happened(),
        contended(Ok(Commit::Conflict)),
        contended(Err(Fault::Unknown)),
        limited(rules()),
        unusable_hash(hash(12, 8, 1)),
        earlier_parameters(hash(16, 8, 2)),
        codes_refused(),
        losers(),
        disclosed(),
    ]
}

fn codes_refused() -> [Script<Activate>; 3] {
    codes().map(|(redemption, event)| code_refused(redemption, event))
}

const fn codes() -> [(Redemption, Event); 3] {
    [
        (Redemption::Missing, Event::CodeExpired),
        (Redemption::Exhausted, Event::TriesUsedUp),
        (Redemption::Wrong, Event::WrongCode),
    ]
}

/// Returns the scripts of a commit that loses to another run, with each kind of answer.
fn losers() -> Vec<Script<Activate>> {
    let mut losers = Vec::new();
    for answer in [Ok(Commit::Conflict), Err(Fault::Unknown)] {
        let won = found(5, &active(0));
        losers.push(overtaken(answer.clone(), won, right(), Event::Activated));
        for other in others() {
            losers.push(overtaken(answer.clone(), other, Activation::Refused, Event::Superseded));
        }
    }
    losers
}

#[test]
fn password_and_code_of_an_attempt_activate_it() {
    right_code().play();
}

#[test]
fn the_request_that_activated_can_be_repeated_while_a_code_may_live() {
    repeated().play();
    repeated_too_late().play();
}

#[test]
fn an_expired_used_up_or_wrong_code_is_refused() {
    for (redemption, event) in codes() {
        code_refused(redemption, event).play();
    }
}

#[test]
fn a_wrong_password_never_touches_the_slot_of_the_attempt() {
    wrong_password(&row(), Event::WrongPassword).play();
    wrong_password(&active(60), Event::AlreadyActive).play();
}

#[test]
fn where_there_is_nothing_to_open_the_same_work_is_done_for_nothing() {
    unknown_address().play();
    vacant_address().play();
    expired_attempt().play();
}

#[test]
fn a_stored_hash_below_the_floor_never_verifies() {
    for (log2_n, r, p) in [(1, 1, 1), (12, 8, 1), (16, 8, 1), (17, 4, 1)] {
        unusable_hash(hash(log2_n, r, p)).play();
    }
    earlier_parameters(hash(16, 8, 2)).play();
    earlier_parameters(hash(18, 8, 1)).play();
}

#[test]
fn stored_parameters_above_the_ceiling_are_never_ordered() {
    for (log2_n, r, p) in [(21, 8, 1), (20, 8, 3), (17, 255, 255), (255, 255, 255), (17, 8, 0)] {
        unusable_hash(hash(log2_n, r, p)).play();
    }
}

#[test]
fn a_conflict_is_read_and_decided_again() {
    raced_by_a_resend().play();
    contended(Ok(Commit::Conflict)).play();
}

#[test]
fn a_commit_of_unknown_outcome_is_settled_by_reading_the_row() {
    lost_before_it_happened().play();
    contended(Err(Fault::Unknown)).play();
}

#[test]
fn two_racers_with_the_right_code_both_succeed_and_a_newer_attempt_is_left_alone() {
    losers().iter().for_each(Script::play);
}

#[test]
fn the_client_limit_comes_first() {
    limited(rules()).play();
    limited(explicit()).play();
}

#[test]
fn explicit_tells_the_precise_reason() {
    disclosed().iter().for_each(Script::play);
}
