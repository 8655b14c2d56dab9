//! Mail through a real Postfix, with TLS, logins, refusals and greylisting, and after an hour without
//! a mail server.

use std::{collections::HashSet, thread, time::Duration};

use auth_tests::{
    OTHER, PASSWORD, Program, Server,
    certificates::{Authority, Certificate},
    container::{self, Service, postfix},
    stack::server,
    start, took, until,
};
use serde_json::Value;

use crate::world::{Disturbance, World};

const FROM: (&str, &str) = ("AUTH_MAIL_FROM", "Accounts <no-reply@example.org>");
const LOGIN: [(&str, &str); 2] = [("POSTFIX_USER", "auth"), ("POSTFIX_PASSWORD", "canary-smtp-99")];

fn node(smtp: &str) -> Server {
    start(&[("AUTH_SMTP_URL", smtp), FROM])
}

/// Returns the mails that Postfix has delivered to an address, as files, or why it cannot be asked: it may be starting.
fn delivered(postfix: &Service, address: &str) -> Result<Vec<String>, String> {
    let wanted = format!("X-Original-To: {address}\n");
    let each = "find /var/mail/all/new -type f -exec cat {} ';' -exec printf '\\0' ';'";
    let all = postfix.try_exec(&["sh", "-c", &format!("test ! -d /var/mail/all/new || {each}")])?;
    Ok(all.split('\0').filter(|mail| mail.contains(&wanted)).map(str::to_owned).collect())
}

/// Waits for a mail to an address; returns it with the code in it, alone on a line of its text.
fn mail_to(postfix: &Service, address: &str) -> (String, String) {
    let mail = until("a mail in the Maildir", || delivered(postfix, address).ok()?.pop());
    let code = mail.lines().find(|line| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit()));
    let code = code.unwrap_or_else(|| panic!("no code in {mail}")).to_owned();
    (mail, code)
}

fn activates(node: &Server, postfix: &Service, address: &str) -> String {
    assert_eq!(node.register(address, PASSWORD).status, 202);
    let (mail, code) = mail_to(postfix, address);
    assert_eq!(node.activate(address, PASSWORD, &code).status, 200);
    mail
}

