//! From the schema of the version before to this one, with rows of every state.

use auth_tests::{OTHER, PASSWORD, Server, start};

const ACTIVE: &str = "active@example.org";
const PENDING: &str = "pending@example.org";
const WAITING: &str = "waiting@example.org";
const ASKED: &str = "asked@example.org";

/// What brings a database of this version back to the schema of the version before.
const SQLITE: [&str; 9] = [
    "DROP TABLE sessions",
    "ALTER TABLE outbox DROP COLUMN recipient",
    "DROP INDEX accounts_account_id",
    "ALTER TABLE accounts DROP COLUMN account_id",
    "ALTER TABLE accounts DROP COLUMN blocked",
    "ALTER TABLE accounts DROP COLUMN moving_address",
    "ALTER TABLE accounts DROP COLUMN moving_generation",
    "ALTER TABLE accounts DROP COLUMN moving_until",
    "DELETE FROM _sqlx_migrations WHERE version > 6",
];
const MYSQL: [&str; 4] = [
    "DROP TABLE sessions",
    "ALTER TABLE outbox DROP COLUMN recipient",
    "ALTER TABLE accounts DROP KEY accounts_account_id, DROP COLUMN account_id, DROP COLUMN blocked,
        DROP COLUMN moving_address, DROP COLUMN moving_generation, DROP COLUMN moving_until",
    "DELETE FROM _sqlx_migrations WHERE version > 3",
];

/// Starts a server with an address in every state.
fn every_state() -> (Server, String) {
    let server = start(&[("AUTH_DISCLOSURE", "explicit")]);
    server.resend(ASKED);
    server.register(PENDING, PASSWORD);
    server.register(WAITING, PASSWORD);
    server.wait_for_mails(WAITING, 1);
    server.register(WAITING, OTHER);
    server.register(ACTIVE, PASSWORD);
    let activated = server.activate(ACTIVE, PASSWORD, &server.code(ACTIVE));
    let id = activated.json()["account"]["id"].as_str().unwrap().to_owned();
    (server, id)
}

#[test]
fn accounts_attempts_and_mails_of_the_version_before_are_taken_over() {
    let (mut server, id) = every_state();
    let code = server.code(PENDING);
    server.kill();
    server.alter(&SQLITE, &MYSQL);
    let server = server.restart(&[]);

    let answer = server.login(ACTIVE, PASSWORD);
    assert_eq!(
        answer.json()["account"]["id"],
        id.as_str(),
        "an account keeps the id that it was activated with"
    );
    let token = answer.json()["session_token"].as_str().unwrap().to_owned();
    assert_eq!(server.session(&token).json()["account"]["id"], id.as_str());
    assert_eq!(server.resend(ASKED).problem(), "account-not-found");
    assert_eq!(server.activate(WAITING, PASSWORD, "000000").problem(), "credentials-refused");
    // Codes that live in the server's memory went with it; the mail that waits brings one.
    server.pass(61);
    let code = if server.keeps_codes() { code } else { resent(&server, PENDING) };
    assert_eq!(server.activate(PENDING, PASSWORD, &code).status, 200);
    assert_eq!(
        server.activate(WAITING, OTHER, &server.code(WAITING)).status,
        200,
        "the waiting mail has left"
    );
    for (address, password) in [(PENDING, PASSWORD), (WAITING, OTHER)] {
        assert_eq!(server.login(address, password).status, 200, "{address}");
    }
}

fn resent(server: &Server, address: &str) -> String {
    assert_eq!(server.resend(address).status, 202);
    server.code(address)
}

/// While nodes are replaced one after the other, those of the version before activate accounts without an id.
#[test]
fn accounts_without_an_id_are_given_theirs() {
    let (server, id) = every_state();
    let none = ["UPDATE accounts SET account_id = NULL"];
    server.alter(&[], &none);
    let token = server.token(ACTIVE, PASSWORD);
    assert_eq!(server.session(&token).json()["account"]["id"], id.as_str());
}
