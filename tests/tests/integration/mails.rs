//! Mails: their text, their language, and what never gets into them.

use std::fs;

use auth_tests::{OTHER, PASSWORD, Server, start};
use serde_json::{Value, json};
use tempfile::TempDir;

const ADA: &str = "ada@example.org";

fn register_in(server: &Server, address: &str, language: &str) {
    let body = json!({ "email": address, "password": PASSWORD });
    let answer = server.post("/v1/register", &[("Accept-Language", language)], &body);
    assert_eq!(answer.status, 202, "{language}: {answer:?}");
}

fn text(mail: &Value) -> &str {
    mail["text"].as_str().unwrap()
}

fn is_french(mail: &Value) -> bool {
    assert!(text(mail).contains("Bonjour") != text(mail).contains("Hello"), "{mail}");
    text(mail).contains("Bonjour")
}

/// Writes a folder of templates.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, source) in files {
        fs::write(folder.path().join(name), source).unwrap();
    }
    folder
}

fn with_folder(folder: &TempDir) -> Server {
    start(&[("AUTH_MAIL_TEMPLATES", folder.path().to_str().unwrap())])
}

#[test]
fn text_part_carries_the_code_alone_on_a_line_and_says_what_helps() {
    let server = start(&[]);
    for (address, language, help) in
        [(ADA, "en", "If the code does not work"), ("zoe@example.org", "fr", "Si le code ne fonctionne pas")]
    {
        register_in(&server, address, language);
        let mail = &server.wait_for_mails(address, 1)[0];
        let code = mail["code"].as_str().unwrap();
        assert_eq!(text(mail).lines().filter(|line| *line == code).count(), 1, "{mail}");
        assert!(text(mail).contains(help), "{mail}");
        assert_eq!(mail["html"].as_str().unwrap().matches(code).count(), 1, "{mail}");
        let subject = mail["subject"].as_str().unwrap();
        assert!(
            !subject.contains(code) && !subject.contains('\n') && subject.contains("Accounts"),
            "{subject}"
        );
    }
}

#[test]
fn mail_says_how_long_its_code_lives_and_how_many_tries_there_are() {
    for (ttl, told) in [("600", "10 minutes"), ("90", "90 seconds"), ("3600", "1 hour"), ("7200", "2 hours")]
    {
        let server = start(&[("AUTH_CODE_TTL_SECONDS", ttl), ("AUTH_CODE_TRIES", "4")]);
        server.register(ADA, PASSWORD);
        let mail = &server.wait_for_mails(ADA, 1)[0];
        assert!(text(mail).contains(&format!("valid for {told}.")), "{mail}");
        assert!(text(mail).contains("4 wrong tries"), "{mail}");
    }
}

#[test]
fn mailbox_shows_each_mail_whole_and_the_newest_first() {
    let server = start(&[]);
    server.activated(ADA, PASSWORD);
    server.register("bob@example.org", PASSWORD);
    server.wait_for_mails("bob@example.org", 1);
    server.register(ADA, PASSWORD);
    server.wait_for_mails(ADA, 2);
    let mails = server.mails();
    let to: Vec<&str> = mails.iter().map(|mail| mail["to"].as_str().unwrap()).collect();
    assert_eq!(to, [ADA, "bob@example.org", ADA]);
    for mail in &mails {
        for field in ["id", "at", "to", "subject", "text"] {
            assert!(mail[field].as_str().is_some_and(|text| !text.is_empty()), "{field} of {mail}");
        }
    }
    assert!(mails[0].get("code").is_some_and(Value::is_null), "a notice has none, and says so");
    assert_eq!(mails[1]["code"].as_str().map(str::len), Some(6));
}

