//! The command `purge`: it deletes expired pending accounts, and says how many.

use auth_tests::{PASSWORD, Server, start};

const DAY: u64 = 86_400;

/// Runs `purge` this number of seconds from now; returns the number of deleted accounts that it prints.
fn purged(server: &Server, later: u64) -> u64 {
    let shift = ("AUTH_TEST_CLOCK_SHIFT_SECONDS", later.to_string());
    let (status, out, err) = server.run_with(&[(shift.0, &shift.1)], &["purge"]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    let count = out.strip_suffix(" expired pending accounts deleted\n");
    count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{out}"))
}

#[test]
fn pending_accounts_go_a_day_after_their_last_mail_and_are_counted() {
    let server = start(&[]);
    for address in ["ada@example.org", "bob@example.org"] {
        server.register(address, PASSWORD);
        server.wait_for_mails(address, 1);
    }
    assert_eq!(purged(&server, 0), 0);
    assert_eq!(purged(&server, DAY - 600), 0);
    assert_eq!(purged(&server, DAY + 600), 2);
    assert_eq!(purged(&server, DAY + 600), 0, "they are gone");
}

#[test]
fn active_accounts_and_addresses_only_asked_about_are_not_counted() {
    let server = start(&[("AUTH_DISCLOSURE", "explicit")]);
    let code = server.activated("ada@example.org", PASSWORD);
    assert_eq!(server.resend("nobody@example.org").status, 404);
    assert_eq!(purged(&server, 100 * DAY), 0);
    assert_eq!(server.activate("ada@example.org", PASSWORD, &code).status, 409, "still active");
}

#[test]
fn what_was_purged_can_register_again() {
    let server = start(&[]);
    server.register("ada@example.org", PASSWORD);
    let old = server.code("ada@example.org");
    assert_eq!(purged(&server, DAY + 600), 1);
    assert_eq!(server.activate("ada@example.org", PASSWORD, &old).status, 401);
    server.register("ada@example.org", PASSWORD);
    let code = server.wait_for_mails("ada@example.org", 2)[0]["code"].as_str().unwrap().to_owned();
    assert_eq!(server.activate("ada@example.org", PASSWORD, &code).status, 200);
}
