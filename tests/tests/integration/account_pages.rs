//! The pages for visitors, as somebody uses them whose browser runs no scripts.

use auth_tests::{HttpAnswer, OTHER, PASSWORD, Server, THIRD, Visitor, start};

const ADA: &str = "ada@example.org";
const NEW: &str = "ada@new.example";

fn says(answer: &HttpAnswer, status: u16, words: &str) {
    let shown = answer.body.split_once("</style>").map_or(answer.body.as_str(), |(_, shown)| shown);
    assert_eq!(answer.status, status, "{shown}");
    assert!(answer.body.contains(words), "{words:?} is not in {shown}");
}

fn leads_to(answer: &HttpAnswer, place: &str) {
    assert_eq!((answer.status, answer.header("location")), (303, Some(place)), "{answer:?}");
}

/// Checks that a page leads to a place of the application without being a redirect.
fn onward(answer: &HttpAnswer, place: &str) {
    says(answer, 200, &format!("<meta http-equiv=\"refresh\" content=\"0;url={place}\">"));
    says(answer, 200, &format!("<a href=\"{place}\">"));
}

/// Returns a browser that is logged in.
fn entered(server: &Server) -> Visitor<'_> {
    let mut visitor = Visitor::at(server);
    visitor.enter(ADA, PASSWORD);
    visitor
}

/// Lets the time pass in which a password counts as just given.
fn get_stale(server: &Server) {
    server.pass(901);
}

#[test]
fn from_registration_to_logout() {
    let server = start(&[]);
    let mut visitor = Visitor::at(&server);
    leads_to(&visitor.open(""), "login?notice=log_in_first");
    says(&visitor.open("login?notice=log_in_first"), 200, "Log in first.");
    says(&visitor.open("register"), 200, "Create an account");
    let answer = visitor.send("register", &[("email", ADA), ("password", PASSWORD)]);
    leads_to(&answer, "activate?notice=code_sent");
    // Loaded again, by a phone for example that has shown the mail meanwhile, it still knows the address.
    for _ in 0..2 {
        let page = visitor.follow(&answer);
        says(&page, 200, "a mail with a code is on its way");
        says(&page, 200, &format!("value=\"{ADA}\""));
    }

    let code = server.code(ADA);
    let wrong = visitor.send("activate", &[("email", ADA), ("password", PASSWORD), ("code", "12")]);
    says(&wrong, 400, "Enter exactly 6 characters");
    let wrong = visitor.send("activate", &[("email", ADA), ("password", OTHER), ("code", &code)]);
    says(&wrong, 401, "The account is not activated.");
    let answer = visitor.send("activate", &[("email", ADA), ("password", PASSWORD), ("code", &code)]);
    leads_to(&answer, "./");
    let page = visitor.open("");
    says(&page, 200, ADA);
    says(&page, 200, "(this one)");
    assert_eq!(visitor.cookie("auth-address"), None, "no longer needed");
    leads_to(&visitor.open("login"), "./");

    leads_to(&visitor.send("logout", &[]), "login?notice=logged_out");
    assert_eq!(visitor.cookie("session"), None);
    assert!(visitor.cookie("device").is_some_and(|device| device.starts_with("authd_")));
    says(&visitor.open("login?notice=logged_out"), 200, "You are logged out.");
    leads_to(&visitor.open(""), "login?notice=log_in_first");
    says(&visitor.send("login", &[("email", ADA), ("password", OTHER)]), 401, "is wrong");
    leads_to(&visitor.send("login", &[("email", ADA), ("password", PASSWORD)]), "./");
    says(&visitor.open(""), 200, ADA);
}

#[test]
fn another_code_is_mailed() {
    let server = start(&[]);
    let mut visitor = Visitor::at(&server);
    visitor.send("register", &[("email", ADA), ("password", PASSWORD)]);
    server.wait_for_mails(ADA, 1);
    server.shift_clock(61);
    // The button is in the form of the code, whose other fields are sent as well.
    let answer = visitor.send("resend", &[("email", ADA), ("password", ""), ("code", "")]);
    leads_to(&answer, "activate?notice=resent");
    says(&visitor.follow(&answer), 200, "a mail follows");
    leads_to(&visitor.open("resend"), "activate");
    server.wait_for_mails(ADA, 2);
    says(&visitor.send("resend", &[("email", "ada")]), 400, "Enter an address");
}

