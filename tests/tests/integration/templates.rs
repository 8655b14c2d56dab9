//! `AUTH_MAIL_TEMPLATES`: which folders the program accepts, and which it refuses.

use std::{fs, os::unix::fs::symlink, path::Path};

use auth_core::{Locale, Template};
use auth_http::adapter::mail_templates::MailTemplates;
use auth_tests::{PASSWORD, Program, Server};
use serde_json::{Value, json};

const ASSETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../auth-http/assets/mails");
const MAILS: (&str, &str) = ("AUTH_MAIL_TEMPLATES", "mails");

/// Returns a program whose folder `mails` has these templates.
fn with(files: &[(&str, &str)]) -> Program {
    let program = Program::plain(&[MAILS]);
    fs::create_dir(program.folder().join("mails")).unwrap();
    for (name, source) in files {
        program.write(&format!("mails/{name}"), source);
    }
    program
}

/// Asserts that `serve` and `check` refuse a folder with these words.
fn refused(program: &Program, words: &[&str]) {
    let (said, checked) = (program.refusal(&[]), program.run(&["check"]));
    assert_eq!(checked.status, 1, "{checked:?}");
    let checked = checked.out.lines().find(|line| line.starts_with("FAILED  mail: ")).unwrap().to_owned();
    for word in [&"AUTH_MAIL_TEMPLATES"].into_iter().chain(words) {
        assert!(said.contains(word) && checked.contains(word), "{word} is not in {said}, or in {checked}");
    }
}

/// Registers in this language; returns the mail.
fn mail(server: &Server, address: &str, language: &str) -> Value {
    let body = json!({ "email": address, "password": PASSWORD });
    assert_eq!(server.post("/v1/register", &[("Accept-Language", language)], &body).status, 202);
    server.wait_for_mails(address, 1).remove(0)
}

fn served(program: &Program) -> Server {
    program
        .with(&[("AUTH_PROFILE", "seed-compat"), ("AUTH_DISCLOSURE", "hidden"), ("AUTH_SCRYPT", "4,8,1")])
        .serve(&[])
}

#[test]
fn empty_folder_changes_nothing() {
    let server = served(&with(&[]));
    assert!(mail(&server, "ada@example.org", "fr")["text"].as_str().unwrap().contains("Bonjour"));
}

#[test]
fn what_editors_and_file_managers_leave_is_none_of_ours() {
    let program = with(&[
        (".gitignore", "*"),
        (".activation.en.txt.swp", "no code"),
        (".DS_Store", "x"),
        ("activation.en.txt~", "no code"),
        ("Activation.EN.html~", "no code"),
        ("#activation.en.txt#", "no code"),
        ("activation.en.txt.swp", "no code"),
    ]);
    // Emacs's lock is a dangling link; Kubernetes mounts a ConfigMap through a hidden folder.
    symlink("ada@host.1234:5678", program.folder().join("mails/.#activation.en.txt")).unwrap();
    fs::create_dir(program.folder().join("mails/..data")).unwrap();
    let server = served(&program);
    assert!(mail(&server, "ada@example.org", "en")["text"].as_str().unwrap().contains("Hello"));
}

/// Some editors write a byte order mark before UTF-8; readers would see it, or not find the code alone on its line.
#[test]
fn byte_order_mark_reaches_no_mail() {
    let server = served(&with(&[
        ("activation.en.subject.txt", "\u{feff}Your code"),
        ("activation.en.txt", "\u{feff}{{ code }}\r\n"),
        ("activation.en.html", "\u{feff}<p>{{ code }}</p>"),
    ]));
    let mail = mail(&server, "ada@example.org", "en");
    assert_eq!(mail["subject"], "Your code");
    assert_eq!(mail["text"].as_str().unwrap().trim_end(), mail["code"]);
    assert!(!mail.to_string().contains('\u{feff}'), "{mail}");
}

#[test]
fn complete_language_joins_the_built_in_ones() {
    let program = with(&[]);
    let mails = program.folder().join("mails");
    for entry in fs::read_dir(ASSETS).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some((kind, part)) = name.split_once(".en.") {
            let source = fs::read_to_string(Path::new(ASSETS).join(&name)).unwrap();
            fs::write(mails.join(format!("{kind}.de.{part}")), source.replace("Hello", "Guten Tag")).unwrap();
        }
    }
    let checked = program.run(&["check"]);
    assert!(checked.out.contains("languages de, en, fr"), "{}", checked.out);
    let server = served(&program);
    for (n, (language, greeting)) in
        [("de", "Guten Tag"), ("de-AT", "Guten Tag"), ("fr", "Bonjour"), ("it", "Hello")].iter().enumerate()
    {
        let mail = mail(&server, &format!("user{n}@example.org"), language);
        let text = mail["text"].as_str().unwrap();
        assert!(text.contains(greeting), "{language}: {text}");
        assert!(text.lines().any(|line| line == mail["code"]), "{text}");
    }
}

#[test]
fn incomplete_language_is_refused_by_the_file_that_it_lacks() {
    let files = [
        "activation.de.subject.txt",
        "activation.de.txt",
        "activation.de.html",
        "notice.de.subject.txt",
        "notice.de.txt",
        "notice.de.html",
    ];
    for lacking in files {
        let program = with(&[]);
        for name in files.iter().filter(|name| **name != lacking) {
            program.write(&format!("mails/{name}"), "{{ code if code is defined else 'x' }}");
        }
        refused(&program, &["language de", &format!("lacks {lacking}")]);
    }
}

