//! The pages for visitors when the database fails in the middle: nobody loses a session or is told what is not so.

use auth_tests::{HttpAnswer, OTHER, PASSWORD, Server, Visitor, start};

const ADA: &str = "ada@example.org";

/// Makes the database refuse one kind of statement on a table.
fn refuse(server: &Server, what: &str, table: &str) {
    let sqlite =
        format!("CREATE TRIGGER refused BEFORE {what} ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END");
    let mysql =
        format!("CREATE TRIGGER refused BEFORE {what} ON {table} FOR EACH ROW SIGNAL SQLSTATE '45000'");
    server.alter(&[&sqlite], &[&mysql]);
}

fn allow(server: &Server) {
    server.alter(&["DROP TRIGGER refused"], &["DROP TRIGGER refused"]);
}

fn entered(server: &Server) -> Visitor<'_> {
    let mut visitor = Visitor::at(server);
    visitor.enter(ADA, PASSWORD);
    visitor
}

fn leads_to(answer: &HttpAnswer, place: &str) {
    assert_eq!((answer.status, answer.header("location")), (303, Some(place)), "{answer:?}");
}

/// The password has made a new session by then: the browser must get to know it.
#[test]
fn what_fails_after_the_password_was_given_leaves_the_browser_logged_in() {
    let server = start(&[]);
    let mut visitor = entered(&server);
    server.pass(901);
    let before = visitor.cookie("session").unwrap().to_owned();
    refuse(&server, "UPDATE", "accounts");
    let answer = visitor.send("email", &[("email", "ada@new.example"), ("password", PASSWORD)]);
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.body.contains("Wait a little and try again"), "{answer:?}");
    assert!(answer.body.contains("ada@new.example"), "what was typed is kept: {answer:?}");
    assert_ne!(visitor.cookie("session"), Some(before.as_str()));
    allow(&server);
    assert_eq!(visitor.open("").status, 200);
    leads_to(&visitor.send("email", &[("email", "ada@new.example")]), "./?notice=email_sent");
}

#[test]
fn change_that_is_made_is_said_though_no_session_could_be_opened() {
    let server = start(&[]);
    let mut visitor = entered(&server);
    refuse(&server, "INSERT", "sessions");
    let answer = visitor.send("password", &[("password", PASSWORD), ("new_password", OTHER)]);
    leads_to(&answer, "login?notice=password_changed");
    assert_eq!(visitor.cookie("session"), None);
    allow(&server);
    assert!(visitor.follow(&answer).body.contains("Your password is changed. Log in with it."));
    leads_to(&visitor.send("login", &[("email", ADA), ("password", OTHER)]), "./");
}

#[test]
fn logout_that_fails_does_not_claim_that_the_session_is_over() {
    let server = start(&[]);
    let mut visitor = entered(&server);
    let session = visitor.cookie("session").unwrap().to_owned();
    refuse(&server, "DELETE", "sessions");
    let answer = visitor.send("logout", &[]);
    leads_to(&answer, "login?notice=logout_failed");
    assert_eq!(visitor.cookie("session"), None, "the browser forgets it in any case");
    assert!(visitor.follow(&answer).body.contains("it may still be open"));
    assert_eq!(server.session(&session).status, 200);
    leads_to(&visitor.send("logout", &[]), "login?notice=not_logged_in");
    allow(&server);
}
