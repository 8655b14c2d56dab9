//! The pages for visitors against those who would misuse them.

use auth_tests::{HOLD_HASHES, HttpAnswer, OTHER, PASSWORD, Program, Server, Visitor, start};

const ADA: &str = "ada@example.org";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const OWN: (&str, &str) = ("Sec-Fetch-Site", "same-origin");
const FORMS: [&str; 13] = [
    "register",
    "activate",
    "resend",
    "login",
    "forgot",
    "reset",
    "logout",
    "password",
    "email",
    "email-code",
    "session",
    "sessions",
    "delete",
];

/// Checks that an answer is a page, and returns what it shows.
fn page(answer: &HttpAnswer, status: u16) -> String {
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{answer:?}");
    let (_, shown) = answer.body.split_once("</style>").unwrap();
    assert_eq!(answer.status, status, "{shown}");
    shown.to_owned()
}

/// Threat: another site's page that registers, logs in or out, changes or deletes for its visitor (CSRF).
#[test]
fn forms_of_other_pages_are_refused_and_change_nothing() {
    let server = start(&[]);
    let mut visitor = Visitor::at(&server);
    visitor.enter(ADA, PASSWORD);
    let (session, mails) = (visitor.cookie("session").unwrap().to_owned(), server.mails().len());
    let fields =
        [("email", "eve@example.org"), ("password", PASSWORD), ("new_password", OTHER), ("code", "123456")];
    for form in FORMS {
        for from in [
            ("Origin", "https://evil.example"),
            ("Origin", "null"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
            ("Sec-Fetch-Site", "none"),
            ("Referer", "http://127.0.0.1/account/"),
        ] {
            let shown = page(&visitor.send_from(from, form, &fields), 403);
            assert!(shown.contains("did not come from a page of Accounts"), "{form} {from:?}: {shown}");
        }
    }
    assert_eq!(visitor.cookie("session"), Some(session.as_str()));
    page(&visitor.open(""), 200);
    assert_eq!((server.mails().len(), server.login(ADA, PASSWORD).status), (mails, 200));
}

#[test]
fn with_an_origin_forms_come_from_it_and_cookies_are_secure() {
    const ORIGIN: &str = "https://accounts.example.org";
    let server = start(&[("AUTH_ORIGIN", ORIGIN)]);
    server.activated(ADA, PASSWORD);
    let mut visitor = Visitor::at(&server);
    let fields = [("email", ADA), ("password", PASSWORD)];
    page(&visitor.send_from(("Origin", "http://accounts.example.org"), "login", &fields), 403);
    let answer = visitor.send_from(("Origin", ORIGIN), "login", &fields);
    assert_eq!(answer.status, 303, "{answer:?}");
    let set: Vec<&str> = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .map(|(_, line)| line.as_str())
        .collect();
    assert_eq!(set.len(), 2, "{answer:?}");
    for line in set {
        assert!(line.starts_with("__Host-") && line.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{line}");
    }
    assert!(server.login(ADA, PASSWORD).body.contains("auths_"), "programs keep their tokens");
}

/// Threat: pages that tell who has an account where the API does not.
#[test]
fn pages_look_alike_in_every_state_of_an_address() {
    let server = start(&[]);
    server.register("pending@example.org", PASSWORD);
    server.code("pending@example.org");
    server.activated("active-@example.org", PASSWORD);
    let token = "authr_AAAAAAAAAAAAAAAAAAAAAA";
    for (form, fields) in [
        ("register", &[("password", PASSWORD)][..]),
        ("activate", &[("password", OTHER), ("code", "123456")]),
        ("resend", &[]),
        ("login", &[("password", OTHER)]),
        ("forgot", &[]),
        ("reset", &[("token", token), ("new_password", OTHER)]),
    ] {
        let seen = ["absent-@example.org", "pending@example.org", "active-@example.org"].map(|address| {
            let answer = Visitor::at(&server).send(form, &[&[("email", address)], fields].concat());
            let headers: Vec<_> = answer
                .headers
                .iter()
                .filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()))
                // The browser keeps the address that it has sent.
                .map(|(name, value)| (name.clone(), value.replace(&address.replace('@', "%40"), "ADDRESS")))
                .collect();
            (answer.status, headers, answer.body.replace(address, "ADDRESS"))
        });
        assert_eq!(seen[0], seen[1], "{form}");
        assert_eq!(seen[1], seen[2], "{form}");
    }
}

