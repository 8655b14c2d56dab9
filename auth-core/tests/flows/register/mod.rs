//! The rules of Register: the next state from each state of an address, and what is disclosed.

mod scripts;

use auth_core::Register;

use crate::{
    fixture::rules,
    script::{Script, scripts},
};
pub(crate) use scripts::commits;
use scripts::{
    active_account, active_account_told_today, active_account_told_yesterday, another_password,
    another_password_while_a_mail_is_late, another_password_while_a_mail_is_tried_again,
    attempt_hashed_otherwise, attempt_of_nearly_a_day_ago, contended, disclosed, expired_attempt, limited,
    new_address, raced_by_another_password, raced_by_the_same_password, same_password_after_the_interval,
    same_password_while_a_mail_backs_off, same_password_while_a_mail_is_late,
    same_password_while_a_mail_is_tried_again_soon, same_password_while_a_mail_is_very_late,
    same_password_while_a_mail_waits, same_password_within_the_interval, vacant_address, weak, without_limit,
};

pub(crate) fn scripts() -> Vec<Script<Register>> {
    scripts![
        new_address(),
        vacant_address(),
        expired_attempt(),
        attempt_of_nearly_a_day_ago(),
        same_password_after_the_interval(),
        same_password_within_the_interval(),
        same_password_while_a_mail_waits(),
        same_password_while_a_mail_is_late(),
        same_password_while_a_mail_is_tried_again_soon(),
        same_password_while_a_mail_backs_off(),
        same_password_while_a_mail_is_very_late(),
        another_password(),
        another_password_while_a_mail_is_late(),
        another_password_while_a_mail_is_tried_again(),
        attempt_hashed_otherwise(),
        active_account(),
        active_account_told_today(),
        active_account_told_yesterday(),
        raced_by_another_password(),
        raced_by_the_same_password(),
        contended(),
        limited(rules()),
        weak(rules()),
        without_limit(),
        disclosed(),
    ]
}

#[test]
fn a_new_address_becomes_pending_and_owes_a_mail_at_once() {
    new_address().play();
    without_limit().play();
}

#[test]
fn an_address_that_was_only_asked_about_counts_as_new() {
    vacant_address().play();
}

#[test]
fn an_expired_attempt_counts_as_absent() {
    expired_attempt().play();
    attempt_of_nearly_a_day_ago().play();
}

#[test]
fn the_same_password_is_the_same_attempt_in_its_own_spelling_and_language() {
    same_password_after_the_interval().play();
}

#[test]
fn a_mail_within_the_interval_is_held_back() {
    same_password_within_the_interval().play();
}

#[test]
fn asking_again_does_not_put_a_waiting_mail_off() {
    same_password_while_a_mail_waits().play();
}

#[test]
fn a_late_mail_stays_until_the_interval_allows_another_one() {
    same_password_while_a_mail_is_late().play();
    same_password_while_a_mail_is_tried_again_soon().play();
    same_password_while_a_mail_backs_off().play();
    same_password_while_a_mail_is_very_late().play();
}

#[test]
fn another_password_is_a_new_attempt() {
    another_password().play();
    another_password_while_a_mail_is_late().play();
    another_password_while_a_mail_is_tried_again().play();
}

#[test]
fn an_attempt_hashed_with_other_parameters_is_replaced() {
    attempt_hashed_otherwise().play();
}

#[test]
fn an_active_account_is_left_alone_and_its_owner_told_once_a_day() {
    active_account().play();
    active_account_told_today().play();
    active_account_told_yesterday().play();
}

#[test]
fn a_conflict_is_read_and_decided_again() {
    raced_by_another_password().play();
    raced_by_the_same_password().play();
}

#[test]
fn after_64_conflicts_and_three_hashes_the_visitor_is_asked_to_come_back() {
    contended().play();
}

#[test]
fn the_client_limit_comes_first_and_the_password_policy_before_any_look_up() {
    limited(rules()).play();
    weak(rules()).play();
}

#[test]
fn explicit_tells_new_and_taken_apart() {
    disclosed().iter().for_each(Script::play);
}
