//! The life of an account: who wins an address, what expires, what never changes.

use std::thread;

use auth_tests::{OTHER, PASSWORD, Server, start};

const ADA: &str = "ada@example.org";

fn newest_code(server: &Server, address: &str, mails: usize) -> String {
    server.wait_for_mails(address, mails)[0]["code"].as_str().unwrap().to_owned()
}

#[test]
fn who_registers_a_strangers_address_first_gains_nothing() {
    let server = start(&[]);
    let (attackers, owners) = (OTHER, PASSWORD);
    server.register(ADA, attackers);
    let first = server.code(ADA);
    server.register(ADA, owners);
    server.pass(61);
    let second = newest_code(&server, ADA, 2);
    for (password, code) in [(attackers, &first), (attackers, &second), (owners, &first)] {
        assert_eq!(server.activate(ADA, password, code).status, 401, "{password}");
    }
    assert_eq!(server.activate(ADA, owners, &second).status, 200);
    assert_eq!(server.activate(ADA, attackers, &second).status, 401, "nor afterwards");
}

#[test]
fn attacker_who_registers_last_needs_the_owners_mailbox() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let owners = server.code(ADA);
    server.register(ADA, OTHER);
    assert_eq!(
        server.activate(ADA, OTHER, &owners).status,
        401,
        "the owner's code does not open the attacker's attempt"
    );
    assert_eq!(server.activate(ADA, PASSWORD, &owners).status, 401, "the latest attempt wins");
    server.register(ADA, PASSWORD);
    server.pass(61);
    let code = newest_code(&server, ADA, 2);
    assert_eq!(server.activate(ADA, PASSWORD, &code).status, 200, "registering again helps the owner");
}

#[test]
fn mail_goes_to_the_spelling_of_the_attempt() {
    let server = start(&[]);
    server.register("Ada.Lovelace@Example.ORG", PASSWORD);
    let stored = "Ada.Lovelace@example.org";
    server.wait_for_mails(stored, 1);
    server.resend("ADA.LOVELACE@EXAMPLE.ORG");
    server.register("ada.lovelace@example.org", PASSWORD);
    server.pass(61);
    let code = newest_code(&server, stored, 2);
    assert_eq!(server.activate("aDA.lOVELACE@eXAMPLE.oRG", PASSWORD, &code).status, 200);
    server.resend("ADA.LOVELACE@EXAMPLE.ORG");
    assert!(server.wait_for_mails(stored, 3)[0]["code"].is_null(), "the notice as well");
}

#[test]
fn spelling_of_a_new_attempt_is_its_own() {
    let server = start(&[]);
    server.register("ada@example.org", PASSWORD);
    server.wait_for_mails("ada@example.org", 1);
    server.register("ADA@example.org", OTHER);
    server.pass(61);
    server.wait_for_mails("ADA@example.org", 1);
}

#[test]
fn pending_account_goes_a_day_after_it_was_last_asked_for() {
    let server = start(&[("AUTH_DISCLOSURE", "explicit")]);
    server.register(ADA, PASSWORD);
    server.register("bob@example.org", PASSWORD);
    let (adas, bobs) = (server.code(ADA), server.code("bob@example.org"));
    server.shift_clock(43_200);
    assert_eq!(server.resend("bob@example.org").status, 202);
    server.shift_clock(43_100);
    assert_eq!(server.activate(ADA, OTHER, &adas).status, 401, "it is still there");
    server.shift_clock(200);
    assert_eq!(server.activate(ADA, PASSWORD, &adas).status, 404, "and now it is not");
    assert_eq!(server.activate("bob@example.org", OTHER, &bobs).status, 401, "asked for half a day ago");
    assert_eq!(server.register(ADA, OTHER).status, 201);
    assert!([400, 410].contains(&server.activate(ADA, OTHER, &adas).status), "the old code is dead");
}

#[test]
fn purge_deletes_expired_accounts_and_says_how_many() {
    let server = start(&[]);
    for address in [ADA, "bob@example.org", "cleo@example.org"] {
        server.register(address, PASSWORD);
        server.code(address);
    }
    server.activated("active@example.org", PASSWORD);
    server.resend("nobody@example.org");
    assert_eq!(server.run(&["purge"]).1.trim(), "0 expired pending accounts deleted");
    let in_two_days = [("AUTH_TEST_CLOCK_SHIFT_SECONDS", "172800"), ("AUTH_DISCLOSURE", "explicit")];
    let (status, said, errors) = server.run_with(&in_two_days, &["purge"]);
    assert_eq!((status, said.trim()), (0, "3 expired pending accounts deleted"), "{errors}");
    assert_eq!(server.run_with(&in_two_days, &["purge"]).1.trim(), "0 expired pending accounts deleted");
    let server = server.restart(&in_two_days);
    assert_eq!(server.resend(ADA).status, 404);
    assert_eq!(server.resend("active@example.org").status, 409, "an active account stays");
}

#[test]
fn active_account_never_changes() {
    let server = start(&[]);
    let code = server.activated(ADA, PASSWORD);
    for spelling in [ADA, "ADA@EXAMPLE.ORG"] {
        for password in [OTHER, "yet another long passphrase", PASSWORD] {
            server.register(spelling, password);
            server.resend(spelling);
            server.activate(spelling, password, "000000");
        }
    }
    server.pass(61);
    assert_eq!(server.activate(ADA, OTHER, &code).status, 401);
    assert_eq!(server.activate(ADA, PASSWORD, &code).status, 200, "password, code and state are the same");
    let activations = server.mails_to(ADA).iter().filter(|mail| mail["code"].is_string()).count();
    assert_eq!(activations, 1, "nobody gets a code for it any more");
    assert!(server.mails_to("ADA@example.org").is_empty(), "its spelling is the same");
}

#[test]
fn active_account_stays_across_a_restart() {
    let server = start(&[("AUTH_DISCLOSURE", "explicit")]);
    server.activated(ADA, PASSWORD);
    let server = server.restart(&[("AUTH_TEST_CLOCK_SHIFT_SECONDS", "31536000")]);
    assert_eq!(server.register(ADA, PASSWORD).problem(), "email-taken");
}

#[test]
fn parallel_registrations_of_one_address_all_get_the_ordinary_reply() {
    let server = start(&[("AUTH_HASH_QUEUE", "1000")]);
    thread::scope(|scope| {
        for _ in 0..30 {
            scope.spawn(|| {
                let answer = server.register(ADA, PASSWORD);
                assert_eq!(answer.status, 202, "{answer:?}");
            });
        }
    });
    let code = newest_code(&server, ADA, 1);
    assert_eq!(server.activate(ADA, PASSWORD, &code).status, 200);
}

#[test]
fn of_parallel_registrations_with_different_passwords_exactly_one_wins() {
    let server = start(&[("AUTH_HASH_QUEUE", "1000")]);
    let passwords: Vec<String> = (0..30).map(|n| format!("rival passphrase number {n}")).collect();
    thread::scope(|scope| {
        for password in &passwords {
            scope.spawn(|| assert_eq!(server.register(ADA, password).status, 202));
        }
    });
    server.pass(61);
    server.wait_until_nothing_is_due();
    let mails = server.mails_to(ADA);
    let codes = mails.iter().filter_map(|mail| mail["code"].as_str());
    let opened = codes.flat_map(|code| passwords.iter().map(move |password| (password, code)));
    let winners = opened.filter(|(password, code)| server.activate(ADA, password, code).status == 200);
    assert_eq!(winners.count(), 1);
}