#[test]
fn file_names_of_no_template_are_refused() {
    for name in [
        "readme.md",
        "activation.txt",
        "activation.en.text",
        "activation.en.subject.html",
        "welcome.en.txt",
        "activation.e_n.txt",
        "activation..txt",
        "activation.en.txt.bak",
        "activation.en",
        "en",
    ] {
        refused(&with(&[(name, "x")]), &[name, "activation.en.txt for example"]);
    }
}

#[test]
fn what_does_not_parse_or_render_is_refused_by_its_name() {
    for (name, source, told) in [
        ("activation.en.txt", "{{ code", "activation.en.txt"),
        ("activation.en.txt", "{% if %}", "activation.en.txt"),
        ("activation.fr.html", "{% for x in y %}", "activation.fr.html"),
        ("activation.en.html", "{{ password }}", "undefined"),
        ("notice.en.txt", "{{ code }}", "undefined"),
        ("notice.en.html", "{{ email }}", "undefined"),
        ("notice.fr.subject.txt", "{{ service | nonsense }}", "nonsense"),
        ("activation.en.txt", "{% include '/etc/passwd' %}\n{{ code }}", "activation.en.txt"),
    ] {
        refused(&with(&[(name, source)]), &[name, "is wrong", told]);
    }
}

#[test]
fn text_without_the_code_alone_on_a_line_is_refused() {
    for (name, source) in [
        ("activation.en.txt", "Hello."),
        ("activation.en.txt", "Your code: {{ code }}"),
        ("activation.fr.txt", "{{ code }}{{ code }}"),
        ("activation.en.txt", "{# {{ code }} #}"),
        ("activation.en.txt", ""),
    ] {
        refused(&with(&[(name, source)]), &[name, "{{ code }} alone on a line"]);
    }
    let server = served(&with(&[("activation.en.txt", "Code:\r\n\r\n  {{ code }}  \r\n")]));
    let mail = mail(&server, "ada@example.org", "en");
    assert!(mail["text"].as_str().unwrap().contains(mail["code"].as_str().unwrap()), "{mail}");
}

/// What a mail that resets a password must carry depends on where it leads.
#[test]
fn reset_without_its_token_or_link_alone_on_a_line_is_refused() {
    refused(&with(&[("reset.en.txt", "{{ link }}")]), &["reset.en.txt", "{{ token }} alone on a line"]);
    let loaded = |source: &str, page: Option<&str>| {
        let program = with(&[("reset.fr.txt", source)]);
        let folder = program.folder().join("mails");
        MailTemplates::load(Some(&folder), "Example", page.map(str::to_owned)).map(drop)
    };
    let page = Some("https://app.example.org/reset");
    assert!(loaded("{{ token }}", None).is_ok() && loaded("{{ link }}", page).is_ok());
    let error = loaded("{{ token }}", page).unwrap_err().to_string();
    assert!(error.contains("{{ link }} alone on a line"), "{error}");
}

/// A folder of the version before has no other mails.
#[test]
fn mail_that_a_language_lacks_is_of_the_language_without_its_region_or_in_english() {
    let program = with(&[]);
    for tag in ["fr-ca", "nl"] {
        for part in ["subject.txt", "txt", "html"] {
            let code = if part == "txt" { "{{ code }}" } else { "Line" };
            program.write(&format!("mails/activation.{tag}.{part}"), code);
            program.write(&format!("mails/notice.{tag}.{part}"), "Line");
        }
    }
    let folder = program.folder().join("mails");
    let templates = MailTemplates::load(Some(&folder), "Example", None).unwrap();
    for (tag, said) in [("fr-CA", "mot de passe"), ("nl", "password")] {
        let locale = Locale::parse(tag).unwrap();
        let subject = templates.render(&Template::PasswordChanged, &locale, "").unwrap().subject;
        assert!(subject.contains(said), "{tag}: {subject}");
    }
}

/// Threat: notifications and mail logs show subjects.
#[test]
fn subject_with_the_code_or_of_several_lines_is_refused() {
    for (name, source) in [
        ("activation.en.subject.txt", "{{ code }} is your code"),
        ("activation.fr.subject.txt", "Votre code{{ code }}"),
        ("activation.en.subject.txt", "Your code\nBcc: eve@example.org"),
        ("notice.en.subject.txt", "One\n\nTwo"),
        ("notice.en.subject.txt", ""),
        ("notice.fr.subject.txt", "  \n "),
    ] {
        refused(&with(&[(name, source)]), &[name, "one line without the code"]);
    }
}

/// Threat: an injected header (RFC 5322): a carriage return ends a line for many readers.
#[test]
fn subject_with_control_characters_is_refused() {
    for source in ["Your code\rBcc: eve@example.org", "Your\u{b}code", "Your \u{1b}[31mcode", "Your\0code"] {
        refused(&with(&[("activation.en.subject.txt", source)]), &["activation.en.subject.txt", "one line"]);
    }
}

#[test]
fn folder_that_cannot_be_read_is_refused() {
    refused(&Program::plain(&[MAILS]), &["mails cannot be read"]);
    let program = Program::plain(&[MAILS]);
    program.write("mails", "a file");
    refused(&program, &["mails cannot be read"]);
    let program = with(&[]);
    fs::create_dir(program.folder().join("mails/activation.en.txt")).unwrap();
    refused(&program, &["mails/activation.en.txt cannot be read"]);
    let program = with(&[]);
    program.write("mails/activation.en.txt", [b'{', 0xff, 0xfe]);
    refused(&program, &["mails/activation.en.txt cannot be read", "UTF-8"]);
}
