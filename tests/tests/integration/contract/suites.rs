//! The lists of rules of each port's suite, and the macro that makes a test from each.
//!
//! A rule that is in no list is dead code, which the compiler reports.

/// Makes a module for one adapter with one test per rule, named after it.
macro_rules! suite {
    ($adapter:ident: $harness:ident; $($file:ident { $($rule:ident,)+ })+) => {
        mod $adapter {
            $(mod $file {
                use crate::contract::{$harness, $file as rules, harness::*};

                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $rule() {
                    rules::$rule(&$harness::fresh().await).await;
                })+
            })+
        }
    };
}
pub(super) use suite;

/// All rules of accounts and outbox.
macro_rules! accounts_suite {
    ($adapter:ident: $harness:ident) => {
        suite! { $adapter: $harness;
            accounts_rows {
                nothing_is_found_of_an_unknown_address,
                the_store_tells_its_own_clock,
                every_status_comes_back_as_it_was_committed,
                every_spelling_of_an_address_comes_back,
                every_value_of_an_attempt_comes_back,
                keys_are_told_apart_byte_by_byte,
                every_spelling_of_one_address_has_one_row,
                an_expired_row_is_still_found,
                another_handle_sees_what_was_committed,
            }
            accounts_versions {
                each_commit_raises_the_version_by_one,
                a_commit_replaces_the_whole_row,
                version_zero_only_inserts,
                a_conflict_changes_neither_row_nor_outbox,
                a_row_that_is_not_there_has_no_version_to_expect,
                the_generation_that_was_read_must_be_the_stored_one,
                what_was_read_of_a_deleted_row_counts_no_more,
                versions_are_large,
            }
            accounts_owed {
                a_commit_without_a_mail_owes_none,
                a_mail_is_leased_as_it_was_owed,
                mail_ids_are_bytes,
                a_commit_without_a_mail_leaves_the_waiting_one,
                a_newer_mail_takes_the_place_of_a_waiting_one,
                a_newer_mail_starts_afresh,
                a_newer_mail_may_have_to_wait_for_its_time,
                a_newer_mail_ends_the_lease_of_the_older,
                a_newer_mail_takes_the_place_of_a_dead_letter,
                mails_of_both_purposes_wait_independently,
                mails_of_other_addresses_stay,
                a_row_and_its_mail_are_committed_together_or_not_at_all,
            }
            accounts_waits {
                no_mail_waits_where_none_is_owed,
                a_mail_waits_before_its_time_and_after,
                a_held_mail_waits_until_it_has_left,
                a_mail_that_is_tried_again_waits_and_no_other_end_does,
                a_mail_that_was_given_back_waits,
                a_newer_mail_waits_though_the_older_was_held_or_dead,
                mails_are_told_apart_by_purpose,
                a_mail_without_its_row_waits_all_the_same,
                a_commit_counts_only_on_the_mails_that_were_read,
                a_mail_begins_under_its_own_lease_alone,
                a_decision_that_is_too_old_is_a_conflict,
            }
            accounts_leases {
                only_due_mails_are_leased,
                the_oldest_are_leased_first_and_no_more_than_asked_for,
                a_leased_mail_is_leased_by_nobody_else,
                a_lease_that_ran_out_is_taken_over,
                a_lease_that_ran_out_settles_while_nobody_took_it_over,
                renewing_prolongs_a_lease,
                releasing_gives_the_mail_and_its_attempt_back,
                a_foreign_token_holds_nothing,
                leases_last_as_long_as_asked_for,
            }
            accounts_next_due {
                nothing_is_due_of_an_empty_outbox,
                a_late_mail_is_due_now,
                the_first_of_several_counts,
                a_held_mail_is_due_when_its_lease_runs_out,
                a_deferred_mail_is_due_after_its_delay,
                a_dead_letter_is_never_due,
            }
            accounts_settling {
                a_sent_mail_is_forgotten,
                a_superseded_mail_is_forgotten,
                a_deferred_mail_waits_as_long_as_told,
                attempts_unknowns_and_the_last_error_are_kept,
                a_mail_may_be_tried_again_at_once,
                a_dead_letter_is_kept_and_never_leased,
                every_settlement_ends_the_lease,
                a_settlement_ends_its_own_mail_alone,
                beginning_a_sending_is_recorded_and_keeps_its_lease,
                beginning_prolongs_no_lease,
                a_worker_that_takes_over_a_begun_mail_is_told,
                beginning_one_mail_begins_no_other,
            }
            accounts_directory {
                an_account_is_found_by_its_id_alone,
                an_account_that_is_gone_has_no_id,
                all_rows_are_listed_by_their_keys,
                active_accounts_are_listed_by_their_ids,
            }
            accounts_operator {
                the_outbox_is_listed_oldest_first_with_its_states,
                a_mail_whose_lease_ran_out_waits,
                a_mail_without_an_account_is_listed_by_its_key,
                retrying_makes_dead_and_waiting_mails_due_at_once,
                retrying_names_mails_or_takes_all,
                retrying_leaves_a_held_mail_to_its_worker,
                dropping_removes_those_named_or_all,
                the_depth_counts_waiting_and_dead,
                the_depth_tells_how_late_the_oldest_is,
            }
            accounts_purge {
                expired_rows_go_and_pending_ones_are_counted,
                a_purged_address_starts_again,
                dead_letters_go_at_their_age,
                waiting_and_held_mails_stay_however_old,
            }
            accounts_races {
                of_many_commits_at_once_each_has_its_own_reply,
                of_many_reads_at_once_each_has_its_own_answer,
                of_many_mails_that_end_at_once_each_has_its_own_reply,
                a_commit_that_is_refused_takes_no_other_along,
                of_50_inserts_exactly_one_is_committed,
                of_50_updates_exactly_one_is_committed,
                no_update_is_lost,
                twenty_workers_never_lease_the_same_mail,
                a_lease_is_settled_once,
            }
            accounts_moves {
                an_account_is_found_by_its_id_wherever_it_moves,
                two_rows_change_together_or_not_at_all,
                two_accounts_that_move_to_one_address_do_not_both_arrive,
                a_commit_owes_two_mails_at_once,
                a_mail_that_names_its_recipient_keeps_it,
                a_mail_to_a_new_address_is_listed_with_it,
                a_commit_that_ends_sessions_ends_those_of_its_account,
                a_conflict_ends_no_session,
            }
            accounts_sessions {
                nothing_is_found_of_an_unknown_token,
                a_session_is_found_as_it_was_opened_with_its_account,
                a_session_without_an_account_is_found_alone,
                a_session_is_opened_for_an_account_of_its_generation_alone,
                tokens_are_told_apart_byte_by_byte,
                opening_again_changes_nothing,
                opening_deletes_what_it_replaces,
                what_is_gone_is_not_replaced,
                of_an_account_the_newest_stay,
                a_use_is_recorded_if_it_is_later,
                what_was_ended_is_neither_touched_nor_ended_again,
                sessions_are_listed_newest_first_and_of_one_account,
                a_session_is_ended_by_its_name_and_its_account,
                expired_sessions_are_purged,
                of_many_sessions_at_once_each_has_its_own_answer,
                of_50_replacements_exactly_one_is_opened,
            }
            accounts_cut_off {
                a_commit_that_is_cut_off_happened_wholly_or_not_at_all,
                a_commit_that_is_cut_off_loses_nothing,
                a_read_that_is_cut_off_loses_nothing,
                a_lease_that_is_cut_off_loses_no_mail,
            }
        }
    };
}
pub(super) use accounts_suite;

