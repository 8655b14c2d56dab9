//! The rules of Deliver: who still gets a mail, when its code lives, when it is retried.

mod scripts;

use auth_core::{Deliver, Fault};

use crate::script::{Script, scripts};
use scripts::{
    accepted, accepted_but_lease_lost, accepted_but_not_settled, accepted_without_second_put,
    begun_too_often, code_not_put, deferred, deferred_but_lease_lost, deferred_when_old, farewells, late,
    lease_lost_before_it_began, not_sent, notice_perhaps_sent, notice_sent, notices_for_nobody, perhaps_sent,
    raced, rejected, reset_sent, superseded_but_lease_lost, to_others,
};

const FAULTS: [Fault; 2] = [Fault::NotDone, Fault::Unknown];

pub(crate) fn scripts() -> Vec<Script<Deliver>> {
    scripts![
        accepted(),
        accepted_but_lease_lost(),
        superseded_but_lease_lost(),
        rejected(),
        not_sent(),
        notice_sent(),
        notice_perhaps_sent(),
        reset_sent(),
        farewells(),
        begun_too_often(),
        deferred_but_lease_lost(),
        raced(true),
        raced(false),
        late(1),
        deferred_when_old(3599),
        deferred_when_old(3600),
        lease_lost_before_it_began(),
        to_others(),
        notices_for_nobody(),
        backed_off(),
        perhaps_sent(1),
        perhaps_sent(2),
        perhaps_sent(3),
        accepted_without_second_put(Fault::NotDone),
        accepted_without_second_put(Fault::Unknown),
        accepted_but_not_settled(Fault::NotDone),
        accepted_but_not_settled(Fault::Unknown),
        without_code_store(),
    ]
}

fn backed_off() -> [Script<Deliver>; 7] {
    backoff().map(|(attempts, after)| deferred(attempts, after))
}

/// Returns the seconds after the n-th try: one, then twice as long, ten minutes at most.
const fn backoff() -> [(u32, u64); 7] {
    [(1, 1), (2, 2), (5, 16), (10, 512), (11, 600), (40, 600), (u32::MAX, 600)]
}

fn without_code_store() -> [Script<Deliver>; 2] {
    [
        code_not_put(Fault::NotDone, "the code store did not answer; the mail was not tried"),
        code_not_put(Fault::Unknown, "the code store's answer was lost; the mail was not tried"),
    ]
}

#[test]
fn a_code_is_good_before_its_mail_leaves_and_its_ttl_counts_from_acceptance() {
    accepted().play();
}

#[test]
fn a_code_lives_longer_where_its_second_put_fails_and_the_mail_counts_as_sent() {
    FAULTS.map(accepted_without_second_put).iter().for_each(Script::play);
}

#[test]
fn mail_goes_to_the_spelling_of_the_attempt_in_its_language() {
    // The scripts' attempt has this spelling and asked for French.
    assert_eq!(crate::fixture::stored_address().given(), "ADA@example.ORG");
    assert_eq!(crate::fixture::stored_address().recipient().as_str(), "ADA@example.org");
    accepted().play();
    notice_sent().play();
}

#[test]
fn a_mail_whose_attempt_expired_was_replaced_or_is_active_is_superseded() {
    to_others().iter().for_each(Script::play);
}

#[test]
fn a_notice_goes_to_the_owner_of_its_own_active_account_alone() {
    notice_sent().play();
    notices_for_nobody().iter().for_each(Script::play);
}

#[test]
fn a_deferred_mail_is_tried_after_1_s_then_twice_as_long_up_to_10_min() {
    for (attempts, after) in backoff() {
        deferred(attempts, after).play();
    }
    not_sent().play();
}

#[test]
fn a_mail_that_is_deferred_for_too_long_is_given_up() {
    deferred_when_old(3599).play();
    deferred_when_old(3600).play();
}

#[test]
fn a_mail_of_unknown_outcome_is_tried_twice_more_ten_minutes_apart() {
    (1..=3).map(perhaps_sent).for_each(|script| script.play());
    notice_perhaps_sent().play();
}

#[test]
fn a_rejected_mail_is_dead_at_once() {
    rejected().play();
}

#[test]
fn without_its_code_a_mail_is_not_sent() {
    without_code_store().iter().for_each(Script::play);
}

#[test]
fn a_lease_that_was_lost_is_told() {
    accepted_but_lease_lost().play();
    superseded_but_lease_lost().play();
    FAULTS.map(accepted_but_not_settled).iter().for_each(Script::play);
}

#[test]
fn what_begins_is_written_down_and_after_three_such_attempts_a_mail_is_dead() {
    begun_too_often().play();
}

#[test]
fn a_row_stays_for_a_day_after_its_mail_began() {
    late(1).play();
}

#[test]
fn a_worker_without_its_lease_changes_nothing() {
    lease_lost_before_it_began().iter().for_each(Script::play);
    raced(false).play();
    deferred_but_lease_lost().play();
}

#[test]
fn a_row_that_changed_before_the_mail_began_is_read_again() {
    raced(true).play();
}
