//! What visitors see when the database fails: 503, the same in every state of an address.

use std::fs;

use auth_tests::{HttpAnswer, PASSWORD, Server, start};

const WORLDS: [&str; 3] = ["absent-@example.org", "pending@example.org", "active-@example.org"];

fn worlds() -> Server {
    let server = start(&[]);
    server.register("pending@example.org", PASSWORD);
    server.code("pending@example.org");
    server.activated("active-@example.org", PASSWORD);
    server
}

fn is_unavailable(answer: &HttpAnswer) {
    assert_eq!((answer.status, answer.problem().as_str()), (503, "unavailable"), "{answer:?}");
    let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..60).contains(&seconds), "{seconds}");
    for word in ["sql", "database", "readonly", "malformed"] {
        assert!(!answer.body.to_lowercase().contains(word), "{answer:?}");
    }
}

#[test]
fn database_that_cannot_be_written_shows_nothing_of_an_address() {
    let server = worlds();
    let server =
        server.restart(&[("AUTH_DATABASE_URL", "sqlite://auth.db?mode=ro"), ("AUTH_MIGRATE", "off")]);
    for address in WORLDS {
        is_unavailable(&server.register(address, PASSWORD));
        is_unavailable(&server.resend(address));
        assert_eq!(server.activate(address, PASSWORD, "123456").status, 401, "a refusal writes nothing");
        assert_eq!(server.register(address, "weak").status, 422);
    }
    let answer = server.get("/readyz");
    is_unavailable(&answer);
    assert!(answer.json()["detail"].as_str().unwrap().contains("accounts"), "{answer:?}");
    let server = server.restart(&[("AUTH_DATABASE_URL", "sqlite://auth.db?mode=rwc")]);
    assert_eq!(server.register(WORLDS[0], PASSWORD).status, 202, "repeating it later is all that is needed");
}

/// Overwrites the pages with accounts of a database that is not in use.
fn damage_accounts(server: &Server) {
    const PAGE: usize = 4096;
    let path = server.folder().join("auth.db");
    let mut bytes = fs::read(&path).unwrap();
    let mut damaged = 0;
    for page in bytes.chunks_mut(PAGE) {
        if page.windows(12).any(|text| text == b"@example.org") {
            page.fill(0xa5);
            damaged += 1;
        }
    }
    assert!(damaged > 0, "the accounts are in there");
    fs::write(path, bytes).unwrap();
}

#[test]
fn database_that_cannot_be_read_is_503_and_readyz_names_the_part() {
    let mut server = worlds();
    server.terminate();
    assert!(server.wait().success(), "at rest: all is in one file");
    damage_accounts(&server);
    let server = server.restart(&[]);
    let answer = server.get("/readyz");
    is_unavailable(&answer);
    assert!(answer.json()["detail"].as_str().unwrap().contains("accounts"), "{answer:?}");
    for address in WORLDS {
        is_unavailable(&server.register(address, PASSWORD));
        is_unavailable(&server.resend(address));
        is_unavailable(&server.activate(address, PASSWORD, "123456"));
    }
    assert_eq!(server.get("/livez").status, 200, "the process runs");
}