/// All rules of codes and limits.
macro_rules! codes_suite {
    ($adapter:ident: $harness:ident) => {
        suite! { $adapter: $harness;
            codes_redeem {
                a_stored_code_is_redeemed,
                where_nothing_was_stored_a_code_is_missing,
                a_miss_writes_nothing,
                another_code_is_wrong,
                without_tries_nothing_is_compared,
                a_redeemed_code_is_redeemed_again_though_tries_are_used_up,
                one_of_several_macs_is_enough,
                several_macs_are_one_try,
                no_mac_matches_nothing,
                another_attempts_code_does_not_match,
                slots_count_their_own_tries,
                slots_are_told_apart_byte_by_byte,
                another_handle_redeems_what_was_stored,
            }
            codes_tries {
                each_wrong_code_costs_a_try,
                the_same_wrong_code_costs_a_try_each_time,
                repeating_a_redeemed_code_costs_no_try,
                each_code_costs_a_try_the_first_time,
                the_order_says_how_many_tries,
                a_new_mail_refills_the_tries,
                refills_do_not_add_up,
                a_refill_brings_earlier_codes_back,
                further_codes_of_a_mail_refill_nothing,
                the_same_code_again_refills_nothing,
                mails_under_way_together_refill_once_each,
                a_retry_after_a_newer_mail_refills_nothing,
            }
            codes_newest {
                the_three_newest_codes_are_good,
                codes_of_one_mail_count_too,
                the_orders_say_how_many_are_kept_and_good,
                a_code_taken_back_brings_the_displaced_one_back,
                what_is_taken_back_refills_nothing,
                an_end_leaves_a_code_that_another_lease_has_put_since,
                the_same_code_again_pushes_none_out,
                the_same_code_again_does_not_become_newer,
                the_same_code_again_stays_redeemed,
                a_redeemed_code_is_pushed_out_like_others,
                expired_codes_leave_room,
            }
            codes_lifetimes {
                a_code_lives_its_lifetime_and_no_longer,
                an_expired_code_is_missing_and_costs_no_try,
                missing_comes_before_exhausted,
                each_code_has_its_own_lifetime,
                the_same_code_again_moves_its_expiry,
                moving_one_expiry_moves_no_other,
                a_slot_remembers_its_tries_longer_than_its_codes,
                after_its_retention_a_slot_is_new,
                guesses_prolong_nothing,
            }
            codes_core {
                slots_are_what_the_core_makes_of_them,
                rates_are_what_the_core_makes_of_them,
            }
            codes_admit {
                all_requests_of_a_period_may_come_at_once,
                the_wait_is_told_and_is_right,
                refused_requests_are_not_counted,
                requests_are_refilled_evenly,
                no_pause_gives_more_than_a_period_has,
                subjects_do_not_count_for_each_other,
                a_request_that_is_given_back_can_come_again,
                giving_back_what_was_never_taken_gives_nothing,
                of_200_at_once_exactly_the_rate_is_admitted,
            }
            codes_races {
                of_100_wrong_codes_at_once_only_the_tries_are_compared,
                the_right_code_many_times_at_once_costs_one_try,
                right_and_wrong_codes_at_once_share_the_tries,
                one_mail_stored_many_times_at_once_refills_once,
            }
        }
    };
}
pub(super) use codes_suite;

/// All rules of mailers.
macro_rules! mailer_suite {
    ($adapter:ident: $harness:ident) => {
        suite! { $adapter: $harness;
            mailer {
                an_accepted_mail_arrives_once_at_its_recipient,
                mails_arrive_in_the_order_they_were_sent_in,
                a_hostile_looking_address_is_one_recipient_verbatim,
                the_code_stands_alone_on_a_line_of_the_text,
                a_notice_carries_no_code,
                lifetime_and_tries_are_told,
                mails_name_the_service,
                a_mail_is_in_its_language_or_in_english,
                subjects_are_one_line,
            }
        }
    };
}
pub(super) use mailer_suite;

/// All rules of development mailboxes.
macro_rules! mailbox_suite {
    ($adapter:ident: $harness:ident) => {
        suite! { $adapter: $harness;
            mailbox {
                the_mailbox_shows_the_newest_first,
                the_mailbox_shows_each_mails_name_and_code,
                the_mailbox_is_bounded_and_forgets_the_oldest,
            }
        }
    };
}
pub(super) use mailbox_suite;