#[test]
fn forgotten_password_is_set_with_the_token_or_the_link() {
    let server = start(&[]);
    let mut visitor = entered(&server);
    let mut elsewhere = Visitor::at(&server);
    for (mails, new, pasted) in [(2, OTHER, "TOKEN"), (4, THIRD, "http://localhost/x#email=a&token=TOKEN")] {
        server.pass(7201);
        let answer = elsewhere.send("forgot", &[("email", ADA)]);
        leads_to(&answer, "reset?notice=reset_sent");
        says(&elsewhere.follow(&answer), 200, &format!("value=\"{ADA}\""));
        let mails = server.wait_for_mails(ADA, mails);
        let pasted = pasted.replace("TOKEN", mails[0]["token"].as_str().unwrap());
        let wrong = [("email", ADA), ("token", "authr_AAAAAAAAAAAAAAAAAAAAAA"), ("new_password", new)];
        says(&elsewhere.send("reset", &wrong), 401, "The token is wrong");
        let weak = [("email", ADA), ("token", pasted.as_str()), ("new_password", "12345678")];
        let refused = elsewhere.send("reset", &weak);
        says(&refused, 422, "Choose a stronger password.");
        says(&refused, 422, "value=\"authr_");
        let answer = elsewhere.send("reset", &[("email", ADA), ("token", &pasted), ("new_password", new)]);
        leads_to(&answer, "login?notice=reset");
        assert!(elsewhere.cookie("device").is_some(), "the browser is a known one");
        leads_to(&elsewhere.send("login", &[("email", ADA), ("password", new)]), "./");
    }
    leads_to(&visitor.open(""), "login?notice=log_in_first");
}

#[test]
fn password_is_changed_and_other_browsers_are_logged_out() {
    let server = start(&[]);
    let mut visitor = entered(&server);
    let mut other = Visitor::at(&server);
    leads_to(&other.send("login", &[("email", ADA), ("password", PASSWORD)]), "./");
    let wrong = visitor.send("password", &[("password", OTHER), ("new_password", THIRD)]);
    says(&wrong, 403, "The password is wrong.");
    says(&wrong, 403, ADA);
    let weak = visitor.send("password", &[("password", PASSWORD), ("new_password", "short")]);
    says(&weak, 422, "Enter at least 8 characters.");
    let before = visitor.cookie("session").unwrap().to_owned();
    let changed = visitor.send("password", &[("password", PASSWORD), ("new_password", OTHER)]);
    leads_to(&changed, "./?notice=password_changed");
    assert_ne!(visitor.cookie("session").unwrap(), before);
    says(&visitor.open("?notice=password_changed"), 200, "Your password is changed.");
    leads_to(&other.open(""), "login?notice=log_in_first");
    leads_to(
        &other.send("password", &[("password", OTHER), ("new_password", PASSWORD)]),
        "login?notice=session_over",
    );
}

#[test]
fn account_moves_to_another_address() {
    let server = start(&[]);
    let mut visitor = entered(&server);
    says(&visitor.send("email", &[("email", "new")]), 400, "Enter an address");
    get_stale(&server);
    let asked = visitor.send("email", &[("email", NEW)]);
    says(&asked, 200, "Your password once more");
    says(&asked, 200, &format!("name=\"email\" value=\"{NEW}\""));
    assert!(server.mails_to(NEW).is_empty());
    says(&visitor.send("email", &[("email", NEW), ("password", OTHER)]), 403, "The password is wrong.");
    leads_to(&visitor.send("email", &[("email", NEW), ("password", PASSWORD)]), "./?notice=email_sent");
    let code = server.code(NEW);
    says(&visitor.send("email-code", &[("code", "000000")]), 400, "The code is wrong");
    leads_to(&visitor.send("email-code", &[("code", &code)]), "./?notice=email_changed");
    let page = visitor.open("?notice=email_changed");
    says(&page, 200, "Your address is changed.");
    says(&page, 200, NEW);
}