/// Threat: input that becomes markup (CWE-79), in a form or in the list of sessions.
#[test]
fn what_visitors_send_stays_text() {
    const SCRIPT: &str = "\"'><script>alert(1)</script>@example.org";
    let server = start(&[]);
    let mut visitor = Visitor::at(&server);
    for form in ["register", "activate", "resend", "login", "forgot", "reset"] {
        let answer = visitor.send(form, &[("email", SCRIPT), ("password", PASSWORD)]);
        let shown = page(&answer, 400);
        assert!(shown.contains("&lt;script&gt;alert"), "{shown}");
        assert!(!shown.contains("<script>alert"), "{shown}");
    }
    visitor.enter(ADA, PASSWORD);
    let body = format!("email={ADA}&password={}", PASSWORD.replace(' ', "+"));
    let agent = ("User-Agent", "<script>alert(1)</script>");
    let answer = server.request("POST", "/account/login", &[FORM, OWN, agent], body.as_bytes());
    assert_eq!(answer.status, 303, "{answer:?}");
    for shown in [page(&visitor.open(""), 200), page(&visitor.send("email", &[("email", SCRIPT)]), 400)] {
        assert!(shown.contains("&lt;script&gt;alert") && !shown.contains("<script>alert"), "{shown}");
    }
    for query in [
        "notice=%3Cscript%3E",
        "notice=deleted",
        "notice=code_sent.x",
        "x&notice=code_sent",
        "next=%22%3E%3Cscript%3E",
        "next=https://evil.example",
        "next=/x?y&notice=code_sent",
    ] {
        let shown = page(&visitor.open(&format!("activate?{query}")), 200);
        assert!(!shown.contains("script") && !shown.contains("evil.example"), "{query}: {shown}");
        assert!(!shown.contains("role=\"status\""), "{query}: {shown}");
    }
}

/// Threat: a link to the real login that ends on somebody else's page.
#[test]
fn nobody_is_led_to_another_site() {
    let server = start(&[]);
    let mut visitor = Visitor::at(&server);
    visitor.enter(ADA, PASSWORD);
    for next in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/.//evil.example",
        "evil",
    ] {
        let answer = visitor.send("login", &[("email", ADA), ("password", PASSWORD), ("next", next)]);
        assert_eq!((answer.status, answer.header("location")), (303, Some("./")), "{next:?}");
    }
}