#[test]
fn language_follows_accept_language() {
    let server = start(&[]);
    for (n, (accepted, french)) in [
        ("fr", true),
        ("FR", true),
        ("fr-CA", true),
        ("fr-ca, en;q=0.9", true),
        ("de, fr;q=0.5", true),
        ("de;q=0.9,fr;q=0.5,en;q=0.1", true),
        ("fr; q=0.8, en; q=0.3", true),
        ("en, fr", false),
        ("en-GB, fr;q=0.9", false),
        ("fr;q=0.1, en;q=0.2", false),
        ("fr;q=0", false),
        ("fr;q=0.000, de", false),
        ("de", false),
        ("", false),
        ("*", false),
        ("frr", false),
        ("../fr", false),
        ("fr.html", false),
        (";;;,,,=q", false),
    ]
    .into_iter()
    .enumerate()
    {
        let address = format!("user{n}@example.org");
        register_in(&server, &address, accepted);
        let mail = &server.wait_for_mails(&address, 1)[0];
        assert_eq!(is_french(mail), french, "{accepted}: {mail}");
    }
    server.register(ADA, PASSWORD);
    assert!(!is_french(&server.wait_for_mails(ADA, 1)[0]), "English without the header");
}

#[test]
fn no_accept_language_breaks_a_registration() {
    let server = start(&[]);
    let mixed: Vec<String> =
        (0..60).map(|n| format!("l{n};q={}", ["nan", "0.5", "1", "inf", "-1", "0.1"][n % 6])).collect();
    for language in [mixed.join(","), "fr,".repeat(3000), "x".repeat(8000), "q=1;q=nan".to_owned()] {
        register_in(&server, ADA, &language);
    }
}

#[test]
fn attempt_keeps_its_language() {
    let server = start(&[]);
    register_in(&server, ADA, "fr");
    server.wait_for_mails(ADA, 1);
    server.resend(ADA);
    server.pass(61);
    assert!(is_french(&server.wait_for_mails(ADA, 2)[0]), "a resend has no language of its own");
    register_in(&server, ADA, "en");
    server.pass(121);
    assert!(is_french(&server.wait_for_mails(ADA, 3)[0]), "the same attempt");
    server.post("/v1/register", &[("Accept-Language", "en")], &json!({ "email": ADA, "password": OTHER }));
    server.pass(241);
    assert!(!is_french(&server.wait_for_mails(ADA, 4)[0]), "another attempt");
}

#[test]
fn notice_speaks_the_owners_language() {
    let server = start(&[]);
    register_in(&server, ADA, "fr");
    assert_eq!(server.activate(ADA, PASSWORD, &server.code(ADA)).status, 200);
    register_in(&server, ADA, "en");
    let notice = &server.wait_for_mails(ADA, 2)[0];
    assert!(notice["code"].is_null() && is_french(notice), "not the stranger's: {notice}");
}

#[test]
fn service_name_is_in_the_mail_and_escaped_where_it_must_be() {
    let server = start(&[("AUTH_SERVICE_NAME", "Ben & Jerry's <Shop>")]);
    server.register(ADA, PASSWORD);
    let mail = &server.wait_for_mails(ADA, 1)[0];
    assert!(mail["subject"].as_str().unwrap().contains("Ben & Jerry's <Shop>"), "{mail}");
    assert!(text(mail).contains("Ben & Jerry's <Shop>"), "{mail}");
    let html = mail["html"].as_str().unwrap();
    assert!(html.contains("Ben &amp; Jerry") && !html.contains("<Shop>"), "{html}");
}