#[test]
fn sessions_are_listed_and_ended() {
    let server = start(&[]);
    let mut visitor = entered(&server);
    let mut other = Visitor::at(&server);
    leads_to(&other.send("login", &[("email", ADA), ("password", PASSWORD)]), "./");
    get_stale(&server);
    let page = visitor.open("");
    let (_, rest) = page.body.split_once("name=\"id\" value=\"").unwrap();
    let id = rest.split('"').next().unwrap();
    says(&visitor.send("session", &[("id", id)]), 200, "Your password once more");
    leads_to(&visitor.send("session", &[("id", id), ("password", PASSWORD)]), "./?notice=session_ended");
    leads_to(&other.open(""), "login?notice=log_in_first");
    says(&visitor.send("session", &[("id", id)]), 404, "That session is over already.");

    leads_to(&other.send("login", &[("email", ADA), ("password", PASSWORD)]), "./");
    leads_to(&visitor.send("sessions", &[]), "login?notice=logged_out_everywhere");
    assert_eq!((visitor.cookie("session"), visitor.cookie("device")), (None, None));
    leads_to(&other.open(""), "login?notice=log_in_first");
}

#[test]
fn account_is_deleted_after_its_password_was_given_once_more() {
    let server = start(&[]);
    let mut visitor = entered(&server);
    says(&visitor.send("delete", &[]), 200, "immediately and permanently");
    says(&visitor.send("delete", &[("password", OTHER)]), 403, "The password is wrong.");
    says(&visitor.open(""), 200, ADA);
    leads_to(&visitor.send("delete", &[("password", PASSWORD)]), "login?notice=deleted");
    assert_eq!(visitor.cookie("session"), None);
    assert_eq!(server.login(ADA, PASSWORD).status, 401);
}

#[test]
fn where_somebody_wanted_to_go_is_kept_until_they_are_logged_in() {
    let server = start(&[]);
    let mut visitor = Visitor::at(&server);
    let field = "name=\"next\" value=\"&#x2f;notes?x=1\"";
    let page = visitor.open("login?next=/notes%3Fx%3D1");
    says(&page, 200, field);
    says(&page, 200, "href=\"register?next=&#x2f;notes%3Fx%3D1\"");
    says(&visitor.open("register?next=/notes%3Fx%3D1"), 200, field);
    let next = ("next", "/notes?x=1");
    let registered = visitor.send("register", &[("email", ADA), ("password", PASSWORD), next]);
    leads_to(&registered, "activate?notice=code_sent&next=%2Fnotes%3Fx%3D1");
    says(&visitor.follow(&registered), 200, field);
    let code = server.code(ADA);
    let fields = [("email", ADA), ("password", PASSWORD), ("code", &code), next];
    onward(&visitor.send("activate", &fields), "&#x2f;notes?x=1");
    leads_to(&visitor.open("login?next=/notes"), "/notes");
    visitor.send("logout", &[]);
    says(&visitor.send("login", &[("email", ADA), ("password", OTHER), next]), 401, field);
    onward(&visitor.send("login", &[("email", ADA), ("password", PASSWORD), next]), "&#x2f;notes?x=1");
}

#[test]
fn pages_are_french_for_those_who_read_it() {
    let server = start(&[]);
    let mut visitor = Visitor::at(&server).reading("fr-CA, en;q=0.5");
    let page = visitor.open("login");
    says(&page, 200, "<html lang=\"fr\" dir=\"ltr\">");
    says(&page, 200, "Se connecter");
    let weak = visitor.send("register", &[("email", ADA), ("password", "azertyuiop")]);
    says(&weak, 422, "Choisissez un mot de passe plus fort.");
    says(&weak, 422, "mots de passe");
    assert!(!weak.body.contains("password is") && !weak.body.contains("This is"), "{weak:?}");
    visitor.enter(ADA, PASSWORD);
    says(&visitor.open("?notice=password_changed"), 200, "Votre mot de passe a été modifié.");
    says(&visitor.send("delete", &[]), 200, "définitivement");
    says(&Visitor::at(&server).reading("de").open("login"), 200, "<html lang=\"en\" dir=\"ltr\">");
}