#[test]
fn secrets_are_on_no_page_and_in_no_log() {
    let server = start(&[]);
    let mut visitor = Visitor::at(&server);
    let mut seen = String::new();
    let mut note = |answer: HttpAnswer| seen.push_str(&answer.body);
    note(visitor.send("register", &[("email", ADA), ("password", "canary horse battery")]));
    let code = server.code(ADA);
    let wrong = [("email", ADA), ("password", "canary horse staple"), ("code", code.as_str())];
    note(visitor.send("activate", &wrong));
    note(visitor.send("activate", &[("email", ADA), ("password", "canary horse battery"), ("code", &code)]));
    note(visitor.open(""));
    note(visitor.send("delete", &[("password", "canary wrong")]));
    note(visitor.send("login", &[("email", ADA), ("password", "canary wrong")]));
    let session = visitor.cookie("session").unwrap().to_owned();
    note(visitor.send("reset", &[("email", ADA), ("token", "authr_token"), ("new_password", "canary")]));
    // The development mailer alone writes codes, each in a line of its own.
    let log: String = server.log().lines().filter(|line| !line.contains("development mail")).collect();
    for secret in ["canary", session.as_str(), "authd_", &format!("\"{code}\"")] {
        assert!(!seen.contains(secret), "{secret} is on a page");
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn pages_keep_their_headers_whatever_they_answer() {
    let server = start(&[]);
    let body = format!("email={ADA}&password=x");
    for answer in [
        server.get("/account/login"),
        server.get("/account/reset"),
        server.request("POST", "/account/login", &[FORM, OWN], body.as_bytes()),
        server.request("POST", "/account/login", &[FORM], body.as_bytes()),
        server.request("PUT", "/account/login", &[OWN], b""),
    ] {
        let policy = answer.header("content-security-policy").unwrap();
        for directive in
            ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(directive), "{policy}");
        }
        let scripts = policy.split(';').find(|directive| directive.contains("script-src")).unwrap();
        assert!(!scripts.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
        assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

#[test]
fn what_is_no_form_is_refused_with_a_page() {
    let server = start(&[]);
    let ask = |method, path, headers: &[(&str, &str)], body: &[u8]| {
        server.request(method, &format!("/account/{path}"), &[&[OWN], headers].concat(), body)
    };
    page(&ask("POST", "login", &[("Content-Type", "application/json")], b"{}"), 415);
    page(&ask("POST", "login", &[FORM, ("Content-Encoding", "gzip")], b"email=x"), 415);
    page(&ask("POST", "login", &[FORM], &b"x".repeat(16_385)), 413);
    for (body, said) in [
        (&b"email=a%40example.org&password=%ff"[..], "not sent as UTF-8"),
        (b"email=a%40example.org&email=b%40example.org&password=x", "sent twice"),
        (b"email=a%40example.org&password=x&admin=1", "does not know"),
    ] {
        let shown = page(&ask("POST", "login", &[FORM], body), 400);
        assert!(shown.contains(said), "{shown}");
    }
    // What fits into the body of an operation fits into a form, where each byte takes three.
    let longest = format!("email=a%40example.org&password={}", "%C3%A9".repeat(512));
    page(&ask("POST", "login", &[FORM], longest.as_bytes()), 401);
    page(&ask("POST", "login", &[FORM], b""), 400);
    let refused = ask("DELETE", "login", &[], b"");
    page(&refused, 405);
    assert_eq!(refused.header("allow"), Some("GET, HEAD, POST"));
    // Whoever reloads the answer to a form is led to a page.
    let reloaded = server.get("/account/sessions");
    assert_eq!((reloaded.status, reloaded.header("location")), (303, Some("./")));
    let beside = server.get("/account");
    assert_eq!((beside.status, beside.header("location")), (303, Some("account/")));
    for (path, home) in [("nothing", "./"), ("login/", "../"), ("a/b/c", "../../")] {
        let shown = page(&server.get(&format!("/account/{path}")), 404);
        assert!(shown.contains(&format!("href=\"{}login\"", home.replace('/', "&#x2f;"))), "{shown}");
    }
}

/// Threat: a page of another origin that reads those of a visitor.
#[test]
fn pages_are_for_no_other_origin() {
    const SHOP: &str = "https://shop.example.org";
    let server = start(&[("AUTH_CORS_ORIGINS", SHOP)]);
    let allowed = |path| {
        let answer = server.request("GET", path, &[("Origin", SHOP)], b"");
        answer.header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(allowed("/v1/session").as_deref(), Some(SHOP));
    for path in ["/account/", "/account/login", "/account/nothing"] {
        assert_eq!(allowed(path), None, "{path}");
    }
}

/// What guards the way to the service, an access list of a proxy for example, sends a header of its own.
#[test]
fn authorization_for_a_proxy_does_not_concern_the_pages() {
    let server = start(&[]);
    let mut visitor = Visitor::at(&server);
    visitor.enter(ADA, PASSWORD);
    let cookie = format!("session={}", visitor.cookie("session").unwrap());
    let headers = [("Cookie", cookie.as_str()), ("Authorization", "Basic c3RhZ2luZzpzdGFnaW5n")];
    assert!(page(&server.request("GET", "/account/", &headers, b""), 200).contains(ADA));
}

#[test]
fn too_many_tries_say_when_to_come_back() {
    let server = start(&[]);
    server.activated(ADA, PASSWORD);
    let mut visitor = Visitor::at(&server);
    (0..10).for_each(|_| drop(page(&visitor.send("login", &[("email", ADA), ("password", OTHER)]), 401)));
    let answer = visitor.send("login", &[("email", ADA), ("password", PASSWORD)]);
    let shown = page(&answer, 429);
    assert!(shown.contains("Too many tries.") && shown.contains("Try again in 15 minutes."), "{shown}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
}

#[test]
fn page_of_a_busy_server_keeps_what_was_typed() {
    let server = start(&[HOLD_HASHES, ("AUTH_HASH_WORKERS", "1"), ("AUTH_HASH_QUEUE", "1")]);
    let fields = [("email", ADA), ("password", PASSWORD)];
    let busy = std::thread::scope(|scope| {
        let asked: Vec<_> =
            (0..4).map(|_| scope.spawn(|| Visitor::at(&server).send("login", &fields))).collect();
        auth_tests::until("a refusal", || {
            asked.iter().any(std::thread::ScopedJoinHandle::is_finished).then_some(())
        });
        server.release_hashes();
        asked.into_iter().map(|asked| asked.join().unwrap()).find(|answer| answer.status == 503)
    });
    let shown = page(&busy.unwrap(), 503);
    assert!(shown.contains("Nothing was changed.") && shown.contains(ADA), "{shown}");
}

#[test]
fn where_pages_are_is_decided_by_mailer_and_setting() {
    let is_there = |server: &Server| server.get("/account/login").status == 200;
    assert!(is_there(&start(&[])));
    assert!(!is_there(&start(&[("AUTH_PAGES", "off")])));
    assert!(!is_there(&start(&[("AUTH_LOGIN", "off")])));
    assert!(!is_there(&start(&[("AUTH_PROFILE", "seed-compat")])));
    let smtp = ("AUTH_SMTP_URL", "smtp://127.0.0.1:9");
    let from = ("AUTH_MAIL_FROM", "Accounts <no-reply@example.org>");
    assert!(!is_there(&start(&[smtp, from])));
    let origin = ("AUTH_ORIGIN", "https://accounts.example.org");
    assert!(is_there(&start(&[smtp, from, origin, ("AUTH_PAGES", "on")])));
    for (settings, said) in [
        (&[("AUTH_PAGES", "on"), smtp, from][..], "AUTH_ORIGIN"),
        (&[("AUTH_PAGES", "on"), ("AUTH_LOGIN", "off")], "AUTH_LOGIN"),
        (&[("AUTH_PAGES", "perhaps")], "AUTH_PAGES"),
        (&[("AUTH_PAGES", "off"), ("AUTH_PAGE_TEMPLATES", "/tmp")], "AUTH_PAGE_TEMPLATES"),
        (&[("AUTH_ORIGIN", "http://accounts.example.org")], "AUTH_ORIGIN"),
    ] {
        let refusal = Program::plain(settings).refusal(&[]);
        assert!(refusal.contains(said), "{settings:?}: {refusal}");
    }
}