fn outbox(node: &Server) -> Vec<Value> {
    let (status, text, errors) = node.run(&["mail", "list", "--json"]);
    assert_eq!(status, 0, "{errors}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn postfix_delivers_over_every_kind_of_connection() {
    let authority = Authority::new();
    let postfix = postfix(&LOGIN, Some(&authority.issue(Certificate::Good)));
    let trust = format!("?ssl-ca={}", authority.file().display());
    let login = "auth:canary-smtp-99@";
    for (n, (smtp, protection)) in [
        (format!("smtp://{}", postfix.at(25)), "ESMTP "),
        (format!("smtp+starttls://{}{trust}", postfix.at(25)), "ESMTPS "),
        (format!("smtp+starttls://{login}{}{trust}", postfix.at(587)), "ESMTPSA "),
        (format!("smtps://{login}{}{trust}", postfix.at(465)), "ESMTPSA "),
    ]
    .into_iter()
    .enumerate()
    {
        let node = node(&smtp);
        let mail = activates(&node, &postfix, &format!("user{n}@example.org"));
        assert!(mail.contains(&format!("with {protection}")), "{smtp}: {mail}");
        assert!(
            mail.contains("\nReturn-Path: <no-reply@example.org>")
                || mail.starts_with("Return-Path: <no-reply@example.org>"),
            "{mail}"
        );
        let (status, said, errors) = node.run(&["check"]);
        assert_eq!(status, 0, "{said}{errors}");
        assert!(!said.contains("canary"), "{said}");
    }
}

#[test]
fn postfix_with_a_bad_certificate_gets_nothing_until_it_has_a_good_one() {
    for bad in [Certificate::Expired, Certificate::OtherName, Certificate::OtherAuthority] {
        let authority = Authority::new();
        let postfix = postfix(&LOGIN, Some(&authority.issue(bad)));
        let trust = format!("?ssl-ca={}", authority.file().display());
        let node = node(&format!("smtps://auth:canary-smtp-99@{}{trust}", postfix.at(465)));
        assert_eq!(node.register("ada@example.org", PASSWORD).status, 202, "answers never wait for mail");
        until("a deferred mail", || outbox(&node)[0]["last_error"].as_str().map(str::to_owned));
        assert!(!postfix.logs().contains("sasl_username"), "no password went to it: {}", postfix.logs());
        assert!(delivered(&postfix, "ada@example.org").unwrap().is_empty());
        let certificate = authority.issue(Certificate::Good);
        postfix.copy_in("/etc/postfix/tls/cert.pem", &certificate.chain);
        postfix.copy_in("/etc/postfix/tls/key.pem", &certificate.key);
        postfix.exec(&["postfix", "reload"]);
        assert_eq!(node.run(&["mail", "retry", "--all"]).0, 0);
        let (_, code) = mail_to(&postfix, "ada@example.org");
        assert_eq!(node.activate("ada@example.org", PASSWORD, &code).status, 200, "{bad:?}");
    }
}

#[test]
fn postfix_says_what_becomes_of_a_mail() {
    let postfix = postfix(&[("POSTFIX_GREYLIST_SECONDS", "2")], None);
    let node = node(&format!("smtp://{}", postfix.at(25)));
    for address in ["refused@example.org", "later@example.org", "ada@grey.example.org", "ada@elsewhere.test"]
    {
        assert_eq!(node.register(address, PASSWORD).status, 202);
    }
    let state = |address: &str| {
        let outbox = outbox(&node);
        let mail = outbox.iter().find(|mail| mail["to"] == address)?;
        let text = |key: &str| mail[key].as_str().unwrap_or_default().to_owned();
        Some((text("state"), text("last_error")))
    };
    for (address, words) in [("refused@example.org", "550"), ("ada@elsewhere.test", "Relay access denied")] {
        let error = until("a dead letter", || {
            state(address).filter(|(state, _)| state == "dead").map(|(_, error)| error)
        });
        assert!(error.contains(words), "{address}: {error}");
    }
    let error = until("a mail put off", || {
        state("later@example.org").map(|(_, error)| error).filter(|e| !e.is_empty())
    });
    assert!(error.contains("451"), "{error}");
    // Greylisted once or twice, then accepted.
    let (_, code) = mail_to(&postfix, "ada@grey.example.org");
    assert_eq!(node.activate("ada@grey.example.org", PASSWORD, &code).status, 200);
    assert!(postfix.logs().contains("Greylisted") || postfix.logs().contains("450"), "{}", postfix.logs());
}

#[test]
fn postfix_killed_frozen_and_cut_off_gets_every_mail_once_it_is_back() {
    let postfix = postfix(&[], None);
    // By its own address: through the published port a new connection would still open. Started again, it may have
    // another one.
    let own = format!("smtp://{}:25", postfix.inner_address());
    let published = format!("smtp://{}", postfix.at(25));
    let faults: [(&str, &str, Disturbance, Disturbance); 4] = [
        ("frozen", &own, Service::pause, Service::unpause),
        ("refused", &own, |postfix| postfix.refuse(25), |postfix| postfix.accept(25)),
        ("cut-off", &own, |postfix| postfix.cut_off(25), |postfix| postfix.reconnect(25)),
        ("killed", &published, Service::kill, Service::start),
    ];
    for (name, url, fault, repair) in faults {
        let node = node(url);
        activates(&node, &postfix, &format!("before-{name}@example.org"));
        fault(&postfix);
        let addresses: Vec<String> = (0..5).map(|n| format!("{name}{n}@example.org")).collect();
        for address in &addresses {
            let (answer, took) = took(|| node.register(address, PASSWORD));
            assert_eq!(answer.status, 202);
            assert!(took < Duration::from_secs(5), "answers never wait for mail: {took:?}");
        }
        // Each is under way, or was deferred.
        until("attempts in vain", || {
            let tried = outbox(&node).iter().filter(|mail| mail["attempts"].as_u64() > Some(0)).count();
            (tried == addresses.len()).then_some(())
        });
        repair(&postfix);
        for address in &addresses {
            let (_, code) = mail_to(&postfix, address);
            assert_eq!(node.activate(address, PASSWORD, &code).status, 200, "{name}");
        }
    }
}

#[test]
fn thousand_mails_that_waited_an_hour_leave_once_each_at_a_bounded_rate() {
    let world = World::on(&server("AUTH_TEST_MYSQL_URL"), &server("AUTH_TEST_REDIS_URL"));
    let nodes = [world.node(&[]), world.node(&[])];
    world.peer.down();
    let address = |n: usize| format!("user{n}@example.org");
    thread::scope(|scope| {
        for part in 0..4 {
            let node = &nodes[part % 2];
            scope.spawn(move || {
                for n in (part..1000).step_by(4) {
                    assert_eq!(node.register(&address(n), PASSWORD).status, 201);
                    if n % 10 == 0 {
                        // A newer attempt: the waiting mail belongs to it from now on.
                        assert_eq!(node.register(&address(n), OTHER).status, 201);
                    }
                }
            });
        }
    });
    assert!(world.peer.mails().is_empty());
    nodes.iter().for_each(|node| node.shift_clock(3600));
    world.peer.up();
    let first = || until("the first mail", || world.peer.mails().first().cloned());
    first();
    let ((), took) = took(|| {
        let all = || Some(world.peer.mails().len()).filter(|mails| *mails >= 1000);
        until("a thousand mails", all);
    });
    // Two nodes, 100 a second each: an hour's mails do not flood the server.
    assert!(took > Duration::from_secs(4), "{took:?}");
    nodes.iter().for_each(Server::wait_until_nothing_is_due);
    let mails = world.peer.mails();
    let addresses: HashSet<&str> = mails.iter().map(|mail| mail.recipients[0].as_str()).collect();
    assert_eq!((mails.len(), addresses.len()), (1000, 1000), "once each");
    for n in (0..1000).step_by(10).chain([1, 999]) {
        let password = if n % 10 == 0 { OTHER } else { PASSWORD };
        let answer = nodes[n % 2].activate(&address(n), password, &world.code_to(&address(n)));
        assert_eq!(answer.status, 200, "the newest attempt's: {answer:?}");
    }
}

#[test]
fn check_tells_what_is_wrong_with_the_way_to_postfix() {
    let authority = Authority::new();
    let postfix = container::postfix(&LOGIN, Some(&authority.issue(Certificate::Good)));
    let trust = format!("?ssl-ca={}", authority.file().display());
    let check = |smtp: &str, arguments: &[&str]| {
        let program = Program::plain(&[("AUTH_SMTP_URL", smtp), FROM]);
        let ran = program.run(&[&["check"], arguments].concat());
        (ran.status, ran.out)
    };
    let good = format!("smtps://auth:canary-smtp-99@{}{trust}", postfix.at(465));
    let (status, said) = check(&good, &["--mail-to", "ada@example.org"]);
    assert_eq!(status, 0, "{said}");
    until("the test mail", || delivered(&postfix, "ada@example.org").ok()?.pop());
    for (smtp, arguments, words) in [
        (good.replace("canary", "wrong"), &[][..], "535"),
        (good.clone(), &["--mail-to", "ada@elsewhere.test"], "Relay access denied"),
        (good.replace("smtps", "smtp+starttls"), &[], "FAILED"),
    ] {
        let (status, said) = check(&smtp, arguments);
        assert_eq!(status, 1, "{said}");
        assert!(
            said.lines().any(|line| line.starts_with("FAILED") && line.contains(words)),
            "{words}: {said}"
        );
    }
}