/// Tokens in answers and sessions in cookies stand side by side, as on a development machine.
#[test]
fn pages_and_programs_are_there_at_once() {
    let server = start(&[]);
    let token = server.entered(ADA, PASSWORD);
    let mut visitor = Visitor::at(&server);
    leads_to(&visitor.send("login", &[("email", ADA), ("password", PASSWORD)]), "./");
    let cookie = format!("session={}", visitor.cookie("session").unwrap());
    assert_eq!(server.request("GET", "/v1/session", &[("Cookie", &cookie)], b"").status, 401);
    assert_eq!(server.session(&token).status, 200);
    leads_to(&visitor.send("logout", &[]), "login?notice=logged_out");
    assert_eq!(server.session(&token).status, 200);
}

#[test]
fn with_sessions_in_cookies_the_api_knows_those_of_the_pages() {
    const ORIGIN: &str = "http://localhost:8000";
    let server = start(&[("AUTH_SESSION_COOKIE", "on"), ("AUTH_ORIGIN", ORIGIN)]);
    let mut visitor = Visitor::at(&server);
    visitor.enter(ADA, PASSWORD);
    let cookie = format!("session={}", visitor.cookie("session").unwrap());
    let asked = server.request("GET", "/v1/session", &[("Cookie", &cookie)], b"");
    assert_eq!(asked.json()["account"]["email"], ADA);
    leads_to(&visitor.send_from(("Origin", ORIGIN), "logout", &[]), "login?notice=logged_out");
    assert_eq!(server.request("GET", "/v1/session", &[("Cookie", &cookie)], b"").status, 401);
}

#[test]
fn another_spelling_of_the_own_address_waits_for_no_mail() {
    let server = start(&[]);
    let mut visitor = entered(&server);
    let answer = visitor.send("email", &[("email", "Ada@example.org")]);
    leads_to(&answer, "./?notice=email_changed");
    says(&visitor.follow(&answer), 200, "Ada@example.org");
}

/// Threat: a session that nobody can end, since the browser has forgotten it.
#[test]
fn a_login_ends_the_session_that_the_browser_had() {
    let server = start(&[]);
    let mut visitor = entered(&server);
    let earlier = visitor.cookie("session").unwrap().to_owned();
    leads_to(&visitor.send("login", &[("email", ADA), ("password", PASSWORD)]), "./");
    assert_eq!(server.session(&earlier).status, 401);
    says(&visitor.open(""), 200, "(this one)");
    let refused = visitor.send("login", &[("email", ADA), ("password", OTHER)]);
    says(&refused, 401, "is wrong");
    says(&visitor.open(""), 200, ADA);
}

/// A second click sends the form again, in the session that the first one has replaced.
#[test]
fn a_form_that_is_sent_twice_says_that_it_may_have_been_carried_out() {
    let server = start(&[]);
    let mut visitor = entered(&server);
    let before = visitor.cookie("session").unwrap().to_owned();
    let fields = [("password", PASSWORD), ("new_password", OTHER)];
    leads_to(&visitor.send("password", &fields), "./?notice=password_changed");
    visitor.take("session", &before);
    let again = visitor.send("password", &fields);
    leads_to(&again, "login?notice=session_over");
    says(&visitor.follow(&again), 200, "it may have been carried out");
    leads_to(&visitor.send("delete", &[("password", OTHER)]), "login?notice=session_over");
    leads_to(&Visitor::at(&server).send("logout", &[]), "login?notice=not_logged_in");
}

/// Somebody logged in who resets the password of another account is told that it is done.
#[test]
fn what_has_been_done_is_said_to_whoever_is_logged_in_elsewhere() {
    let server = start(&[]);
    let mut visitor = entered(&server);
    says(&visitor.open("login?notice=reset"), 200, "Your password is set.");
    leads_to(&visitor.open("login"), "./");
}