#[test]
fn nothing_of_a_request_gets_into_a_mail() {
    let server = start(&[]);
    let address = "{{9999*9999}}.c4n4ry%s$(id)@example.org".replace(['(', ')'], "");
    let body = json!({ "email": address, "password": "c4n4ry passphrase, quite long" }).to_string();
    let request = format!(
        "POST /v1/register HTTP/1.1\r\nHost: c4n4ry.example\r\nX-Forwarded-Host: c4n4ry.example\r\n\
         X-Forwarded-Proto: c4n4ry\r\nForwarded: host=c4n4ry.example\r\nOrigin: http://c4n4ry.example\r\n\
         Referer: http://c4n4ry.example\r\nUser-Agent: c4n4ry\r\nAccept-Language: c4n4ry, en;q=0.1\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = auth_tests::parse(&server.raw(request.as_bytes()));
    assert_eq!(answer.status, 202, "{answer:?}");
    assert!(!format!("{answer:?}").contains("c4n4ry"));
    let mail = &server.wait_for_mails(&address, 1)[0];
    for part in ["subject", "text", "html"] {
        let part = mail[part].as_str().unwrap();
        assert!(!part.contains("c4n4ry") && !part.contains("99980001") && !part.contains("http"), "{part}");
    }
}

#[test]
fn file_of_the_folder_replaces_the_built_in_of_its_name() {
    let source = "Ahoy from {{ service }}!\n{{ code }}\n{{ tries }} tries, {{ ttl_seconds }} s\n";
    let folder = folder(&[("activation.en.txt", source), ("notice.en.subject.txt", "Ahoy again")]);
    let server = with_folder(&folder);
    server.register(ADA, PASSWORD);
    let mail = server.wait_for_mails(ADA, 1)[0].clone();
    let code = mail["code"].as_str().unwrap();
    assert_eq!(text(&mail).trim_end(), format!("Ahoy from Accounts!\n{code}\n5 tries, 600 s"));
    assert!(mail["subject"].as_str().unwrap().contains("activation code"), "the others are built in");
    server.activate(ADA, PASSWORD, code);
    server.register(ADA, PASSWORD);
    assert_eq!(server.wait_for_mails(ADA, 2)[0]["subject"], "Ahoy again");
}

fn language_files(names: &[String; 6]) -> Vec<(&str, &'static str)> {
    let sources = [
        "Ihr Code",
        "Guten Tag!\n{{ code }}\n",
        "<p>{{ code }}",
        "Sie haben ein Konto",
        "Guten Tag!",
        "<p>Hallo",
    ];
    names.iter().map(String::as_str).zip(sources).collect()
}

fn names(tag: &str) -> [String; 6] {
    ["activation", "notice"]
        .iter()
        .flat_map(|kind| ["subject.txt", "txt", "html"].map(|part| format!("{kind}.{tag}.{part}")))
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

#[test]
fn folder_adds_languages_regions_included() {
    for (tag, accepted) in
        [("de", "de"), ("de", "de-AT, en;q=0.5"), ("de-CH", "de-CH"), ("de-ch", "de-CH, fr")]
    {
        let names = names(tag);
        let folder = folder(&language_files(&names));
        let server = with_folder(&folder);
        register_in(&server, ADA, accepted);
        let mail = &server.wait_for_mails(ADA, 1)[0];
        assert!(text(mail).starts_with("Guten Tag!"), "files of {tag}, asked for {accepted}: {mail}");
    }
}

/// A template that renders at start and fails later: the code's lifetime differs at start.
const FAILING: &str = "{{ code }}\n{{ 1 // (ttl_seconds - 60) }}";

#[test]
fn mail_that_cannot_be_made_is_tried_again_and_its_answer_does_not_tell() {
    let (failing, empty) = (folder(&[("activation.en.txt", FAILING)]), folder(&[]));
    let server = start(&[
        ("AUTH_MAIL_TEMPLATES", failing.path().to_str().unwrap()),
        ("AUTH_CODE_TTL_SECONDS", "60"),
        ("AUTH_MAIL_GIVE_UP_SECONDS", "3600"),
    ]);
    assert_eq!(server.register(ADA, PASSWORD).status, 202);
    let listed = || -> Value { serde_json::from_str(&server.run(&["mail", "list", "--json"]).1).unwrap() };
    let tried = |times: u64| {
        auth_tests::until("another try", || (listed()[0]["attempts"].as_u64() >= Some(times)).then_some(()));
    };
    tried(2);
    assert!(listed()[0]["last_error"].is_string(), "{}", listed());
    assert!(server.metric("auth_outbox_oldest_seconds") > 0.0, "the metrics show that the mail is late");
    assert_eq!(server.resend(ADA).status, 202, "nobody is told");
    server.shift_clock(3700);
    let dead = || server.metric(r#"auth_outbox_mails{state="dead"}"#) == 1.0;
    auth_tests::until("a dead letter", || dead().then_some(()));
    assert_eq!(listed()[0]["state"], "dead");
    assert!(server.mails().is_empty());

    let later = ("AUTH_TEST_CLOCK_SHIFT_SECONDS", "3700");
    let server = server.restart(&[("AUTH_MAIL_TEMPLATES", empty.path().to_str().unwrap()), later]);
    let (status, _, errors) = server.run_with(&[later], &["mail", "retry", "--all"]);
    assert_eq!(status, 0, "{errors}");
    assert_eq!(server.activate(ADA, PASSWORD, &server.code(ADA)).status, 200);
}
